#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pml::wire {

/// Appends values to a byte string: fixed-width integers in host order (both ends are one machine),
/// byte strings as a 32-bit length, the bytes and one NUL, so that a receiver may point into the
/// buffer and pass C strings on.
class Writer {
 public:
  void u8(std::uint8_t value) { raw(&value, sizeof value); }
  void flag(bool value) { u8(value ? 1 : 0); }
  void u16(std::uint16_t value) { raw(&value, sizeof value); }
  void u32(std::uint32_t value) { raw(&value, sizeof value); }
  void i32(std::int32_t value) { raw(&value, sizeof value); }
  void u64(std::uint64_t value) { raw(&value, sizeof value); }
  void text(std::string_view value);
  void texts(const std::vector<std::string_view>& values);
  void raw(const void* data, std::size_t size);
  void reserve(std::size_t size) { bytes_.reserve(size); }

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string take() noexcept { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what Writer wrote. Total: any input ends in values or in `failed()`, never in a read past
/// the end; after a failure every further value is zero or empty. The texts it returns point into
/// the input, each followed by a NUL there, and hold no NUL themselves unless read by `blob`.
class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : rest_(bytes) {}

  std::uint8_t u8() noexcept { return integer<std::uint8_t>(); }
  /// One byte that is 0 or 1; fails at another, so that what decodes has one encoding.
  bool flag() noexcept {
    const std::uint8_t value = u8();
    if (value > 1) fail();
    return value == 1;
  }
  std::uint16_t u16() noexcept { return integer<std::uint16_t>(); }
  std::uint32_t u32() noexcept { return integer<std::uint32_t>(); }
  std::int32_t i32() noexcept { return integer<std::int32_t>(); }
  std::uint64_t u64() noexcept { return integer<std::uint64_t>(); }
  std::string_view text() noexcept;
  std::string_view blob() noexcept;
  std::vector<std::string_view> texts();

  /// A 32-bit count of elements that take at least `least_size` bytes each; fails where the rest
  /// of the input could not hold so many.
  std::uint32_t count(std::size_t least_size) noexcept;

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  /// Whether everything was read, and read right.
  [[nodiscard]] bool finished() const noexcept { return !failed_ && rest_.empty(); }
  void fail() noexcept {
    failed_ = true;
    rest_ = {};
  }

 private:
  template <typename T>
  T integer() noexcept;

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace pml::wire
