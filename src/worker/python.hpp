#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
// Behind Python.h, without which it does not compile.
#include <marshal.h>

#include <string_view>
#include <utility>

namespace pml::worker {

/// A strong reference to a Python object, or none. The GIL is held wherever one is made or goes.
class Ref {
 public:
  Ref() noexcept = default;
  /// Takes over a new reference; null where the call that made it failed.
  static Ref steal(PyObject* object) noexcept { return Ref(object); }
  /// Takes a reference of its own.
  static Ref borrow(PyObject* object) noexcept {
    Py_XINCREF(object);
    return Ref(object);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref(const Ref& other) noexcept : object_(other.object_) { Py_XINCREF(object_); }
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  [[nodiscard]] PyObject* get() const noexcept { return object_; }
  [[nodiscard]] PyObject* release() noexcept { return std::exchange(object_, nullptr); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  explicit Ref(PyObject* object) noexcept : object_(object) {}
  PyObject* object_ = nullptr;
};

/// A str from the caller's bytes, as python3 decodes its command line and environment.
[[nodiscard]] inline Ref decode(std::string_view bytes) {
  return Ref::steal(
      PyUnicode_DecodeFSDefaultAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
}

/// A bytes object.
[[nodiscard]] inline Ref bytes_of(std::string_view bytes) {
  return Ref::steal(PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
}

/// The one str of that text which the interpreter itself looks names up by, for ever; null where
/// memory is short. The interpreter's cache of looked-up names finds it again, where it would take
/// another str of the same text for a new name. What was asked for in the zygote is found in a
/// worker without a write to any page.
[[nodiscard]] PyObject* interned(const char* name);

/// Attribute `name` of `object`; null, with no exception set, where there is none.
[[nodiscard]] inline Ref attribute(PyObject* object, const char* name) {
  PyObject* const key = object != nullptr ? interned(name) : nullptr;
  PyObject* const value = key != nullptr ? PyObject_GetAttr(object, key) : nullptr;
  if (value == nullptr) PyErr_Clear();
  return Ref::steal(value);
}

/// What the method `name` gives without arguments; null with an exception set where it fails, and
/// without one where there is no object.
inline Ref call_method(PyObject* object, const char* name) {
  PyObject* const key = object != nullptr ? interned(name) : nullptr;
  return key != nullptr ? Ref::steal(PyObject_CallMethodNoArgs(object, key)) : Ref();
}

}  // namespace pml::worker
