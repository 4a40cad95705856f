#include "service/ahead_files.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>

namespace pml::service {

namespace {

constexpr std::uint32_t k_mask = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM |
                                 IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF |
                                 IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t k_entries =
    IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;
constexpr std::size_t k_most_files = 100000;

bool is_folder(const std::string& path) noexcept {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string without_last_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

AheadFiles::AheadFiles(event::Loop& loop, std::function<void(const std::string&)> changed)
    : loop_(loop), changed_(std::move(changed)) {}

void AheadFiles::clear() noexcept {
  io_.reset();
  inotify_.reset();
  folders_.clear();
  known_.clear();
}

bool AheadFiles::watches(const ahead::FileFact& file) const {
  const auto known = known_.find(file.path);
  return known != known_.end() && known->second == file.identity;
}

std::string AheadFiles::add(const std::vector<ahead::FileFact>& files) {
  if (!inotify_.valid()) {
    inotify_ = base::UniqueFd(base::k_adopt, ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_.valid()) return "(no file can be watched)";
    io_ = event::Io(loop_, inotify_.borrow(), EPOLLIN, [this](std::uint32_t) { read_events(); });
  }
  for (const ahead::FileFact& file : files) {
    const auto [known, fresh] = known_.emplace(file.path, file.identity);
    if (!fresh && (ahead::is_loose(file.identity) || !ahead::is_loose(known->second))) {
      if (!ahead::is_same(file.identity, known->second)) return file.path;
      continue;
    }
    if (!fresh) {
      if (!ahead::is_same(known->second, file.identity)) return file.path;
      known->second = file.identity;
    }
    // Watched first and looked at then: nothing can change unseen in between.
    if (known_.size() > k_most_files || !file.path.starts_with('/') || !watch_one(file) ||
        !ahead::is_same(file.identity, ahead::identity_of(file.path)))
      return file.path;
  }
  return {};
}

bool AheadFiles::watch_one(const ahead::FileFact& file) {
  if (!file.identity.exists) return watch_missing(file);
  const std::string path = without_last_slash(file.path);
  const Watched watched{file.path, file.identity};
  if (path != "/" && !watch(folder_of(path), name_of(path), watched)) return false;
  const bool loose = ahead::is_loose(file.identity);
  if (!loose && is_folder(path) && !watch(path, {}, watched)) return false;
  char target[PATH_MAX];
  if (::realpath(path.c_str(), target) == nullptr || path == target) return true;
  return watch(folder_of(target), name_of(target), watched);
}

// The first part of the path that is not there is what would have to come first.
bool AheadFiles::watch_missing(const ahead::FileFact& file) {
  for (std::string path = without_last_slash(file.path); path.size() > 1; path = folder_of(path)) {
    const std::string folder = folder_of(path);
    if (is_folder(folder)) return watch(folder, name_of(path), {path, {}});
    // Below a file nothing can come before that changes.
    if (const ahead::Identity other = ahead::identity_of(folder); other.exists)
      return watch(folder_of(folder), name_of(folder), {folder, other});
  }
  return false;
}

bool AheadFiles::watch(const std::string& folder, const std::string& name, const Watched& watched) {
  const int descriptor = ::inotify_add_watch(inotify_.get(), folder.c_str(), k_mask);
  if (descriptor < 0) return false;
  Folder& here = folders_[descriptor];
  if (name.empty())
    here.itself.push_back(watched);
  else
    here.names.emplace(name, watched);
  return true;
}

void AheadFiles::look() {
  if (inotify_.valid()) read_events();
}

std::string AheadFiles::changed_by(int descriptor, std::uint32_t mask, const char* name) const {
  if ((mask & IN_Q_OVERFLOW) != 0) return "(too many changes at once)";
  const auto found = folders_.find(descriptor);
  if (found == folders_.end()) return {};
  const Folder& folder = found->second;
  const auto differs = [](const Watched& item) {
    return !ahead::is_same(item.identity, ahead::identity_of(item.path));
  };
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0)
    for (const auto& [own, item] : folder.names)
      if (differs(item)) return item.path;
  if (const auto item = folder.names.find(name);
      item != folder.names.end() && differs(item->second))
    return item->second.path;
  if ((mask & k_entries) != 0)
    for (const Watched& item : folder.itself)
      if (differs(item)) return item.path;
  return {};
}

void AheadFiles::read_events() {
  alignas(inotify_event) char buffer[16384];
  for (;;) {
    const ssize_t size = ::read(inotify_.get(), buffer, sizeof buffer);
    if (size <= 0) return;
    for (const char* at = buffer; at < buffer + size;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      const std::string path =
          changed_by(event.wd, event.mask, event.len > 0 ? at + sizeof event : "");
      if (!path.empty()) {
        clear();
        changed_(path);
        return;
      }
      at += sizeof event + event.len;
    }
  }
}

}  // namespace pml::service
