#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event/source.hpp"

namespace pml::service {

/// Notices when one of a set of files is changed, replaced or removed, or when one comes that was
/// awaited. Watches their folders, so that thousands of files cost a few dozen kernel watches.
class SourceWatch {
 public:
  /// `changed` is called with the path of the first file that changed, once for each watch().
  SourceWatch(event::Loop& loop, std::function<void(const std::string&)> changed);

  /// Watches these files instead of those before; they need not exist. The last part of a path may
  /// be a pattern of fnmatch(3): all that match it, now or later. Links are watched at both ends.
  /// What was changed since `read_after` (wall clock), when it may have been read already, counts
  /// as changed at once.
  void watch(const std::vector<std::string>& files, timespec read_after);
  void clear() noexcept;

  /// Takes in what the kernel has noticed up to now. Cheap; called before each dispatch so that
  /// a change that was complete before the client asked is never missed.
  void look();

 private:
  struct Stamp {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified = 0, status_changed = 0;  // nanoseconds
    bool operator==(const Stamp&) const = default;
  };
  using Names = std::unordered_map<std::string, Stamp>;
  struct Folder {
    std::string path;
    Names names;
    std::vector<std::string> patterns;
  };

  static Stamp stamp_of(const std::string& path);
  static void add_matches(Folder& folder);
  static bool awaits(const Folder& folder, const std::string& name);
  void read_events();
  void check(int descriptor, std::uint32_t mask, std::string_view name);
  void tell(const std::string& path);

  event::Loop& loop_;
  std::function<void(const std::string&)> changed_;
  base::UniqueFd inotify_;
  event::Io io_;
  std::unordered_map<int, Folder> folders_;
  bool told_ = false;
};

}  // namespace pml::service
