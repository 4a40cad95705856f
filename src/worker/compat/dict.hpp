#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <unordered_map>

#include "worker/compat/known.hpp"

extern "C" {
PyObject** pml_value_place(PyObject* dictionary, PyObject* key, Py_ssize_t* at);
int pml_has_own_table(PyObject* dictionary);
}

/// The tables of dicts.
namespace pml::worker::compat {

/// Where the dict keeps the value of this very key object, until the dict changes; null where that
/// cannot be told. The search starts at entry `at` and leaves there where it ended.
[[nodiscard]] inline PyObject** value_place(PyObject* dictionary, PyObject* key,
                                            Py_ssize_t& at) noexcept {
  return pml_value_place(dictionary, key, &at);
}

/// Tells whether dicts may have changed. Up to 3.12 they carry a version; from 3.13 on that misses
/// what is stored by way of an instance, and later it is gone. There the interpreter itself tells
/// of changes, of dicts of which a try has shown that it does.
class DictionaryWatch {
 public:
  /// What it keeps lies in `memory`, which outlives it.
  explicit DictionaryWatch(std::pmr::memory_resource* memory) noexcept : changes_(memory) {}
  DictionaryWatch(const DictionaryWatch&) = delete;
  DictionaryWatch& operator=(const DictionaryWatch&) = delete;
  ~DictionaryWatch() { clear(); }

  /// Starts to watch a dict, which is to live until clear().
  void add(PyObject* dictionary);
  /// Whether changes of the dict are told of.
  [[nodiscard]] bool watches(PyObject* dictionary) const { return changes_.count(dictionary) != 0; }
  /// A number that is another one after every change of the dict. It may be another one after none.
  [[nodiscard]] std::uint64_t version(PyObject* dictionary) noexcept;
  /// Watches nothing from then on, and leaves no trace in the interpreter.
  void clear() noexcept;

 private:
  /// By the dict, as far as its changes are told of: how often it was changed.
  std::pmr::unordered_map<PyObject*, std::uint64_t> changes_;
#if PY_VERSION_HEX >= 0x030d0000
  static int hear(PyDict_WatchEvent event, PyObject* dictionary, PyObject* key, PyObject* value);
  /// Has the interpreter tell of changes, where it does so of each kind.
  void start() noexcept;
  [[nodiscard]] bool is_told_of_changes();

  static std::array<DictionaryWatch*, 2> listening_;  // the zygote's and the lasting one
  std::uint64_t asked_ = 0;
  int watcher_ = -1;
  bool started_ = false;
#endif
};

/// A number that is another one after every change of the dict, and may be another one after none.
/// From the first call on, a process and those that it forks watch the dict.
[[nodiscard]] std::uint64_t dictionary_version(PyObject* dictionary) noexcept;

}  // namespace pml::worker::compat
