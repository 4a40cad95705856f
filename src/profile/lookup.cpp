#include "profile/lookup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "base/unique_fd.hpp"
#include "profile/text.hpp"

namespace pml::profile {

namespace {

constexpr std::string_view k_suffix = ".toml";

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

std::string in_folder(std::string folder, std::string_view name) {
  return folder.append("/").append(name);
}

bool is_absence(int error) {
  return error == ENOENT || error == ENOTDIR;
}

Found unreadable(const std::string& path, const std::string& reason) {
  return {Found::State::unreadable, path, reason};
}

bool is_mask(const struct stat& info) {
  const bool null = S_ISCHR(info.st_mode) && info.st_rdev == ::makedev(1, 3);
  return null || (S_ISREG(info.st_mode) && info.st_size == 0);
}

// Reads one byte more than a profile may have, so that its reader sees when it is too long.
Found read_text(const base::UniqueFd& fd, const std::string& path) {
  Found found{Found::State::readable, path, {}};
  std::array<char, 16384> block;
  while (found.text.size() <= k_max_text) {
    const ssize_t size = ::read(fd.get(), block.data(), block.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return unreadable(path, std::strerror(errno));
    if (size == 0) break;
    found.text.append(block.data(), static_cast<std::size_t>(size));
  }
  return found;
}

Found read_file(const std::string& path) {
  // Not blocking: a pipe somebody put there must not stop the service.
  const base::UniqueFd fd(base::k_adopt,
                          ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat info = {};
  if (!fd.valid()) {
    const int error = errno;
    // A link that leads nowhere is there all the same.
    if (is_absence(error) && ::lstat(path.c_str(), &info) != 0) return {};
    return unreadable(path, std::strerror(error));
  }
  if (::fstat(fd.get(), &info) != 0) return unreadable(path, std::strerror(errno));
  if (is_mask(info)) return {Found::State::masked, path, {}};
  if (!S_ISREG(info.st_mode)) return unreadable(path, "not a regular file");
  return read_text(fd, path);
}

// The names in a folder that end in ".toml" and are not hidden. Returns errno, or 0.
int list_folder(const std::string& folder, std::vector<std::string>& names) {
  const std::unique_ptr<DIR, CloseFolder> handle(::opendir(folder.c_str()));
  if (handle == nullptr) return is_absence(errno) ? 0 : errno;
  while (const dirent* entry = ::readdir(handle.get())) {
    const std::string_view name = entry->d_name;
    if (name.size() > k_suffix.size() && name.ends_with(k_suffix) && !name.starts_with('.'))
      names.emplace_back(name);
  }
  return 0;
}

}  // namespace

Found find_file(const std::vector<std::string>& folders, const std::string& file) {
  for (const std::string& folder : folders) {
    Found found = read_file(in_folder(folder, file));
    if (found.state != Found::State::absent) return found;
  }
  return {};
}

std::vector<Found> find_drop_ins(const std::vector<std::string>& folders,
                                 const std::string& subfolder) {
  std::vector<Found> result;
  std::map<std::string, std::string> paths;
  for (const std::string& folder : folders) {
    const std::string path = in_folder(folder, subfolder);
    std::vector<std::string> names;
    const int error = list_folder(path, names);
    if (error != 0) result.push_back(unreadable(path, std::strerror(error)));
    for (const std::string& name : names) paths.emplace(name, in_folder(path, name));
  }
  for (const auto& [name, path] : paths) {
    Found found = read_file(path);
    if (found.state == Found::State::readable || found.state == Found::State::unreadable)
      result.push_back(std::move(found));
  }
  return result;
}

std::vector<std::string> find_names(const std::vector<std::string>& folders) {
  std::vector<std::string> names;
  for (const std::string& folder : folders) {
    std::vector<std::string> files;
    // A folder that cannot be read is reported by load(); a list shows what there is.
    static_cast<void>(list_folder(folder, files));
    for (const std::string& file : files)
      names.push_back(file.substr(0, file.size() - k_suffix.size()));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace pml::profile
