#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace pml::zygote {

/// The path without its last part; empty where it has but one.
[[nodiscard]] std::string parent_folder(const std::string& path);

/// What a zygote is made of on disk: a change to any of it makes the zygote out of date.
class SourceFiles {
 public:
  /// Notes what a fresh interpreter reads before it runs anything, and sys.path as it is now.
  void note_start();
  /// Notes a file.
  void add(std::string path) { files_.insert(std::move(path)); }
  /// A preload has read the file, or tried to.
  void add_read(std::string path) { read_.insert(std::move(path)); }
  /// The module was asked for in vain. One that tried to import another in vain is not what it
  /// would be with that one.
  void await(const std::string& name);
  /// Notes where the modules would be that were asked for in vain and are not there, and of the
  /// files that were read those that no preload has written itself. Throws
  /// pybind11::error_already_set.
  void note_missing();

  /// The files, each once; and patterns, as SourceWatch takes them, of those that would have
  /// changed what happened had they been there.
  [[nodiscard]] const std::set<std::string>& files() const noexcept { return files_; }

 private:
  std::set<std::string> files_;
  std::set<std::string> read_;
  std::chrono::system_clock::time_point start_;
  std::set<std::string> missing_;  // names that were asked for in vain
  std::vector<std::string> path_;  // sys.path at the start
};

}  // namespace pml::zygote
