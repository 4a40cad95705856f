#include "worker/early_imports.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "worker/context.hpp"
#include "worker/kept_file.hpp"
#include "worker/names.hpp"
#include "worker/placement.hpp"
#include "worker/python.hpp"

namespace pml::worker {

namespace {

/// Whether what no two processes have in common is the program's own all the same: the waiting
/// interpreter is the program's process, and chance is chance.
bool is_of_the_program(const ProcessFact& fact) {
  constexpr std::array<std::string_view, 23> k_functions = {
      "getpid",   "getppid",         "urandom",      "getrandom",    "get_native_id", "time",
      "time_ns",  "monotonic",       "monotonic_ns", "perf_counter", "process_time",  "now",
      "utcnow",   "perf_counter_ns", "gmtime",       "random",       "getrandbits",   "seed",
      "setstate", "addaudithook",    "exec",         "register",     "register_error"};
  const std::string_view function = last_part(fact.name);
  return std::find(k_functions.begin(), k_functions.end(), function) != k_functions.end();
}

bool exists(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0;
}

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat first = {};
  struct stat second = {};
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

void EarlyImports::add(const std::string& module, const std::string& file) {
  if (module.find('.') == std::string::npos) tops_.emplace_back(module, file);
}

void EarlyImports::note_variable(const std::string& module, const std::string& name,
                                 const std::optional<std::string>& value) {
  variables_.try_emplace(name, module, value);
}

void EarlyImports::note_fact(const std::string& module, ProcessFact fact, std::string value) {
  if (fact.kind == FactKind::own && is_of_the_program(fact)) return;
  facts_.push_back({module, {std::move(fact), std::move(value)}});
}

void EarlyImports::give_up(const std::string& module) {
  unknown_ = module;
}

std::optional<Objection> EarlyImports::objection_to_folder(const std::string& folder) const {
  const std::string place = folder.empty() ? "." : folder;
  if (tops_.empty() || !exists(place)) return std::nullopt;
  for (const auto& [top, own_file] : tops_)
    for (const char* end : {".py", ".pyc", "/__init__.py"})
      if (const std::string file = std::string(place).append("/").append(top).append(end);
          exists(file) && !is_same_file(file, own_file))
        return Objection{wire::Refusal::shadowed, top, {}, {}};
  return std::nullopt;
}

std::optional<Objection> EarlyImports::objection(const VariableOf& variable,
                                                 const RunOptions& options,
                                                 const std::vector<std::string>& folders) const {
  if (!unknown_.empty())
    return Objection{wire::Refusal::context, "what " + unknown_ + " asks is not known", unknown_};
  for (const auto& [name, answer] : variables_) {
    if (derived_value(name, variable) == answer.second) continue;
    const std::string read = variable_behind(name);
    const auto callers = variable(read);
    return Objection{wire::Refusal::environment, read + ", read by " + answer.first, answer.first,
                     callers ? read + "=" + *callers : read};
  }
  for (const auto& [module, known] : facts_)
    if (known.fact.kind == FactKind::own || value_of(known.fact, options) != known.value)
      return Objection{wire::Refusal::context,
                       "what " + module + " asked of the process: " +
                           (known.fact.name.empty() ? name_of(known.fact.kind) : known.fact.name),
                       module};
  for (const std::string& folder : folders)
    if (auto shadow = objection_to_folder(folder)) return shadow;
  return std::nullopt;
}

EarlyImports& early_imports() {
  static auto* const instance = new EarlyImports;  // must outlive the interpreter's own end
  return *instance;
}

std::vector<int> import_early(const std::vector<std::string>& names) {
  std::vector<int> before = open_descriptors();
  // One of them may use it before a job comes.
  before.erase(std::remove(before.begin(), before.end(), kept_file()), before.end());
  for (const std::string& name : names)
    if (!Ref::steal(PyImport_ImportModule(name.c_str()))) PyErr_Print();
  std::vector<int> opened;
  for (const int number : open_descriptors())
    if (std::find(before.begin(), before.end(), number) == before.end()) opened.push_back(number);
  return opened;
}

}  // namespace pml::worker
