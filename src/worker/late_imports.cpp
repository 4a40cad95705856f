#include "worker/late_imports.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "base/unique_fd.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

namespace {

constexpr std::size_t k_most_bytes = 60U << 10;

std::string g_address;            // NOLINT: the process's one
std::vector<std::string> g_seen;  // NOLINT

/// "__main__" and its like are no modules that a pool could import.
bool is_importable(const char* name) {
  return name != nullptr && std::strncmp(name, "__", 2) != 0;
}

}  // namespace

void set_imports_address(std::string where) {
  g_address = std::move(where);
}

void note_late_imports() {
  if (g_address.empty()) return;
  PyObject *key = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(PyImport_GetModuleDict(), &at, &key, &value) != 0;) {
    if (stash().is_shared_module(value) || !PyUnicode_Check(key) || !PyModule_Check(value))
      continue;
    const char* name = PyUnicode_AsUTF8(key);
    if (is_importable(name)) g_seen.emplace_back(name);
  }
  PyErr_Clear();
}

void tell_late_imports() {
  sockaddr_un to{};
  if (g_seen.empty() || g_address.size() >= sizeof to.sun_path) return;
  // A module is put at the end when its import is done, after those that it asked for.
  std::string text;
  for (auto name = g_seen.rbegin(); name != g_seen.rend(); ++name)
    if (text.size() + name->size() < k_most_bytes) text.append(*name).append("\n");
  const base::UniqueFd socket(base::k_adopt, ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path + 1, g_address.data(), g_address.size());
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + g_address.size());
  ::sendto(socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&to), length);
}

}  // namespace pml::worker
