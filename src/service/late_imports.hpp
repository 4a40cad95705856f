#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/source.hpp"
#include "service/datagrams.hpp"

namespace pml::service {

/// Counts what jobs imported that was not preloaded, as they tell at their end. Any process of this
/// user could tell the same: what is counted is good for suggestions only.
class LateImports {
 public:
  explicit LateImports(event::Loop& loop) : loop_(loop) {}

  /// Listens from now on. What was counted stays; where no socket can be had, nothing is counted.
  void open();
  void close();
  [[nodiscard]] bool listening() const noexcept { return told_.is_open(); }
  /// The abstract datagram address, without its leading NUL; empty where it does not listen.
  [[nodiscard]] const std::string& address() const noexcept { return told_.address(); }
  struct Count {
    std::string module;
    std::uint64_t jobs = 0;
  };
  /// How many jobs imported each module, in the order in which they were heard of: what a module
  /// imports in turn comes after it.
  [[nodiscard]] const std::vector<Count>& counts() const noexcept { return counts_; }

 private:
  void readable();
  void take(const char* bytes, std::size_t size);

  event::Loop& loop_;
  Datagrams told_;
  event::Io watch_;
  std::vector<Count> counts_;
  std::unordered_map<std::string, std::size_t> places_;  // in counts_
};

}  // namespace pml::service
