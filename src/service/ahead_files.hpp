#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ahead/facts.hpp"
#include "event/source.hpp"

namespace pml::service {

/// Watches what a program that ran ahead has read, listed or looked for in vain. Where anything is
/// not any more what the program found, what ran ahead is worth nothing.
class AheadFiles {
 public:
  /// `changed` is called once with the path of what is another one now; nothing is watched then.
  AheadFiles(event::Loop& loop, std::function<void(const std::string&)> changed);

  /// Watches these, too. Returns the path of one that is another one already or that cannot be
  /// watched; empty where all is well. `changed` is not called from here.
  [[nodiscard]] std::string add(const std::vector<ahead::FileFact>& files);
  void clear() noexcept;
  /// Whether it is among them, as the same.
  [[nodiscard]] bool watches(const ahead::FileFact& file) const;

  /// Takes in what the kernel has noticed up to now; called before each hand-over.
  void look();

 private:
  struct Watched {
    std::string path;  // as the program named it, to be looked at again
    ahead::Identity identity;
  };
  struct Folder {
    std::unordered_map<std::string, Watched> names;
    std::vector<Watched> itself;  // where its own entries, or it, were looked at
  };

  bool watch(const std::string& folder, const std::string& name, const Watched& watched);
  bool watch_missing(const ahead::FileFact& file);
  bool watch_one(const ahead::FileFact& file);
  void read_events();
  [[nodiscard]] std::string changed_by(int descriptor, std::uint32_t mask, const char* name) const;

  event::Loop& loop_;
  std::function<void(const std::string&)> changed_;
  base::UniqueFd inotify_;
  event::Io io_;
  std::unordered_map<int, Folder> folders_;
  std::unordered_map<std::string, ahead::Identity> known_;
};

}  // namespace pml::service
