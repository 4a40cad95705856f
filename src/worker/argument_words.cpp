#include "worker/argument_words.hpp"

#include <link.h>

#include <cstdint>
#include <cstring>

#include "worker/python.hpp"

namespace pml::worker {

namespace {

/// As CPython keeps them: a PyWideStringList, static until 3.11, in _PyRuntime since then.
struct WideWords {
  Py_ssize_t count;
  wchar_t** items;
};

WideWords* g_words = nullptr;  // NOLINT: of the process

WideWords current_words() noexcept {
  int count = 0;
  wchar_t** items = nullptr;
  Py_GetArgcArgv(&count, &items);
  return {count, items};
}

/// Whether the place that holds the right values is the one that is read.
bool is_place_read(WideWords* place) noexcept {
  const WideWords before = *place;
  place->count = 0;
  const bool seen = current_words().count == 0;
  *place = before;
  return seen;
}

bool object_holds(const dl_phdr_info& object, std::uintptr_t address) noexcept {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const auto& part = object.dlpi_phdr[i];
    if (part.p_type == PT_LOAD && address - (object.dlpi_addr + part.p_vaddr) < part.p_memsz)
      return true;
  }
  return false;
}

WideWords* find_words_in(const dl_phdr_info& object, const WideWords& wanted) noexcept {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const auto& part = object.dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) == 0) continue;
    const std::uintptr_t start = (object.dlpi_addr + part.p_vaddr + 7) & ~std::uintptr_t{7};
    const std::uintptr_t end = object.dlpi_addr + part.p_vaddr + part.p_memsz;
    for (std::uintptr_t at = start; at + sizeof(WideWords) <= end; at += sizeof(void*)) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the dynamic linker tells numbers
      auto* const place = reinterpret_cast<WideWords*>(at);
      if (place->items == wanted.items && place->count == wanted.count && is_place_read(place))
        return place;
    }
  }
  return nullptr;
}

}  // namespace

void find_argument_words() noexcept {
  const WideWords wanted = current_words();
  if (wanted.count <= 0 || wanted.items == nullptr) return;
  const auto look = [](dl_phdr_info* object, std::size_t, void* words) {
    if (!object_holds(*object, reinterpret_cast<std::uintptr_t>(&Py_GetArgcArgv))) return 0;
    g_words = find_words_in(*object, *static_cast<const WideWords*>(words));
    return 1;
  };
  ::dl_iterate_phdr(look, const_cast<WideWords*>(&wanted));
}

void set_argument_words(const std::vector<std::string>& words) noexcept {
  if (g_words == nullptr) return;
  // Never freed: whoever asked for them before may have kept them.
  auto** const items = static_cast<wchar_t**>(PyMem_RawMalloc(words.size() * sizeof(wchar_t*)));
  if (items == nullptr) return;
  for (std::size_t i = 0; i < words.size(); ++i)
    if ((items[i] = Py_DecodeLocale(words[i].c_str(), nullptr)) == nullptr) return;
  *g_words = {static_cast<Py_ssize_t>(words.size()), items};
}

}  // namespace pml::worker
