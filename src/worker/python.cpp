#include "worker/python.hpp"

#include <algorithm>
#include <vector>

namespace pml::worker {

namespace {

struct Name {
  std::string_view text;  // the str's own
  PyObject* object;
};

std::vector<Name>& known_names() {
  static auto* const names = new std::vector<Name>;  // sorted by text: read on few pages
  return *names;
}

}  // namespace

PyObject* interned(const char* name) {
  std::vector<Name>& names = known_names();
  const auto at =
      std::lower_bound(names.begin(), names.end(), std::string_view(name),
                       [](const Name& known, std::string_view text) { return known.text < text; });
  if (at != names.end() && at->text == name) return at->object;
  PyObject* const object = PyUnicode_InternFromString(name);
  const char* const text = object != nullptr ? PyUnicode_AsUTF8(object) : nullptr;
  if (text == nullptr) return nullptr;
  names.insert(at, {text, object});
  return object;
}

}  // namespace pml::worker
