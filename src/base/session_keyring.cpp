#include "base/session_keyring.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace pml::base {

namespace {

// Of keyctl(2), which no header of the C library has.
constexpr int k_get_keyring_id = 0;
constexpr int k_describe = 6;
constexpr int k_read = 11;
constexpr long k_session_keyring = -3;
constexpr std::size_t k_most_keys = 16;

/// Whether the description of a key, "TYPE;UID;GID;PERMISSIONS;NAME", is of that type and name; a
/// name that ends in a dot stands for any user's number behind it.
bool is_key(std::string_view description, std::string_view type, std::string_view name) {
  if (!description.starts_with(type) || description.substr(type.size(), 1) != ";") return false;
  description.remove_prefix(description.rfind(';') + 1);
  return name.ends_with('.') ? description.starts_with(name) : description == name;
}

/// Whether the key `number` is one of those that nobody asked for.
bool is_usual(std::int32_t number, bool session) {
  std::array<char, 256> text{};
  const long size =
      ::syscall(SYS_keyctl, k_describe, static_cast<long>(number), text.data(), text.size(), 0L);
  if (size <= 0 || static_cast<std::size_t>(size) > text.size()) return false;
  const std::string_view description(text.data(), static_cast<std::size_t>(size) - 1);
  if (session)
    return is_key(description, "keyring", "_ses") || is_key(description, "keyring", "_uid_ses.");
  return is_key(description, "keyring", "_uid.") || is_key(description, "keyring", "_uid_ses.") ||
         is_key(description, "user", "invocation_id");
}

bool holds_only_usual(std::int32_t keyring) {
  std::array<std::int32_t, k_most_keys> keys{};
  const long size =
      ::syscall(SYS_keyctl, k_read, static_cast<long>(keyring), keys.data(), sizeof keys, 0L);
  if (size < 0 || static_cast<std::size_t>(size) > sizeof keys) return false;
  for (std::size_t i = 0; i < static_cast<std::size_t>(size) / sizeof(std::int32_t); ++i)
    if (!is_usual(keys[i], false)) return false;
  return true;
}

}  // namespace

std::int32_t used_session_keyring() noexcept {
  const long number = ::syscall(SYS_keyctl, k_get_keyring_id, k_session_keyring, 0L, 0L, 0L);
  if (number <= 0) return 0;  // none, or the system has no keys
  const auto keyring = static_cast<std::int32_t>(number);
  return is_usual(keyring, true) && holds_only_usual(keyring) ? 0 : keyring;
}

}  // namespace pml::base
