#pragma once

#include "worker/compat/known.hpp"

extern "C" {
PyObject* pml_lazy_modules(void);
PyObject* pml_lazy_import_function(void);
int pml_is_lazy_import(PyObject* object);
int pml_reset_lazy_imports(PyObject* names);
int pml_lazy_imports_are_usual(void);
int pml_make_lazy_imports_usual(void);
}

/// Lazy imports, which 3.15 has.
namespace pml::worker::compat {

/// The names that sys.lazy_modules has at its start, as they are now, whatever the program put in
/// its place; borrowed, null where there is no such thing.
[[nodiscard]] inline PyObject* lazy_modules() noexcept {
  return pml_lazy_modules();
}

/// Whether it stands for what a lazy import is to bring.
[[nodiscard]] inline bool is_lazy_import(PyObject* object) noexcept {
  return object != nullptr && pml_is_lazy_import(object) != 0;
}

/// Whether it is what the lazy import of that object has brought by now.
[[nodiscard]] bool is_brought_by(PyObject* object, PyObject* placeholder);

/// Whether statements alone decide what is imported lazily: no mode, no filter.
[[nodiscard]] inline bool lazy_imports_are_usual() noexcept {
  return pml_lazy_imports_are_usual() != 0;
}

/// Makes it so. Returns false with a Python exception set.
[[nodiscard]] inline bool make_lazy_imports_usual() noexcept {
  return pml_make_lazy_imports_usual() == 0;
}

/// Forgets what was imported lazily, but for the modules of these names. Returns false with a
/// Python exception set.
[[nodiscard]] inline bool reset_lazy_imports(PyObject* names) noexcept {
  return pml_reset_lazy_imports(names) == 0;
}

/// What `lazy import` of the module of that absolute name, or `lazy from` it of those names, makes
/// the interpreter note. Returns false with a Python exception set.
[[nodiscard]] bool import_lazily(PyObject* name, PyObject* names);

}  // namespace pml::worker::compat
