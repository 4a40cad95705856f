#pragma once

#include <string_view>

#include "worker/python.hpp"

namespace pml::worker {

/// What a str holds, as UTF-8, for as long as it lives; empty for one that has no such text.
[[nodiscard]] inline std::string_view text_of(PyObject* text) {
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(text, &size);
  if (bytes == nullptr) {
    PyErr_Clear();
    return {};
  }
  return {bytes, static_cast<std::size_t>(size)};
}

/// "a" of "a.b.c".
[[nodiscard]] inline std::string_view top_level(std::string_view name) {
  return name.substr(0, name.find('.'));
}

/// "c" of "a.b.c".
[[nodiscard]] inline std::string_view last_part(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace pml::worker
