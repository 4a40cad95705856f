#include "zygote/ahead/course.hpp"

#include <fnmatch.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "worker/interpreter.hpp"
#include "zygote/ahead/askers.hpp"
#include "zygote/ahead/folders.hpp"
#include "zygote/ahead/parking.hpp"
#include "zygote/ahead/trial.hpp"

namespace pml::zygote::ahead {

namespace {

using pml::ahead::Place;
using worker::attribute;
using worker::Ref;

/// The program's own code is of interest, not that of the standard library which it called.
bool is_library(const std::string& file) {
  return file.starts_with('<') || is_library_file(file);
}

std::string without_path_entry(const std::string& file) {
  std::string shortest = file;
  PyObject* path = PySys_GetObject("path");
  for (Py_ssize_t i = 0; path != nullptr && i < PyList_Size(path); ++i) {
    const std::string entry = text_of(PyList_GetItem(path, i)) + "/";
    if (entry.size() > 1 && file.starts_with(entry) && file.size() - entry.size() < shortest.size())
      shortest = file.substr(entry.size());
  }
  return shortest;
}

void note_file(const std::string& path) {
  if (course().own_files.count(path) != 0) return;
  const pml::ahead::Identity now = pml::ahead::identity_of(path);
  const auto [known, added] = course().files.emplace(path, now);
  if (!added && !pml::ahead::is_same(known->second, now))
    give_up(path + " changed while it was read");
  known->second = now;
}

/// False where it is no folder.
bool note_folder_loosely(const std::string& path) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return false;
  const pml::ahead::Identity now{true, info.st_dev, info.st_ino, 0, 0, 0};
  const auto [known, added] = course().files.emplace(path, now);
  if (!added && !pml::ahead::is_same(now, known->second))
    give_up(path + " changed while it was looked at");
  return true;
}

/// A path that names the entry itself, not what a link points to.
void note_parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos) note_file(slash == 0 ? "/" : path.substr(0, slash));
}

bool is_special(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/// What is written again within a tick of the clock looks the same afterwards: of the program's own
/// files nobody does that, of its data somebody may.
bool is_fresh(const struct stat& info) {
  constexpr time_t k_seconds = 2;
  return ::time(nullptr) - std::max(info.st_mtime, info.st_ctime) < k_seconds;
}

std::string absolute(const std::string& path) {
  std::array<char, PATH_MAX> folder{};
  if (path.starts_with('/') || ::getcwd(folder.data(), folder.size()) == nullptr) return path;
  return path.empty() ? folder.data() : std::string(folder.data()) + "/" + path;
}

/// Whether each launch changes it: the file itself, or what its way leads through.
bool is_changing(const std::string& path) {
  if (course().own_files.count(path) != 0) return false;
  const auto concerns = [&path](const std::string& file) {
    if (path == file) return true;
    struct stat info = {};
    return path.starts_with(file + "/") &&
           !(::stat(file.c_str(), &info) == 0 && S_ISDIR(info.st_mode));
  };
  const std::vector<std::string>& all = course().plan.changing;
  return std::any_of(all.begin(), all.end(), concerns);
}

constexpr int k_frames_looked_at = 12;

}  // namespace

bool is_asked_by(const std::string& pattern, int frames) {
  Ref frame = Ref::borrow(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  for (int i = 0; i < frames && frame && frame.get() != Py_None; ++i) {
    if (::fnmatch(pattern.c_str(), function_of(frame.get()).c_str(), 0) == 0) return true;
    frame = attribute(frame.get(), "f_back");
  }
  return false;
}

// Lines: QUESTION @ MODULE:FUNCTION.
bool is_allowed(const std::string& what) {
  for (const std::string& line : course().plan.allowed) {
    const std::size_t at = line.find(" @ ");
    const std::string asker = at == std::string::npos ? "" : line.substr(at + 3);
    if (::fnmatch(line.substr(0, at).c_str(), what.c_str(), 0) != 0 ||
        !(asker.empty() || is_asked_by(asker, k_frames_looked_at)))
      continue;
    trust_what_comes(asker);
    return true;
  }
  return false;
}

namespace {

void note_module_files() {
  PyObject *key = nullptr, *module = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &key, &module) != 0;) {
    const Ref spec = attribute(module, "__spec__");
    for (const char* name : {"origin", "cached"}) {
      const std::string file = text_of(attribute(spec.get(), name).get());
      if (file.starts_with('/')) note_file(file);
    }
  }
}

void note_path_folders() {
  PyObject* path = PySys_GetObject("path");
  for (Py_ssize_t i = 0; path != nullptr && i < PyList_Size(path); ++i) {
    const std::string folder = text_of(PyList_GetItem(path, i));
    if (!folder.empty()) note_file(absolute(folder));
  }
}

}  // namespace

