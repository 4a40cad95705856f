#include "worker/pinned_pages.hpp"

#include <linux/io_uring.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace pml::worker {

namespace {

constexpr std::size_t k_most_pinned_ranges = 1024;  // of one registration, before Linux 5.13
constexpr rlim_t k_share = 4;

std::size_t most_bytes() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 0;
  return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : limit.rlim_cur / k_share;
}

}  // namespace

void PinnedPages::pin(std::span<const iovec> ranges) noexcept {
  std::size_t left = most_bytes();
  std::size_t count = 0;
  while (count < std::min(ranges.size(), k_most_pinned_ranges) && ranges[count].iov_len <= left)
    left -= ranges[count++].iov_len;
  if (count == 0) return;
  io_uring_params parameters{};
  base::UniqueFd ring(base::k_adopt,
                      static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
  if (!ring.valid() || ::syscall(SYS_io_uring_register, ring.get(), IORING_REGISTER_BUFFERS,
                                 ranges.data(), count) != 0)
    return;
  ring_ = std::move(ring);
  count_ = count;
}

void PinnedPages::release() noexcept {
  ring_.reset();
  count_ = 0;
}

}  // namespace pml::worker
