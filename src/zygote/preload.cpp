#include "zygote/preload.hpp"

#include <pybind11/eval.h>
#include <pybind11/pybind11.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>

#include "wire/channel.hpp"
#include "wire/entry_point_code.hpp"
#include "worker/end_rehearsal.hpp"
#include "worker/identity.hpp"
#include "worker/interpreter.hpp"
#include "worker/kept_file.hpp"
#include "worker/placement.hpp"
#include "worker/stash.hpp"
#include "worker/streams.hpp"
#include "worker/worker.hpp"
#include "zygote/division.hpp"
#include "zygote/early_questions.hpp"
#include "zygote/heap.hpp"
#include "zygote/imports/origins.hpp"
#include "zygote/imports/recorder.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

void report(base::BorrowedFd link, const wire::Event& event) {
  (void)wire::send_some(link, wire::encode(event));
}

/// Of this process, C's own included. The folder has a link for itself, one for its parent and one
/// for each thread.
std::size_t count_threads() {
  struct stat info = {};
  return ::stat("/proc/self/task", &info) == 0 ? info.st_nlink - 2 : 1;
}

/// Some libraries (OpenBLAS for one) end their threads before each fork, and start others when they
/// need them.
void let_libraries_prepare_for_forks() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  if (child > 0) ::waitpid(child, nullptr, 0);
}

/// What is done at each signal; a handler would be every job's, whether it imports the module or
/// not.
std::vector<void (*)(int)> signal_handlers() {
  std::vector<void (*)(int)> handlers(NSIG);
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action = {};
    if (::sigaction(number, nullptr, &action) == 0) handlers[number] = action.sa_handler;
  }
  return handlers;
}

/// What an import must not leave in a process that is going to be forked.
struct Footprint {
  std::size_t threads = count_threads();
  std::vector<int> descriptors = worker::open_descriptors();
  std::vector<void (*)(int)> handlers = signal_handlers();
};

std::string difference(const Footprint& before) {
  Footprint after;
  if (after.threads > before.threads) {
    let_libraries_prepare_for_forks();
    after = {};
  }
  std::string text;
  if (after.threads > before.threads)
    text += "it left " + std::to_string(after.threads - before.threads) + " thread(s) running";
  for (const int number : after.descriptors) {
    const auto& known = before.descriptors;
    if (std::find(known.begin(), known.end(), number) != known.end() ||
        number == worker::kept_file())
      continue;
    char target[256];
    const ssize_t size =
        ::readlink(("/proc/self/fd/" + std::to_string(number)).c_str(), target, sizeof target);
    if (size <= 0) continue;
    text += (text.empty() ? "it left " : " and ") +
            std::string(target, static_cast<std::size_t>(size)) + " open";
  }
  for (int number = 1; number < NSIG; ++number)
    if (after.handlers[number] != before.handlers[number])
      text += (text.empty() ? "it left a handler of signal " : " and a handler of signal ") +
              std::to_string(number);
  if (!text.empty()) text += "; import it after the fork (preload.after-fork) instead";
  return text;
}

std::string traceback_of(py::error_already_set& error) {
  try {
    const py::module_ traceback = py::module_::import("traceback");
    const py::object kept = py::module_::import("linecache").attr("cache");
    // A job must not find the lines that were read for this text.
    const py::object before = kept.attr("copy")();
    const py::object lines =
        traceback.attr("format_exception")(error.type(), error.value(), error.trace());
    kept.attr("clear")();
    kept.attr("update")(before);
    return py::str(py::str("").attr("join")(lines));
  } catch (py::error_already_set&) {
    return error.what();
  }
}

bool is_absence(py::error_already_set& error, const std::string& name) {
  if (!error.matches(PyExc_ModuleNotFoundError)) return false;
  const std::string missing = py::str(py::getattr(error.value(), "name", py::str("")));
  return name == missing || name.rfind(missing + ".", 0) == 0;
}

template <typename Step>
void guarded(base::BorrowedFd link, const std::string& name, bool optional, Step&& step) {
  report(link, {wire::EventKind::preloading, 0, 0, 0, 0, name});
  const Footprint before;
  const auto begin = std::chrono::steady_clock::now();
  try {
    step();
    const auto took = std::chrono::steady_clock::now() - begin;
    report(link, {wire::EventKind::preloaded, 0,
                  static_cast<std::int32_t>(
                      std::chrono::duration_cast<std::chrono::microseconds>(took).count()),
                  0, 0, name});
  } catch (py::error_already_set& error) {
    const bool absent = optional && is_absence(error, name);
    const std::string text = traceback_of(error);
    report(link, {wire::EventKind::preload_failed, 0, absent ? 1 : 0, 0, 0, name, text});
    return;
  }
  const std::string left = difference(before);
  if (!left.empty()) report(link, {wire::EventKind::preload_warning, 0, 0, 0, 0, name, left});
}

void import_all(const std::vector<std::string_view>& names, bool optional, Recorder& recorder,
                base::BorrowedFd link) {
  for (std::string_view name : names) {
    const std::string text(name);
    guarded(link, text, optional, [&] {
      py::module_::import("importlib").attr("import_module")(text);
      recorder.end_threads();
    });
  }
}

