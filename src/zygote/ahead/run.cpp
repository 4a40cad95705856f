#include "zygote/ahead/run.hpp"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "ahead/messages.hpp"
#include "base/exit_status.hpp"
#include "wire/zygote_message.hpp"
#include "worker/finish.hpp"
#include "worker/identity.hpp"
#include "worker/interpreter.hpp"
#include "worker/process_title.hpp"
#include "worker/program.hpp"
#include "worker/worker.hpp"
#include "zygote/ahead/course.hpp"
#include "zygote/ahead/end.hpp"
#include "zygote/ahead/open_files.hpp"
#include "zygote/ahead/parking.hpp"
#include "zygote/ahead/spies.hpp"
#include "zygote/ahead/trial.hpp"

namespace pml::zygote::ahead {

namespace {

using worker::attribute;
using worker::Ref;

void ended() {
  if (course().phase != Phase::served) give_up("it ends without a question");
}

/// The streams of the last caller: which there are, and what a terminal makes of them.
bool begin_streams() {
  constexpr const char* k_names[][2] = {
      {"stdin", "__stdin__"}, {"stdout", "__stdout__"}, {"stderr", "__stderr__"}};
  for (int number = 0; number < 3; ++number) {
    const pml::ahead::Stream& stream = course().plan.streams[static_cast<std::size_t>(number)];
    if (!stream.open) {
      for (const char* name : k_names[number])
        if (PySys_SetObject(name, Py_None) != 0) return false;
      base::close_number(number);
      continue;
    }
    PyObject* const text = PySys_GetObject(k_names[number][1]);
    if (!stream.terminal || text == nullptr || text == Py_None) continue;
    const Ref reconfigure = attribute(text, "reconfigure");
    const Ref none = Ref::steal(PyTuple_New(0));
    const Ref names = Ref::steal(Py_BuildValue("{s:O}", "line_buffering", Py_True));
    if (!reconfigure || !Ref::steal(PyObject_Call(reconfigure.get(), none.get(), names.get())))
      return false;
  }
  return true;
}

bool begin_words(const wire::Request& request) {
  std::vector<std::string_view> words;
  if (request.kind == wire::ProgramKind::entry_point)
    words = {"-c", request.target};
  else
    words = {request.kind == wire::ProgramKind::module ? std::string_view("-m") : request.target};
  const Ref list = Ref::steal(PyList_New(0));
  for (const std::string_view word : words) {
    const Ref text = worker::decode(word);
    if (!list || !text || PyList_Append(list.get(), text.get()) != 0) return false;
  }
  return PySys_SetObject("argv", list.get()) == 0;
}

bool begin(const wire::Request& request) {
  const std::vector<std::string> words = worker::original_words(request);
  worker::set_title_and_environment({words.front(), "(pml: runs ahead)"}, request.environment);
  return begin_words(request) && begin_streams();
}

/// Warnings of options, a sitecustomize that prints: a caller of the program's would see it.
bool has_said_something() {
  for (const char* name : {"stdout", "stderr"})
    if (PyObject* const stream = PySys_GetObject(name)) worker::call_method(stream, "flush");
  PyErr_Clear();
  for (const int number : {1, 2}) {
    struct stat info = {};
    if (::fstat(number, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) return true;
  }
  return false;
}

std::uint64_t now_usec() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

void start_spies() {
  start_environment_spy();
  start_function_spies();
  PyObject *key = nullptr, *module = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &key, &module) != 0;)
    spy_on_module(module, text_of(key));
  PyObject* const modules = PyImport_GetModuleDict();
  const bool has_gc = PyDict_GetItemString(modules, "gc") != nullptr;
  spy_on_module(Ref::steal(PyImport_ImportModule("gc")).get(), "gc");
  if (!has_gc) PyDict_DelItemString(modules, "gc");
  PyErr_Clear();
  start_look_up_spies();
  start_audit_spy();
}

void lift_spies() {
  lift_function_spies();
  lift_look_up_spies();
  lift_environment_spy();
  course().system_seeded.clear();
  course().fixed_seeded.clear();
}

void renew_process() {
  worker::renew_thread_number();
  if (!course().system_seeded.empty()) {
    const Ref module = Ref::steal(PyImport_ImportModule("_random"));
    const Ref seed = attribute(attribute(module.get(), "Random").get(), "seed");
    for (const Ref& generator : course().system_seeded)
      Ref::steal(PyObject_CallOneArg(seed.get(), generator.get()));
  }
  if (course().renews_multiprocessing) worker::renew_multiprocessing();
  PyErr_Clear();
}

void run(std::vector<base::UniqueFd> descriptors, base::UniqueFd link,
         const std::string& executable) {
  Course& own = course();
  own.link = move_up(std::move(link));
  own.phase = Phase::in_template;
  own.start_usec = now_usec();
  const auto bytes = descriptors.size() == 1 ? pml::ahead::from_memory(descriptors.front().borrow())
                                             : std::nullopt;
  descriptors.clear();
  auto plan = bytes ? pml::ahead::decode_plan(*bytes) : std::nullopt;
  if (!plan) give_up("the plan is none");
  own.plan = std::move(*plan);
  const auto request = wire::decode_request(own.plan.request);
  if (!request) give_up("the request is none");
  own.request = *request;
  if (has_said_something()) give_up("the interpreter says something when it starts");
  worker::prepare_finish();
  worker::take_baseline(executable);
  worker::remember_memory_map();
  worker::renew_main();
  if (!begin(own.request)) give_up("the interpreter cannot be prepared");
  note_start();
  worker::g_at_outcome = ended;
  start_spies();
  if (own.plan.trial) {
    if (!begin_trial()) give_up("nobody would see what compiled code asks");
  } else {
    start_bounds();
  }
  end(worker::run_program(own.request));
}

}  // namespace pml::zygote::ahead
