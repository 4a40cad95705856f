#include "worker/second_load.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "worker/compat/objects.hpp"
#include "worker/names.hpp"

namespace pml::worker {

namespace {

/// The file's contents in memory; invalid where that cannot be.
base::UniqueFd copy_of(const std::string& file) {
  const base::UniqueFd source(base::k_adopt, ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info = {};
  if (!source.valid() || ::fstat(source.get(), &info) != 0) return {};
  base::UniqueFd copy(base::k_adopt, ::memfd_create(file.c_str(), MFD_CLOEXEC));
  for (off_t at = 0; copy.valid() && at < info.st_size;)
    if (::sendfile(copy.get(), source.get(), &at, static_cast<std::size_t>(info.st_size - at)) <= 0)
      return {};
  return copy;
}

/// The loader knows by their names what it has loaded: no two copies have one.
std::string new_name(int descriptor) {
  static std::size_t g_count = 0;
  return "/proc/self/fd" + std::string(++g_count, '/') + std::to_string(descriptor);
}

/// The name of the loaded copy of the file: the one that there is, as a program may import the
/// module again, or its own import may. Empty where there can be none.
std::string loaded_copy_of(const std::string& file) {
  static auto* const g_copies = new std::map<std::string, std::string>;
  const auto [place, added] = g_copies->try_emplace(file);
  if (!added) return place->second;
  const base::UniqueFd copy = copy_of(file);
  if (!copy.valid()) return place->second;
  const std::string name = new_name(copy.get());
  // Loaded here, as it may be forbidden to run what lies in memory only.
  if (::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) place->second = name;
  return place->second;
}

/// Whether the shared object that holds the address needs no libraries that have a state of their
/// own, as types that are registered once a process.
bool needs_c_library_only(const void* address) {
  constexpr std::array<std::string_view, 8> k_plain = {"libc.so.",  "libm.so.",  "libpthread.so.",
                                                       "libdl.so.", "librt.so.", "libgcc_s.so.",
                                                       "ld-linux",  "libpython"};
  Dl_info info = {};
  link_map* map = nullptr;
  if (::dladdr1(address, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 ||
      map == nullptr)
    return false;
  const char* names = nullptr;
  for (const auto* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry)
    if (entry->d_tag == DT_STRTAB) {
      // Some machines leave it as it is in the file.
      const ElfW(Addr) place = entry->d_un.d_ptr;
      names = reinterpret_cast<const char*>(place < map->l_addr ? place + map->l_addr : place);
    }
  for (const auto* entry = map->l_ld; names != nullptr && entry->d_tag != DT_NULL; ++entry)
    if (entry->d_tag == DT_NEEDED &&
        std::none_of(k_plain.begin(), k_plain.end(), [&](std::string_view plain) {
          return std::string_view(names + entry->d_un.d_val).starts_with(plain);
        }))
      return false;
  return names != nullptr;
}

}  // namespace

bool bears_second_load(PyObject* module, bool foreign) {
  if (PyModule_Check(module) == 0) return false;
  const PyModuleDef* const definition = PyModule_GetDef(module);
  if (definition == nullptr) return false;
  if (!foreign) return definition->m_slots == nullptr;
  return PyDict_GetItemString(PyModule_GetDict(module), "__test__") != nullptr ||
         needs_c_library_only(definition);
}

PyObject* create_from_copy(PyObject* spec, const std::function<PyObject*()>& create) {
  const Ref origin = attribute(spec, "origin");
  if (!origin || PyUnicode_Check(origin.get()) == 0) return create();
  const std::string name = loaded_copy_of(std::string(text_of(origin.get())));
  if (name.empty()) return create();
  const Ref path = Ref::steal(PyUnicode_FromString(name.c_str()));
  if (!path || PyObject_SetAttrString(spec, "origin", path.get()) != 0) return nullptr;
  Ref module = Ref::steal(create());
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  const bool restored = PyObject_SetAttrString(spec, "origin", origin.get()) == 0;
  if (type != nullptr) PyErr_Restore(type, value, trace);
  if (!module || !restored) return nullptr;
  // Importlib sets it where it is not there, but for the name.
  if (PyModule_Check(module.get()) != 0 &&
      PyObject_SetAttrString(module.get(), "__file__", origin.get()) != 0)
    return nullptr;
  return module.release();
}

}  // namespace pml::worker