void call_warmup(std::string_view spec, base::BorrowedFd link) {
  const std::string text(spec);
  guarded(link, text, false, [&text] {
    const std::size_t colon = text.find(':');
    const py::object module =
        py::module_::import("importlib").attr("import_module")(text.substr(0, colon));
    if (colon != std::string::npos) module.attr(text.substr(colon + 1).c_str())();
  });
}

void index_entry_points() {
  py::dict scope;
  scope["__builtins__"] = py::module_::import("builtins");
  py::exec(py::str(std::string(wire::entry_point_functions())), scope);
  const py::object index =
      scope["_pml_index_of"](py::list(py::module_::import("sys").attr("path")));
  worker::baseline().entry_points = worker::Ref::borrow(index.ptr());
}

void report_shared(base::BorrowedFd link) {
  wire::Event event;
  event.kind = wire::EventKind::shared;
  std::size_t size = 0;
  worker::Stash& stash = worker::stash();
  for (std::size_t i = 0; i < stash.size(); ++i) {
    const worker::StashEntry& entry = stash.at(static_cast<int>(i));
    if (!entry.module) continue;
    event.files.emplace_back(entry.name);
    size += entry.name.size() + 8;
    if (size <= wire::k_max_packet / 2) continue;
    report(link, event);
    event.files.clear();
    size = 0;
  }
  report(link, event);
}

/// `kind` is warm or tried.
void report_done(wire::EventKind kind, const Recorder& recorder, base::BorrowedFd link) {
  wire::Event event;
  event.kind = kind;
  event.value = static_cast<std::int32_t>(recorder.module_count());
  std::size_t size = 0;
  std::set<std::string> files = recorder.sources().files();
  files.merge(origins());
  for (const std::string& file : files) {
    size += file.size() + 8;
    if (size > wire::k_max_packet / 2) {  // more than one packet holds: the service hears in parts
      wire::Event part = event;
      part.kind = wire::EventKind::preloaded;
      part.value = 0;
      report(link, part);
      event.files.clear();
      size = 0;
    }
    event.files.emplace_back(file);
  }
  report(link, event);
}

/// Tells of what programs cannot share, unless that was to be avoided already. Returns whether
/// another zygote is to be made without it.
bool is_to_start_over(const Recorder& recorder, const wire::Boot& boot, base::BorrowedFd link) {
  const Division division = divide(recorder.log());
  const auto is_avoided = [&boot](const std::string& name) {
    return std::find(boot.avoided.begin(), boot.avoided.end(), name) != boot.avoided.end();
  };
  if (std::all_of(division.excluded.begin(), division.excluded.end(), is_avoided)) return false;
  for (const auto& [module, reason] : division.unshareable)
    report(link, {wire::EventKind::not_shared, 0, 0, 0, 0, module, reason});
  wire::Event event;
  event.kind = wire::EventKind::start_over;
  std::string pieces;
  std::size_t size = 0;
  const auto send_part = [&](bool last) {
    event.text = pieces;
    event.value = last ? 1 : 0;
    report(link, event);
    event.files.clear();
    pieces.clear();
    size = 0;
  };
  const auto take = [&](const std::string& name) {
    size += name.size() + 8;
    if (size > wire::k_max_packet / 2) send_part(false);
  };
  for (const std::string& name : division.excluded) {
    take(name);
    event.files.emplace_back(name);
  }
  for (const std::string& name : division.pieces) {
    take(name);
    pieces += name + "\n";
  }
  send_part(true);
  return true;
}

/// What the service has been told of before, and a preload needs.
void import_silently(const std::vector<std::string_view>& names) {
  for (std::string_view name : names) {
    try {
      py::module_::import("importlib").attr("import_module")(std::string(name));
    } catch (py::error_already_set&) {
      // Then it is not there for whom it was a piece of, either.
    }
  }
}

}  // namespace

void preload(const wire::Boot& boot, base::BorrowedFd link) {
  static auto* const recorder = new Recorder;  // its hooks may be held by what was imported
  recorder->start(boot.quirks);
  for (std::string_view name : boot.avoided) recorder->await(std::string(name));
  // What every launch by name needs, whatever the profile says.
  for (const char* name : {"runpy", "importlib.util", "gc"})
    py::module_::import("importlib").attr("import_module")(name);
  recorder->hook_searches();
  import_silently(boot.pieces);
  import_all(boot.modules, false, *recorder, link);
  import_all(boot.optional, true, *recorder, link);
  for (std::string_view spec : boot.warmup) call_warmup(spec, link);
  const py::module_ gc = py::module_::import("gc");
  if (!boot.trial) {
    learn_early_questions(boot.after_fork, recorder->log());
    recorder->note_heard(boot.heard);
  }
  recorder->finish();
  if (boot.trial) {
    report_done(wire::EventKind::tried, *recorder, link);
    return;  // the service ends this process
  }
  if (!worker::stash().hide(py::module_::import("_frozen_importlib").attr("_find_and_load").ptr()))
    throw py::error_already_set();
  // The service ends this process.
  if (is_to_start_over(*recorder, boot, link)) return;
  recorder->forget();
  index_entry_points();
  gc.attr("collect")();
  gc.attr("freeze")();
  report_shared(link);
  report_done(wire::EventKind::warm, *recorder, link);
  worker::prepare_identity();
  worker::prepare_end();
  worker::prepare_streams(worker::own_options());
  worker::rehearse_in_zygote();
  bind_functions_of_fork();
  settle_heap();
}

}  // namespace pml::zygote
