#include "worker/compat/dict.hpp"

#include <algorithm>
#include <utility>

namespace pml::worker::compat {

#if PY_VERSION_HEX >= 0x030d0000

std::array<DictionaryWatch*, 2> DictionaryWatch::listening_{};

int DictionaryWatch::hear(PyDict_WatchEvent event, PyObject* dictionary, PyObject* /*key*/,
                          PyObject* /*value*/) {
  for (DictionaryWatch* const watch : listening_) {
    if (watch == nullptr) continue;
    const auto found = watch->changes_.find(dictionary);
    if (found == watch->changes_.end()) continue;
    ++found->second;
    if (event == PyDict_EVENT_DEALLOCATED) watch->changes_.erase(found);
  }
  return 0;
}

bool DictionaryWatch::is_told_of_changes() {
  const Ref names = Ref::steal(PyDict_New());
  const Ref key = Ref::steal(PyUnicode_FromString("key"));
  if (!names || !key || PyDict_Watch(watcher_, names.get()) != 0) return false;
  PyObject* const dictionary = names.get();
  std::uint64_t& count = changes_[dictionary];
  std::uint64_t before = 0;
  const auto heard = [&] { return std::exchange(before, count) != count; };
  const bool told = PyDict_SetItem(dictionary, key.get(), Py_None) == 0 && heard() &&
                    PyDict_SetItem(dictionary, key.get(), Py_True) == 0 && heard() &&
                    PyDict_DelItem(dictionary, key.get()) == 0 && heard() &&
                    PyDict_Update(dictionary, PyEval_GetBuiltins()) == 0 && heard();
  PyDict_Clear(dictionary);
  const bool cleared = heard();
  PyDict_Unwatch(watcher_, dictionary);
  changes_.erase(dictionary);
  return told && cleared;
}

void DictionaryWatch::start() noexcept {
  if (std::exchange(started_, true)) return;
  const auto place = std::find(listening_.begin(), listening_.end(), nullptr);
  if (place != listening_.end()) watcher_ = PyDict_AddWatcher(&DictionaryWatch::hear);
  if (watcher_ >= 0) {
    *place = this;
    if (!is_told_of_changes()) clear();
  }
  started_ = true;
  PyErr_Clear();
}

void DictionaryWatch::add(PyObject* dictionary) {
  start();
  if (watcher_ < 0 || pml_has_own_table(dictionary) == 0) return;
  if (PyDict_Watch(watcher_, dictionary) == 0)
    changes_.try_emplace(dictionary, 0);
  else
    PyErr_Clear();
}

std::uint64_t DictionaryWatch::version(PyObject* dictionary) noexcept {
  const auto found = changes_.find(dictionary);
  // An even number is a count, an odd one a question that nobody can answer.
  if (found != changes_.end() && pml_has_own_table(dictionary) != 0) return found->second * 2;
  return ++asked_ * 2 + 1;
}

void DictionaryWatch::clear() noexcept {
  if (watcher_ >= 0) {
    for (const auto& [dictionary, count] : changes_) PyDict_Unwatch(watcher_, dictionary);
    PyDict_ClearWatcher(watcher_);
    PyErr_Clear();
  }
  changes_ = decltype(changes_)(changes_.get_allocator());  // with all the memory it had
  watcher_ = -1;
  started_ = false;
  std::replace(listening_.begin(), listening_.end(), this, static_cast<DictionaryWatch*>(nullptr));
}

std::uint64_t dictionary_version(PyObject* dictionary) noexcept {
  static auto* const lasting = new DictionaryWatch(std::pmr::new_delete_resource());
  if (!lasting->watches(dictionary)) lasting->add(dictionary);
  return lasting->version(dictionary);
}

#else

std::uint64_t dictionary_version(PyObject* dictionary) noexcept {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  return reinterpret_cast<PyDictObject*>(dictionary)->ma_version_tag;
#pragma GCC diagnostic pop
}

void DictionaryWatch::add(PyObject* /*dictionary*/) {}

std::uint64_t DictionaryWatch::version(PyObject* dictionary) noexcept {
  return dictionary_version(dictionary);
}

void DictionaryWatch::clear() noexcept {}

#endif

}  // namespace pml::worker::compat
