#include "service/installed.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/paths.hpp"

namespace pml::service {

namespace {

namespace fs = std::filesystem;
using profile::TargetKind;

bool is_below(const std::string& path, std::string_view folder) {
  return path.starts_with(folder);
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (auto item = fs::directory_iterator(folder, error); !error && item != fs::end(item);
       item.increment(error))
    entries.push_back(item->path());
  return entries;
}

/// <prefix>/lib/python3*, with their site-packages and dist-packages.
std::vector<fs::path> library_folders(const fs::path& prefix) {
  std::vector<fs::path> folders;
  for (const char* lib : {"lib", "lib64", "local/lib"})
    for (const fs::path& python : entries_of(prefix / lib)) {
      if (!python.filename().string().starts_with("python3")) continue;
      folders.push_back(python);
      folders.push_back(python / "site-packages");
      folders.push_back(python / "dist-packages");
    }
  return folders;
}

/// Whether the text has a line for <…>/bin/<name>: "../../../bin/black,sha256=…,213".
bool names_script(const fs::path& record, const std::string& name) {
  std::ifstream file(record);
  for (std::string line; std::getline(file, line);) {
    const std::string path = line.substr(0, line.find(','));
    if (path.starts_with("..") && path.ends_with("bin/" + name)) return true;
  }
  return false;
}

bool is_recorded(const fs::path& script) {
  const fs::path bin = script.parent_path();
  if (bin.filename() != "bin") return false;
  const std::string name = script.filename().string();
  for (const fs::path& folder : library_folders(bin.parent_path()))
    for (const fs::path& item : entries_of(folder)) {
      const std::string suffix = item.extension().string();
      if (suffix == ".dist-info" && names_script(item / "RECORD", name)) return true;
      if (suffix == ".egg-info" && names_script(item / "installed-files.txt", name)) return true;
    }
  return false;
}

bool script_is_installed(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  struct stat info = {};
  if (error || ::stat(real.c_str(), &info) != 0) return false;
  const std::string text = real.string();
  const bool of_system = (is_below(text, "/usr/") && !is_below(text, "/usr/local/")) ||
                         is_below(text, "/opt/") || is_below(text, "/bin/");
  if (of_system && info.st_uid == 0) return true;
  return is_recorded(real) || is_recorded(path);
}

bool module_is_installed(const ProgramKey& key, const std::string& interpreter) {
  if (!key.folder.empty() && folder_holds_module(key.folder, key.target)) return false;
  std::error_code error;
  std::vector<fs::path> prefixes = {fs::path(interpreter).parent_path().parent_path(),
                                    fs::canonical(interpreter, error).parent_path().parent_path(),
                                    base::home_folder() + "/.local"};
  for (const fs::path& prefix : prefixes) {
    const auto folders = library_folders(prefix);
    if (std::any_of(folders.begin(), folders.end(), [&](const fs::path& folder) {
          return folder_holds_module(folder.string(), key.target);
        }))
      return true;
  }
  return false;
}

}  // namespace

bool is_installed(const ProgramKey& key, const std::string& interpreter) {
  if (key.kind == TargetKind::entry_point) return true;
  if (key.kind == TargetKind::module) return module_is_installed(key, interpreter);
  return script_is_installed(path_of(key));
}

}  // namespace pml::service
