#pragma once

#include "worker/compat/known.hpp"

extern "C" void pml_forget_codecs(void);

/// Single objects.
namespace pml::worker::compat {

/// A new reference to the same object, for a function that gives one away.
[[nodiscard]] inline PyObject* new_reference(PyObject* object) noexcept {
  Py_INCREF(object);
  return object;
}

/// What a weak reference refers to; null or None where that is gone.
[[nodiscard]] inline Ref referent(PyObject* weak) {
#if PY_VERSION_HEX >= 0x030d0000
  PyObject* object = nullptr;
  if (PyWeakref_GetRef(weak, &object) < 0) PyErr_Clear();
  return Ref::steal(object);
#else
  return Ref::borrow(PyWeakref_GetObject(weak));
#endif
}

/// The attribute of that name of the type, or of the first that it derives from which has one, as
/// it stands there; borrowed, null where there is none. Writes to nothing but the interpreter's
/// cache of looked-up names.
[[nodiscard]] inline PyObject* type_attribute(PyTypeObject* type, PyObject* name) noexcept {
  return _PyType_Lookup(type, name);
}

/// What has run in a loop is rewritten by the interpreter, in 3.11 to look names up in modules by
/// itself. Keeps the code from that.
inline void keep_from_adapting([[maybe_unused]] PyObject* code) noexcept {
#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030c0000
  if (code != nullptr && PyCode_Check(code))
    reinterpret_cast<PyCodeObject*>(code)->co_warmup = 0;  // it counts up to that, once
#endif
}

/// The number of these bytes, the lowest first, without a sign.
[[nodiscard]] inline Ref number_of_bytes(const unsigned char* bytes, std::size_t size) {
#if PY_VERSION_HEX >= 0x030d0000
  return Ref::steal(PyLong_FromUnsignedNativeBytes(bytes, size, Py_ASNATIVEBYTES_LITTLE_ENDIAN));
#else
  constexpr int k_lowest_first = 1, k_signed = 0;
  return Ref::steal(_PyLong_FromByteArray(bytes, size, k_lowest_first, k_signed));
#endif
}

/// Forgets which codecs were looked up; `search` is the one function that finds them. Returns false
/// with a Python exception set.
[[nodiscard]] inline bool forget_codecs([[maybe_unused]] PyObject* search) noexcept {
#if PY_VERSION_HEX >= 0x030a0000
  return PyCodec_Unregister(search) == 0 && PyCodec_Register(search) == 0;
#else
  pml_forget_codecs();
  return true;
#endif
}

/// The C functions behind METH_FASTCALL and METH_FASTCALL | METH_KEYWORDS.
#if PY_VERSION_HEX >= 0x030d0000
using FastFunction = PyCFunctionFast;
using FastFunctionWithKeywords = PyCFunctionFastWithKeywords;
#else
using FastFunction = _PyCFunctionFast;
using FastFunctionWithKeywords = _PyCFunctionFastWithKeywords;
#endif

}  // namespace pml::worker::compat
