#include "zygote/callback_file.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "worker/kept_file.hpp"
#include "worker/placement.hpp"

namespace pml::zygote {

namespace {

/// A higher one would make the table that each fork copies larger.
constexpr rlim_t k_highest = 1023;
/// More than a closure of any machine takes.
constexpr std::size_t k_closure_size = 512;

bool is_libffi(std::string_view path) noexcept {
  return path.substr(path.rfind('/') + 1).starts_with("libffi");
}

/// The path of the loaded libffi; empty where there is none.
std::string loaded_library() {
  std::string path;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        const std::string_view name = info->dlpi_name;
        if (!is_libffi(name)) return 0;
        *static_cast<std::string*>(found) = name;
        return 1;
      },
      &path);
  return path;
}

/// Makes a function of the library's and gives it back.
void use_once(void* library) {
  using Allocate = void* (*)(std::size_t, void**);
  using Release = void (*)(void*);
  const auto allocate = reinterpret_cast<Allocate>(::dlsym(library, "ffi_closure_alloc"));
  const auto release = reinterpret_cast<Release>(::dlsym(library, "ffi_closure_free"));
  if (allocate == nullptr || release == nullptr) return;
  void* code = nullptr;
  if (void* const closure = allocate(k_closure_size, &code)) release(closure);
}

/// Copies of a descriptor at all numbers that are free below that one, so that it is the lowest.
std::vector<base::UniqueFd> occupy_below(int number) {
  std::vector<base::UniqueFd> copies;
  while (true) {
    base::UniqueFd copy = base::duplicate(base::BorrowedFd(0), 0);
    if (!copy.valid() || copy.get() >= number) return copies;
    copies.push_back(std::move(copy));
  }
}

void reserve(void* library, const std::string& path) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const int number = static_cast<int>(std::min(limit.rlim_cur - 1, k_highest));
  const std::vector<int> before = worker::open_descriptors();
  {
    const std::vector<base::UniqueFd> others = occupy_below(number);
    use_once(library);
  }
  for (const int opened : worker::open_descriptors())
    if (std::find(before.begin(), before.end(), opened) == before.end())
      worker::note_kept_file(opened, path);
}

}  // namespace

void reserve_callback_file() noexcept {
  static bool done = false;
  if (done) return;
  const std::string path = loaded_library();
  if (path.empty()) return;
  done = true;
  void* const library = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return;
  reserve(library, path);
  ::dlclose(library);
}

bool uses_callbacks(const std::string& path) noexcept {
  void* const library = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return false;
  link_map* map = nullptr;
  bool found = false;
  if (::dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr) {
    const char* names = nullptr;
    for (const ElfW(Dyn)* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry)
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the dynamic linker tells numbers
      if (entry->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(entry->d_un.d_ptr);
    for (const ElfW(Dyn)* entry = map->l_ld; names != nullptr && entry->d_tag != DT_NULL; ++entry)
      found |= entry->d_tag == DT_NEEDED && is_libffi(names + entry->d_un.d_val);
  }
  ::dlclose(library);
  return found;
}

}  // namespace pml::zygote
