// Whether what the stash hides is still what a fresh import would give.

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "worker/names.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

void Stash::add_fact(int index, KnownFact known) {
  auto& [value, entries] = facts_[std::move(known.fact)];
  value = std::move(known.value);
  entries.push_back(index);
}

std::vector<int> Stash::estranged_by(const RunOptions& options) const {
  std::vector<int> found;
  for (const auto& [fact, known] : facts_)
    if (value_of(fact, options) != known.first)
      found.insert(found.end(), known.second.begin(), known.second.end());
  return found;
}

std::optional<int> Stash::drop(const std::vector<int>& start) {
  if (start.empty()) return std::nullopt;
  const std::vector<int> fallen = graph_.falling_with(start).members();
  // What is shown before there is a program, a module has asked for that came before it.
  for (const int index : fallen)
    if (is_shown(index) || (is_hidden(index) && entries_[index].extension))
      for (const int one : start)
        if (graph_.falling_with(one).contains(index)) return one;
  for (const int index : fallen)
    if (is_hidden(index)) states_[index] = EntryState::fallen;
  return std::nullopt;
}

/// In the middle of a run: python3 cannot take over any more.
void Stash::fall(const std::vector<int>& culprits) {
  if (culprits.empty()) return;
  const bool usual = guard_.logging().makes_usual_loggers();
  for (const int index : graph_.falling_with(culprits).members()) {
    if (!is_hidden(index) || imported_once_.contains(index)) continue;
    states_[index] = entries_[index].extension ? EntryState::apart : EntryState::fallen;
    if (!usual) guard_.logging().forget(entries_[index].loggers);
  }
}

const std::unordered_set<std::string>& Stash::names_in(const std::string& folder) {
  struct stat state = {};
  (void)::stat(folder.empty() ? "." : folder.c_str(), &state);
  const FolderState key{state.st_dev, state.st_ino,
                        static_cast<std::uint64_t>(state.st_mtim.tv_sec) * 1000000000U +
                            static_cast<std::uint64_t>(state.st_mtim.tv_nsec)};
  const auto [place, added] = listings_.try_emplace(key);
  if (!added) return place->second;
  DIR* handle = ::opendir(folder.empty() ? "." : folder.c_str());
  if (handle == nullptr) return place->second;
  while (const dirent* item = ::readdir(handle)) {
    const std::string_view name = item->d_name;
    const std::string stem(name.substr(0, name.find('.')));
    if (!stem.empty() && by_top_level_.count(stem) != 0) {
      const std::string_view suffix = name.substr(stem.size());
      // A folder without __init__.py is only a namespace portion, which never wins over a module.
      const bool module_file = suffix == ".py" || suffix == ".pyc" || suffix.ends_with(".so");
      bool package = false;
      if (suffix.empty()) {
        const std::string base = (folder.empty() ? "." : folder) + "/" + stem + "/__init__";
        struct stat info = {};
        package = ::stat((base + ".py").c_str(), &info) == 0 ||
                  ::stat((base + ".pyc").c_str(), &info) == 0;
      }
      if (module_file || package) place->second.insert(stem);
    }
  }
  ::closedir(handle);
  return place->second;
}

namespace {

/// As importlib has it in a module's __file__.
std::string whole_path(const std::string& folder) {
  std::error_code none;
  return folder.empty() ? std::filesystem::current_path(none).string() : folder;
}

}  // namespace

std::vector<int> Stash::shadowed_by(const std::string& folder, bool first) {
  std::vector<int> found;
  if (!first && std::find(base_path_.begin(), base_path_.end(), folder) != base_path_.end())
    return found;
  const std::string place = whole_path(folder);
  for (const std::string& name : names_in(folder))
    for (int index : by_top_level_.at(name)) {
      const StashEntry& entry = entries_[index];
      // Built-in and frozen modules come before any path.
      if (entry.module && (entry.found_in.empty() || entry.found_in == place)) continue;
      found.push_back(index);
    }
  return found;
}

/// Whether sys.path is as it was, but for folders that hold nothing by the name of a preload.
bool Stash::is_path_plain() {
  PyObject* const path = PySys_GetObject("path");
  if (path == nullptr || !PyList_CheckExact(path)) return false;
  std::size_t known = 0;
  for (Py_ssize_t i = 0; i < PyList_Size(path); ++i) {
    PyObject* const item = PyList_GetItem(path, i);
    if (!PyUnicode_Check(item)) continue;
    const std::string folder(text_of(item));
    if (known < base_path_.size() && folder == base_path_[known]) {
      ++known;
      continue;
    }
    if (known == base_path_.size()) return true;  // behind all others
    struct stat info = {};
    if (::stat(folder.empty() ? "." : folder.c_str(), &info) != 0) continue;
    if (!S_ISDIR(info.st_mode) || !names_in(folder).empty()) return false;
  }
  return known == base_path_.size();
}

/// Whether the path search would still find the file the module was preloaded from.
bool Stash::still_first(const StashEntry& entry) {
  if (entry.found_in.empty() && entry.module) return true;
  if (!entry.module && entry.name.find('.') != std::string::npos) return true;
  PyObject* path = PySys_GetObject("path");
  if (path == nullptr || !PyList_Check(path)) return false;
  const std::string top(top_level(entry.name));
  const auto own = std::find(base_path_.begin(), base_path_.end(), entry.found_in);
  for (Py_ssize_t i = 0; i < PyList_Size(path); ++i) {
    PyObject* item = PyList_GetItem(path, i);
    if (!PyUnicode_Check(item)) continue;
    const std::string folder(text_of(item));
    if (!entry.found_in.empty() && whole_path(folder) == entry.found_in) return true;
    // Those in front of its own were looked into in vain.
    if (std::find(base_path_.begin(), own, folder) != own) continue;
    struct stat info = {};
    if (::stat(folder.empty() ? "." : folder.c_str(), &info) != 0) continue;
    if (!S_ISDIR(info.st_mode)) return false;
    if (names_in(folder).count(top) != 0) return false;
  }
  return !entry.module;  // what was looked for in vain still is
}

/// Imports that the program's own names would make others.
void Stash::drop_those_of_main() {
  PyObject* const main = PyImport_AddModule("__main__");
  if (main == nullptr) return;
  for (const auto& [index, name] : main_names_)
    if (is_hidden(index) && PyDict_GetItemString(PyModule_GetDict(main), name.c_str()) != nullptr)
      fall({index});
}

}  // namespace pml::worker
