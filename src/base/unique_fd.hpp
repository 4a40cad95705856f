#pragma once

#include <climits>
#include <span>
#include <utility>

namespace pml::base {

/// A borrowed descriptor: a number whose owner is somebody else. Never closes.
class BorrowedFd {
 public:
  constexpr BorrowedFd() noexcept = default;
  constexpr explicit BorrowedFd(int fd) noexcept : fd_(fd) {}
  [[nodiscard]] constexpr int get() const noexcept { return fd_; }
  [[nodiscard]] constexpr bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Spells the taking of ownership: `UniqueFd(k_adopt, ::socket(...))`.
struct Adopt {};
inline constexpr Adopt k_adopt{};

/// An owned descriptor: closed exactly once, when this object goes.
class UniqueFd {
 public:
  constexpr UniqueFd() noexcept = default;
  constexpr UniqueFd(Adopt, int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] BorrowedFd borrow() const noexcept { return BorrowedFd(fd_); }

  /// Gives the descriptor away; the caller owns it from now on.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  /// Closes the descriptor now, if there is one. Keeps errno.
  void reset() noexcept;

 private:
  int fd_ = -1;
};

/// A close-on-exec copy of `fd`, at the lowest free number that is at least `at_least`.
/// Invalid, with errno set, where the copy fails.
[[nodiscard]] UniqueFd duplicate(BorrowedFd fd, int at_least = 0) noexcept;

/// Puts a copy of `fd` at the number `number`, without close-on-exec, closing what was there.
/// Returns false, with errno set, where that fails. `fd` stays its owner's.
[[nodiscard]] bool place(BorrowedFd fd, int number) noexcept;

/// Closes every descriptor from `first` to `last`, both included. Ignores numbers that are not
/// open.
void close_between(unsigned first, unsigned last) noexcept;

/// Closes every descriptor up to `last` but those of `kept`, in any order; negative ones are none.
void close_all_but(std::span<const int> kept, unsigned last = UINT_MAX);

/// Closes the bare number `fd`, which nobody owns as an object. Keeps errno.
void close_number(int fd) noexcept;

}  // namespace pml::base
