#pragma once

#include <string>

#include "ahead/questions.hpp"
#include "worker/python.hpp"

namespace pml::zygote::ahead {

/// A call of C code, as Python made it. All borrowed.
struct Call {
  PyObject* self = nullptr;
  PyObject* const* arguments = nullptr;
  Py_ssize_t count = 0;
  PyObject* names = nullptr;   ///< of the arguments behind those, a tuple
  PyObject* values = nullptr;  ///< or named arguments as a dict
};

[[nodiscard]] inline Call of_tuple(PyObject* self, PyObject* arguments, PyObject* values) {
  return {self, PySequence_Fast_ITEMS(arguments), PyTuple_GET_SIZE(arguments), nullptr, values};
}

/// What is called.
struct Called {
  const std::string& module;
  const std::string& name;
  pml::ahead::Becomes becomes;
};

/// Takes note of the question, stops where it has to, and returns the last caller's answer where
/// this process has another one; null where the C code itself is to be called. Leaves the exception
/// as it was.
[[nodiscard]] worker::Ref answer(const Called& called, const Call& call);

/// The stream's own reconfigure, whatever the program has put in front of it; `values`: a dict.
/// Null with the exception.
[[nodiscard]] worker::Ref reconfigure(PyObject* stream, PyObject* values);

}  // namespace pml::zygote::ahead
