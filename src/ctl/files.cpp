#include "ctl/files.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/command.hpp"

namespace pml::ctl {

namespace fs = std::filesystem;

void write_file(const std::string& path, const std::string& text, bool executable) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::trunc);
  file << text;
  file.close();
  if (file.good() && executable) fs::permissions(fresh, fs::perms(0755), error);
  if (file.good() && !error) fs::rename(fresh, path, error);
  if (file.good() && !error) return;
  fs::remove(fresh, error);
  throw Failure(base::k_exit_cant_create, "cannot write " + path + "; is its folder yours?");
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string own_profile_folder() {
  std::string folder = base::profile_folders().front();
  if (folder.empty() || folder.starts_with("/etc/"))
    throw Failure(base::k_exit_config, "there is no folder for profiles; set HOME");
  return folder;
}

}  // namespace pml::ctl
