#include "zygote/ahead/takeover.hpp"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "wire/reply.hpp"
#include "wire/zygote_message.hpp"
#include "worker/argument_words.hpp"
#include "worker/context.hpp"
#include "worker/filter_watch.hpp"
#include "worker/interpreter.hpp"
#include "worker/login_user.hpp"
#include "worker/process_title.hpp"
#include "worker/streams.hpp"
#include "worker/terminal.hpp"
#include "worker/worker.hpp"
#include "zygote/ahead/answers.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/end.hpp"
#include "zygote/ahead/folders.hpp"
#include "zygote/ahead/open_files.hpp"
#include "zygote/ahead/parking.hpp"
#include "zygote/ahead/spies.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::Ref;

[[noreturn]] void send_back(const wire::Job& job, const std::string& why) {
  wire::Reply reply;
  reply.kind = wire::ReplyKind::retry;
  reply.text = why;
  (void)worker::tell_client(job.connection.borrow(), reply);
  (void)wire::send_some(course().link.borrow(),
                        wire::encode(wire::Verdict{wire::VerdictKind::differs, 0, why}));
  ::_exit(0);
}

std::string current_folder() {
  std::array<char, PATH_MAX> path{};
  return ::getcwd(path.data(), path.size()) != nullptr ? path.data() : "";
}

bool brings_more_descriptors(const wire::Request& request) {
  return std::any_of(request.descriptors.begin(), request.descriptors.end(),
                     [](std::int32_t number) { return number > 2; });
}

void enter(const wire::Request& request, wire::Job& job) {
  auto terminal = worker::take_terminal(request, job.descriptors);
  if (!terminal) return;
  if (count_threads() > 1) send_back(job, "a terminal, and threads");
  if (!worker::enter_terminal(std::move(*terminal),
                              (request.flags & wire::k_flag_group_leader) != 0,
                              course().link.borrow(), false))
    send_back(job, "no session on the terminal");
}

void take_process(const wire::Request& request, wire::Job& job) {
  Course& own = course();
  const std::vector<int> fixed = own_descriptors(own.link.get());
  std::vector<int> programs;
  for (const int number : fixed) {
    const bool brought =
        number == job.connection.get() ||
        std::any_of(job.descriptors.begin(), job.descriptors.end(),
                    [number](const base::UniqueFd& one) { return one.get() == number; });
    if (!brought) programs.push_back(number);
  }
  if (!programs.empty() && brings_more_descriptors(request))
    send_back(job, "descriptors of the caller's and of the program's");
  const bool asked = own.facts.count({FactKind::folder, 0, {}}) != 0;
  const std::string before = asked ? current_folder() : std::string();
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (const auto objection = worker::take_context(request, job, own.link, programs))
    send_back(job, objection->detail);
  if (asked && current_folder() != before) send_back(job, "current folder");
  // What the program has made of it itself.
  if (own.facts.count({FactKind::mask, 0, {}}) != 0) ::umask(mask);
}

/// The variable that PEP 538 puts into the environment of a C locale.
std::vector<std::string_view> environment_of(const wire::Request& request) {
  std::vector<std::string_view> entries = request.environment;
  const char* own = std::getenv("LC_CTYPE");
  const auto is_it = [](std::string_view entry) { return entry.starts_with("LC_CTYPE="); };
  const auto old = std::find_if(entries.begin(), entries.end(), is_it);
  const bool coerced =
      own != nullptr && std::string_view(own) == "C.UTF-8" &&
      std::none_of(course().request.environment.begin(), course().request.environment.end(),
                   [](std::string_view entry) { return entry == "LC_CTYPE=C.UTF-8"; }) &&
      course().own_variables.count("LC_CTYPE") == 0;
  if (!coerced) return entries;
  if (old != entries.end())
    *old = "LC_CTYPE=C.UTF-8";
  else
    entries.emplace_back("LC_CTYPE=C.UTF-8");
  return entries;
}

bool set(PyObject* values, const std::string& name, const std::string& value) {
  const Ref key = worker::bytes_of(name);
  const Ref text = worker::bytes_of(value);
  return key && text && PyDict_SetItem(values, key.get(), text.get()) == 0;
}

