#include "worker/pinned_pages.hpp"

#include <linux/io_uring.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

namespace pml::worker {

namespace {

constexpr std::size_t k_most_buffers = 1024;  // of one registration, before Linux 5.13

/// The number behind `key` in /proc/self/status.
std::optional<unsigned long> own_status(std::string_view key) noexcept {
  std::FILE* const file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) return std::nullopt;
  std::array<char, 256> line;
  std::optional<unsigned long> value;
  while (!value && std::fgets(line.data(), static_cast<int>(line.size()), file) != nullptr) {
    unsigned long number = 0;
    if (std::string_view(line.data()).starts_with(key) &&
        std::sscanf(line.data() + key.size(), "%lu", &number) == 1)
      value = number;
  }
  std::fclose(file);
  return value;
}

std::size_t pinned_bytes() noexcept {
  return own_status("VmPin:").value_or(0) * 1024;
}

/// Registers them where that counts against no limit.
bool register_buffers(base::BorrowedFd ring, std::span<const iovec> buffers) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
  const rlimit none{0, limit.rlim_max};
  if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) return false;
  const bool done = ::syscall(SYS_io_uring_register, ring.get(), IORING_REGISTER_BUFFERS,
                              buffers.data(), buffers.size()) == 0;
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
  return done;
}

}  // namespace

bool PinnedPages::pin(std::span<const iovec> ranges) noexcept {
  if (ranges.empty() || ranges.size() > k_most_buffers || own_status("Seccomp:") != 0UL)
    return false;
  const std::size_t wanted =
      std::accumulate(ranges.begin(), ranges.end(), std::size_t{0},
                      [](std::size_t sum, const iovec& range) { return sum + range.iov_len; });
  const std::size_t before = pinned_bytes();
  io_uring_params parameters{};
  base::UniqueFd ring(base::k_adopt,
                      static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
  if (!ring.valid() || !register_buffers(ring.borrow(), ranges)) return false;
  if (pinned_bytes() - before != wanted) {
    // The end of the ring alone would unpin them a little later, behind the next fork.
    ::syscall(SYS_io_uring_register, ring.get(), IORING_UNREGISTER_BUFFERS, nullptr, 0);
    return false;
  }
  ring_ = std::move(ring);
  count_ = ranges.size();
  return true;
}

}  // namespace pml::worker
