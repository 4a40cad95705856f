#include "service/source_watch.hpp"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

#include "log/journal.hpp"
#include "log/message_ids.hpp"

namespace pml::service {

namespace {

constexpr std::uint32_t k_mask = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM |
                                 IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF |
                                 IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::size_t k_most_files = 100000;

std::int64_t nanoseconds(const timespec& time) noexcept {
  return static_cast<std::int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}

bool is_pattern(std::string_view name) noexcept {
  return name.find('*') != std::string_view::npos;
}

using NamesByFolder = std::map<std::string, std::vector<std::string>>;

/// Where the folder is not there either, the first part of the path that is missing is awaited.
void add_path(NamesByFolder& by_folder, std::string path) {
  if (path.empty() || path.front() != '/' || by_folder.size() > k_most_files) return;
  for (;;) {
    const std::size_t slash = path.rfind('/');
    std::string folder = path.substr(0, slash);
    if (folder.empty() || by_folder.contains(folder) || ::access(folder.c_str(), F_OK) == 0) {
      by_folder[std::move(folder)].push_back(path.substr(slash + 1));
      return;
    }
    path = std::move(folder);
  }
}

NamesByFolder sort_by_folder(const std::vector<std::string>& files) {
  NamesByFolder by_folder;
  for (const std::string& file : files) {
    add_path(by_folder, file);
    char target[PATH_MAX];
    if (!is_pattern(file) && ::realpath(file.c_str(), target) != nullptr && file != target)
      add_path(by_folder, target);
  }
  return by_folder;
}

}  // namespace

SourceWatch::SourceWatch(event::Loop& loop, std::function<void(const std::string&)> changed)
    : loop_(loop), changed_(std::move(changed)) {}

SourceWatch::Stamp SourceWatch::stamp_of(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
          nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

void SourceWatch::clear() noexcept {
  io_.reset();
  inotify_.reset();
  folders_.clear();
  told_ = false;
}

void SourceWatch::watch(const std::vector<std::string>& files, timespec read_after) {
  clear();
  inotify_ = base::UniqueFd(base::k_adopt, ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_.valid() || files.empty()) return;
  std::string late;
  for (auto& [path, names] : sort_by_folder(files)) {
    const int descriptor =
        ::inotify_add_watch(inotify_.get(), path.empty() ? "/" : path.c_str(), k_mask);
    if (descriptor < 0) continue;
    Folder& folder = folders_[descriptor];
    folder.path = path;  // two paths to one folder share a watch
    for (std::string& name : names)
      if (is_pattern(name))
        folder.patterns.push_back(std::move(name));
      else
        folder.names.emplace(std::move(name), Stamp{});
    add_matches(folder);
    for (auto& [name, stamp] : folder.names) {
      std::string file = path;
      stamp = stamp_of(file.append("/").append(name));
      if (stamp.status_changed >= nanoseconds(read_after)) late = std::move(file);
    }
  }
  io_ = event::Io(loop_, inotify_.borrow(), EPOLLIN, [this](std::uint32_t) { read_events(); });
  if (!late.empty()) tell(late);
}

void SourceWatch::add_matches(Folder& folder) {
  if (folder.patterns.empty()) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(folder.path.c_str()), ::closedir);
  if (!handle) return;
  while (const dirent* item = ::readdir(handle.get()))
    if (awaits(folder, item->d_name)) folder.names.emplace(item->d_name, Stamp{});
}

bool SourceWatch::awaits(const Folder& folder, const std::string& name) {
  return std::any_of(folder.patterns.begin(), folder.patterns.end(),
                     [&](const std::string& pattern) {
                       return ::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0;
                     });
}

void SourceWatch::look() {
  if (inotify_.valid()) read_events();
}

void SourceWatch::read_events() {
  alignas(inotify_event) char buffer[16384];
  for (;;) {
    const ssize_t size = ::read(inotify_.get(), buffer, sizeof buffer);
    if (size <= 0) return;
    for (const char* at = buffer; at < buffer + size;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      check(event.wd, event.mask, event.len > 0 ? at + sizeof event : "");
      at += sizeof event + event.len;
    }
    if (!inotify_.valid()) return;  // told, and watching something else or nothing
  }
}

void SourceWatch::check(int descriptor, std::uint32_t mask, std::string_view name) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    tell("(too many changes at once)");
    return;
  }
  const auto folder = folders_.find(descriptor);
  if (folder == folders_.end()) return;
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
    tell(folder->second.path);
    return;
  }
  const std::string own_name(name);
  const auto file = folder->second.names.find(own_name);
  const bool known = file != folder->second.names.end();
  if (!known && !awaits(folder->second, own_name)) return;
  const std::string path = folder->second.path + "/" + own_name;
  if (stamp_of(path) != (known ? file->second : Stamp{})) tell(path);
}

void SourceWatch::tell(const std::string& path) {
  if (std::exchange(told_, true)) return;
  changed_(path);
}

}  // namespace pml::service
