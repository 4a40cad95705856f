#include "zygote/ahead/folders.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "zygote/ahead/course.hpp"
#include "zygote/ahead/trial.hpp"

namespace pml::zygote::ahead {

namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_below(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

/// The path without links and dots, as far as it is there.
std::string real_path(const std::string& path) {
  std::error_code error;
  const std::string real = std::filesystem::weakly_canonical(path, error).string();
  return error || real.empty() ? path : real;
}

bool is_new(const std::string& path) {
  const auto& all = course().new_folders;
  return std::any_of(all.begin(), all.end(),
                     [&](const NewFolder& one) { return one.path == path; });
}

/// Something in the path that is not what it seems would have to be followed.
bool is_plain(const std::string& path) {
  return pml::ahead::place_of(path) == pml::ahead::Place::ordinary && path.starts_with('/') &&
         !path.ends_with('/') && path.find("//") == std::string::npos &&
         path.find("/./") == std::string::npos && path.find("/../") == std::string::npos &&
         !path.ends_with("/.") && !path.ends_with("/..");
}

bool may_be_made(const std::string& path) {
  const std::string parent = parent_of(path);
  if (is_new(parent)) return true;
  struct stat info = {};
  return ::stat(parent.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
         ::faccessat(AT_FDCWD, parent.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

}  // namespace

bool hear_new_folder(const std::string& asked, mode_t mode) {
  Course& own = course();
  const Trusted heard(true);
  const std::string question = "os.mkdir " + asked;
  struct stat info = {};
  if (!is_plain(asked) || is_allowed(question)) return false;
  if (::lstat(asked.c_str(), &info) == 0) {
    note_kind_of_path(asked, "makes");
    return false;  // the call fails by itself
  }
  const std::string path = real_path(asked);
  if (is_new(path) || !may_be_made(path)) return false;
  ask(Becomes::template_stops, question);
  if (own.phase != Phase::in_worker && !on_trial()) return false;
  // Its own job makes it: the others that wait would take that for a change. Whether there is
  // nothing is seen then.
  own.files.erase(path);
  own.files.erase(asked);
  if (!is_new(parent_of(path))) note_kind_of_path(parent_of(path), "makes");
  note(FactKind::mask);
  if (on_trial()) note_tried("makes " + path);
  own.new_folders.push_back({path, mode});
  return true;
}

bool concerns_new_folder(const std::string& asked) {
  const auto& all = course().new_folders;
  if (all.empty()) return false;
  const Trusted heard(true);
  const std::string path = real_path(asked);
  return std::any_of(all.begin(), all.end(), [&](const NewFolder& one) {
    return is_below(path, one.path) || path == parent_of(one.path);
  });
}

bool make_new_folders() {
  auto& all = course().new_folders;
  for (auto one = all.begin(); one != all.end(); ++one) {
    if (::mkdir(one->path.c_str(), one->mode) == 0) continue;
    all.erase(one, all.end());
    remove_new_folders();
    return false;
  }
  return true;
}

void remove_new_folders() noexcept {
  auto& all = course().new_folders;
  for (auto one = all.rbegin(); one != all.rend(); ++one) ::rmdir(one->path.c_str());
  all.clear();
}

}  // namespace pml::zygote::ahead