std::string text_of(PyObject* object) {
  const char* bytes =
      object != nullptr && PyUnicode_Check(object) ? PyUnicode_AsUTF8(object) : nullptr;
  if (bytes == nullptr) PyErr_Clear();
  return bytes != nullptr ? bytes : "";
}

Course& course() {
  static auto* const instance = new Course;  // holds objects that must outlive static destructors
  return *instance;
}

bool listening() noexcept {
  const Course& own = course();
  return own.quiet == 0 && (own.phase == Phase::in_template || own.phase == Phase::in_worker);
}

void note(FactKind kind, int number, std::string name) {
  course().facts.insert({kind, number, std::move(name)});
}

void note_kind_of_path(const std::string& path, std::string_view what) {
  const bool is_ordinary =
      path.starts_with('/') && pml::ahead::place_of(path) == pml::ahead::Place::ordinary;
  if (!is_ordinary || !note_folder_loosely(path)) note_path(path, what);
}

void note_path(const std::string& path, std::string_view what) {
  if (!path.starts_with('/')) note(FactKind::folder);
  const std::string full = absolute(path);
  const std::string question = std::string(what) + " " + path;
  if (concerns_new_folder(full)) {
    ask(Becomes::stop, question);
    return;
  }
  switch (pml::ahead::place_of(full)) {
    case Place::nothing:
      return;
    case Place::random:
      ask(Becomes::template_stops, question);
      return;
    case Place::own:
    case Place::system:
      ask(Becomes::stop, question);
      return;
    case Place::ordinary:
      break;
  }
  if (is_special(full)) {
    ask(Becomes::stop, question);
    return;
  }
  struct stat info = {};
  const bool content = what == "reads" || what == "os.listdir" || what == "os.scandir";
  if (course().knows_arguments && content && ::stat(full.c_str(), &info) == 0 && is_fresh(info)) {
    ask(Becomes::stop, question + ", which was changed just now");
    return;
  }
  if (is_changing(full)) {
    ask(Becomes::stop, question + ", which changes with each launch");
    return;
  }
  note_file(full);
  if (::lstat(full.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) note_parent(full);
}

void ask(Becomes becomes, const std::string& what) {
  if (!listening()) return;
  if (becomes != Becomes::stop && becomes != Becomes::template_stops) return;
  if (is_allowed(what)) return;
  if (on_trial()) {
    if (becomes == Becomes::stop && !trial_goes_on()) end_trial(what);
    return;
  }
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  // After it the same process may be a worker, which has the same question still to answer.
  const bool went_on = course().phase == Phase::in_worker;
  if (!went_on) stop_template(what);
  if (becomes == Becomes::stop) stop_worker(what, went_on);
  PyErr_Restore(type, value, trace);
}

bool is_tried(const std::string& tried) {
  const std::vector<std::string>& all = course().plan.tried;
  if (on_trial()) return true;
  return (!course().knows_arguments || course().knows_tried_ones) &&
         std::find(all.begin(), all.end(), tried) != all.end();
}

void ask_compiled(const std::string& tried, Becomes becomes, const std::string& what) {
  look_at_what_comes();
  if (on_trial()) note_tried(tried);
  if (!listening() || is_tried(tried)) return;
  course().untried = true;
  ask(becomes, what);
  course().untried = false;
}

std::string place() {
  std::string first;
  Ref frame = Ref::borrow(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  while (frame && frame.get() != Py_None) {
    const Ref code = attribute(frame.get(), "f_code");
    const std::string file = text_of(attribute(code.get(), "co_filename").get());
    const Ref line = attribute(frame.get(), "f_lineno");
    const long number = line && PyLong_Check(line.get()) ? PyLong_AsLong(line.get()) : 0;
    PyErr_Clear();
    std::string here = without_path_entry(file) + ":" + std::to_string(number);
    if (first.empty()) first = here;
    if (!is_library(file)) return here;
    frame = attribute(frame.get(), "f_back");
  }
  return first;
}

bool is_library_file(const std::string& file) {
  static const std::string folder = [] {
    const Ref os = Ref::steal(PyImport_ImportModule("os"));
    const std::string path = text_of(attribute(os.get(), "__file__").get());
    return path.substr(0, path.rfind('/') + 1);
  }();
  return file.starts_with(folder) && file.find("-packages/", folder.size()) == std::string::npos;
}

void note_start() {
  note_module_files();
  note_path_folders();
  for (const char* file :
       {"/etc/localtime", "/etc/ld.so.cache", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"})
    note_file(file);
  const wire::Request& request = course().request;
  if (request.kind == wire::ProgramKind::script) {
    const std::string program = absolute(std::string(request.target));
    note_file(program);
    note_parent(program);
  }
}

}  // namespace pml::zygote::ahead
