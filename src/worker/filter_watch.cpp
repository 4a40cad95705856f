#include "worker/filter_watch.hpp"

#include <fcntl.h>
#include <link.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/unique_fd.hpp"
#include "worker/python.hpp"

namespace pml::worker {

namespace {

unsigned long long g_count_before = 0;  // NOLINT: of the process
int g_mode_before = 0;                  // NOLINT
long g_filters_before = 0;              // NOLINT

/// How many shared objects were ever loaded. No system call.
unsigned long long count_loaded() noexcept {
  unsigned long long count = 0;
  const auto look = [](dl_phdr_info* object, std::size_t, void* result) {
    *static_cast<unsigned long long*>(result) = object->dlpi_adds;
    return 1;
  };
  ::dl_iterate_phdr(look, &count);
  return count;
}

/// Kernels before 5.9 do not count them: 0.
long count_filters() noexcept {
  const base::UniqueFd file(base::k_adopt, ::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  char text[4096] = {};
  if (!file.valid() || ::read(file.get(), text, sizeof text - 1) <= 0) return 0;
  constexpr const char* k_name = "Seccomp_filters:";
  const char* line = std::strstr(text, k_name);
  return line != nullptr ? std::strtol(line + std::strlen(k_name), nullptr, 10) : 0;
}

/// What lets Python code call any function of C.
bool has_foreign_calls() noexcept {
  for (const char* name : {"_ctypes", "_cffi_backend"}) {
    PyObject* const key = interned(name);
    if (key != nullptr && PyDict_GetItem(PyImport_GetModuleDict(), key) != nullptr) return true;
  }
  return false;
}

}  // namespace

void remember_filters() noexcept {
  g_count_before = count_loaded();
  g_mode_before = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
  g_filters_before = g_mode_before == SECCOMP_MODE_FILTER ? count_filters() : 0;
}

bool has_own_filter() noexcept {
  if (g_count_before == count_loaded() && !has_foreign_calls()) return false;
  const int mode = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
  return mode != g_mode_before ||
         (mode == SECCOMP_MODE_FILTER && count_filters() != g_filters_before);
}

}  // namespace pml::worker
