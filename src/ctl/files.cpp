#include "ctl/files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/command.hpp"

namespace pml::ctl {

namespace fs = std::filesystem;

namespace {

/// 0, or what went wrong.
int try_to_write(const std::string& path, const std::string& text) {
  errno = 0;
  FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return errno;
  int error = std::fwrite(text.data(), 1, text.size(), file) == text.size() ? 0 : errno;
  if (std::fclose(file) != 0 && error == 0) error = errno;
  return error;
}

/// All or nothing; the same.
int try_to_replace(const std::string& file, const std::string& text, bool executable) {
  std::error_code error;
  if (const fs::path folder = fs::path(file).parent_path(); !folder.empty())
    fs::create_directories(folder, error);
  const std::string fresh = file + ".new";
  int wrong = error ? error.value() : try_to_write(fresh, text);
  if (wrong == 0 && executable) fs::permissions(fresh, fs::perms(0755), error);
  if (wrong == 0 && !error) fs::rename(fresh, file, error);
  if (wrong == 0 && error) wrong = error.value();
  if (wrong != 0) fs::remove(fresh, error);
  return wrong;
}

}  // namespace

std::string unwritten(int error) {
  const char* remedy = error == ENOSPC || error == EDQUOT ? "make room, and try again"
                       : error == EROFS                   ? "its file system is read-only"
                                                          : "see ls -ld on its folder";
  return std::string(std::strerror(error)) + "; " + remedy;
}

void write_file(const std::string& path, const std::string& text, bool executable) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  const bool is_special = fs::exists(status) && !fs::is_regular_file(status);
  const std::string file = fs::exists(status) ? fs::canonical(path, error).string() : path;
  error.clear();
  const int wrong = is_special ? try_to_write(path, text) : try_to_replace(file, text, executable);
  if (wrong == 0) return;
  throw Failure(base::k_exit_cant_create, "cannot write " + path + ": " + unwritten(wrong));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string venv_in(const std::string& folder) {
  std::error_code error;
  for (const std::string& one : {folder, folder + "/.venv", folder + "/venv"})
    if (fs::exists(one + "/pyvenv.cfg", error)) return fs::canonical(one, error).string();
  return {};
}

std::string require_venv(const std::string& folder) {
  std::string venv = venv_in(folder);
  if (!venv.empty()) return venv;
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw Failure(base::k_exit_config, folder +
                                           " is no virtual environment; make it with: python3 "
                                           "-m venv " +
                                           folder);
  throw Failure(base::k_exit_config, folder +
                                         " holds no virtual environment; make one with: python3 "
                                         "-m venv " +
                                         (fs::path(folder) / ".venv").string());
}

void remove_empty_folders(const std::string& folder) {
  std::error_code error;
  fs::remove(folder, error);
  fs::remove(fs::path(folder).parent_path(), error);
}

std::string own_profile_folder() {
  std::string folder = base::profile_folders().front();
  if (folder.empty() || folder.starts_with("/etc/"))
    throw Failure(base::k_exit_config, "there is no folder for profiles; set HOME");
  return folder;
}

}  // namespace pml::ctl
