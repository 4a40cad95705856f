#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "event/source.hpp"
#include "service/source_watch.hpp"

namespace pml::service {

/// Notices that a file which the warm zygote is made of has changed, and when it is time for
/// another: once the files are left alone, and not so often that the machine is kept busy.
class PoolRenewal {
 public:
  /// `stale` is called with the file at once, `renew` after that.
  PoolRenewal(event::Loop& loop, std::function<void(const std::string&)> stale,
              std::function<void()> renew);

  /// A zygote is warm, made of `files` as they were after `read_after` (wall clock). None: what is
  /// on disk does not matter.
  void became_warm(const std::vector<std::string>& files, timespec read_after);
  /// Takes in what has changed up to now; see SourceWatch::look.
  void look() { sources_.look(); }
  /// Notices nothing any more.
  void stop();

 private:
  void changed(const std::string& file);

  std::function<void(const std::string&)> stale_;
  SourceWatch sources_;
  event::Timer timer_;
  std::uint64_t warm_at_ = 0;  // monotonic microseconds
  int renewals_ = 0;           // in quick succession
};

}  // namespace pml::service