/// The caller's environment, with what the program did to its own.
bool fill_environment(const std::vector<std::string_view>& entries) {
  PyObject* const values = worker::baseline().environment_values.get();
  PyDict_Clear(values);
  for (const std::string_view entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const Ref name = worker::bytes_of(entry.substr(0, equals));
    const Ref value = worker::bytes_of(entry.substr(equals + 1));
    if (!name || !value || PyDict_SetDefault(values, name.get(), value.get()) == nullptr)
      return false;
  }
  for (const VariableChange& change : course().python_changes) {
    if (change.value) {
      if (!set(values, change.name, *change.value)) return false;
      continue;
    }
    const Ref name = worker::bytes_of(change.name);
    if (!name || PyDict_DelItem(values, name.get()) != 0) PyErr_Clear();
  }
  for (const VariableChange& change : course().c_changes) {
    if (change.value)
      ::setenv(change.name.c_str(), change.value->c_str(), 1);
    else
      ::unsetenv(change.name.c_str());
  }
  return true;
}

/// The same list, its first `kept` words as the program has left them.
bool fill_words(PyObject* list, Py_ssize_t kept, const std::vector<std::string_view>& words) {
  const Ref rest = Ref::steal(PyList_New(0));
  for (const std::string_view word : words) {
    const Ref text = worker::decode(word);
    if (!rest || !text || PyList_Append(rest.get(), text.get()) != 0) return false;
  }
  return PyList_SetSlice(list, kept, PyList_Size(list), rest.get()) == 0;
}

bool is_list(PyObject* object) {
  return object != nullptr && PyList_Check(object) != 0;
}

/// Until it knows the others, sys.argv holds what names the program: of an entry point that has not
/// found itself yet, two words.
bool fill_all_words(const wire::Request& request) {
  const std::vector<std::string> words = worker::original_words(request);
  const std::vector<std::string_view> rest(words.begin() + 1, words.end());
  PyObject* const given = PySys_GetObject("argv");
  PyObject* const original = PySys_GetObject("orig_argv");
  if (given != nullptr &&
      !(is_list(given) && fill_words(given, PyList_Size(given), request.arguments)))
    return false;
  return original == nullptr || (is_list(original) && fill_words(original, 1, rest));
}

bool set_streams_again() {
  for (const StreamSetting& setting : course().stream_settings)
    if (!reconfigure(setting.stream.get(), setting.values.get())) return false;
  course().stream_settings.clear();
  return true;
}

bool take_interpreter(const wire::Request& request) {
  const std::vector<std::string> words = worker::original_words(request);
  const std::vector<std::string_view> entries = environment_of(request);
  worker::set_title_and_environment({words.begin(), words.end()}, entries);
  worker::set_argument_words(words);
  worker::remember_filters();
  // Those that it knows already it may have changed.
  return fill_environment(entries) && (course().knows_arguments || fill_all_words(request)) &&
         worker::renew_streams() && set_streams_again();
}

}  // namespace

bool take_arguments(const std::string& encoded) {
  const auto arguments = wire::decode_arguments(encoded);
  if (!arguments) return false;
  wire::Request request = course().request;
  request.arguments = *arguments;
  return fill_all_words(request);
}

void take_over(wire::Job& job) {
  Course& own = course();
  const auto request = wire::decode_request(job.body);
  if (!request || request->descriptors.size() != job.descriptors.size())
    send_back(job, "malformed");
  enter(*request, job);
  take_process(*request, job);
  if (!take_interpreter(*request)) send_back(job, "interpreter state");
  if (!make_new_folders()) send_back(job, "a folder that cannot be made");
  lift_spies();
  worker::adopt_login_user(job.connection.borrow());
  own.phase = Phase::served;
  own.end_report = {std::string(request->report_name), ::getpid()};
  wire::Reply started;
  started.kind = wire::ReplyKind::started;
  started.value = own.end_report.pid;
  // A client that has gone has not committed to this run.
  if (!worker::tell_client(job.connection.borrow(), started)) {
    remove_new_folders();
    ::_exit(0);
  }
  (void)wire::send_some(own.link.borrow(),
                        wire::encode(wire::Verdict{wire::VerdictKind::accepted, 0, {}}));
  job.connection.reset();
  own.link.reset();
  worker::apply_blocked_signals(*request);
}

}  // namespace pml::zygote::ahead
