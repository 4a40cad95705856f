#include "wire/codec.hpp"

#include <cstring>

namespace pml::wire {

namespace {

/// Empty, and yet not null.
constexpr std::string_view k_nothing = "";

}  // namespace

void Writer::raw(const void* data, std::size_t size) {
  bytes_.append(static_cast<const char*>(data), size);
}

void Writer::text(std::string_view value) {
  u32(static_cast<std::uint32_t>(value.size()));
  bytes_.append(value);
  bytes_.push_back('\0');
}

void Writer::texts(const std::vector<std::string_view>& values) {
  u32(static_cast<std::uint32_t>(values.size()));
  for (std::string_view value : values) text(value);
}

template <typename T>
T Reader::integer() noexcept {
  T value{};
  if (rest_.size() < sizeof value) {
    fail();
    return value;
  }
  std::memcpy(&value, rest_.data(), sizeof value);
  rest_.remove_prefix(sizeof value);
  return value;
}
template std::uint8_t Reader::integer<std::uint8_t>() noexcept;
template std::uint16_t Reader::integer<std::uint16_t>() noexcept;
template std::uint32_t Reader::integer<std::uint32_t>() noexcept;
template std::int32_t Reader::integer<std::int32_t>() noexcept;
template std::uint64_t Reader::integer<std::uint64_t>() noexcept;

std::string_view Reader::blob() noexcept {
  const std::uint32_t size = u32();
  if (failed_ || rest_.size() <= size || rest_[size] != '\0') {
    fail();
    return k_nothing;
  }
  const std::string_view value = rest_.substr(0, size);
  rest_.remove_prefix(std::size_t{size} + 1);
  return value;
}

std::string_view Reader::text() noexcept {
  const std::string_view value = blob();
  if (value.find('\0') == std::string_view::npos) return value;
  fail();
  return k_nothing;
}

std::uint32_t Reader::count(std::size_t least_size) noexcept {
  const std::uint32_t count = u32();
  if (failed_ || count > rest_.size() / least_size) {
    fail();
    return 0;
  }
  return count;
}

std::vector<std::string_view> Reader::texts() {
  const std::uint32_t size = count(sizeof(std::uint32_t) + 1);
  std::vector<std::string_view> values;
  values.reserve(size);
  for (std::uint32_t i = 0; i < size && !failed_; ++i) values.push_back(text());
  return values;
}

}  // namespace pml::wire
