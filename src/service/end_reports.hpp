#pragma once

#include <functional>
#include <string>

#include "event/source.hpp"
#include "service/datagrams.hpp"

namespace pml::service {

/// Hears the ends of jobs that are no children of anybody here. A job tells its own only: who sent
/// it is the kernel's word.
class EndReports {
 public:
  /// `told` gets the process's number and its exit status.
  EndReports(event::Loop& loop, std::function<void(int pid, int status)> told);

  /// The abstract datagram address, without its leading NUL, listened at from the first call on;
  /// empty where there is none.
  [[nodiscard]] const std::string& address();
  /// Reads all that has come.
  void read();

 private:
  event::Loop& loop_;
  std::function<void(int, int)> told_;
  Datagrams reports_;
  event::Io watch_;
};

}  // namespace pml::service
