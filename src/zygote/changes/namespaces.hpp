#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory_resource>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "worker/compat/dict.hpp"

namespace pml::zygote {

/// A name that an import changed in a module, class, object or dict that was there before it.
struct NameChange {
  pybind11::object owner;  ///< the module, class, object or dict
  pybind11::object name;
  pybind11::object before;  ///< null: it was not there
  pybind11::object after;   ///< null: it is gone
  std::string home = {};    ///< the module that it is part of; empty: of all, or of none
};

/// Watches the globals of modules and the attributes of the classes they define. Cheap to ask again
/// and again: most dicts tell whether they were changed.
class Namespaces {
 public:
  Namespaces() = default;
  Namespaces(const Namespaces&) = delete;
  Namespaces& operator=(const Namespaces&) = delete;
  ~Namespaces() { clear(); }

  /// Starts to watch the module called `name` in sys.modules and the classes defined in it; `home`
  /// is the home of the changes.
  void watch(const std::string& name, const pybind11::object& module, const std::string& home);

  /// Starts to watch the attributes of an object that has a dict, or the items of a dict.
  void watch_object(const pybind11::object& object);

  /// The same for a dict in which other modules register something, unless it is watched already.
  void watch_registry(const pybind11::object& dict, const std::string& home);

  /// What changed since the last call, in no particular order.
  [[nodiscard]] std::vector<NameChange> changes();

  /// Watches nothing from then on.
  void clear();

 private:
  /// A copy of a dict, each a reference. Not a dict, and not in a heap: there it would lie, or
  /// leave holes, between what workers write to.
  using Copy = std::pmr::vector<std::pair<PyObject*, PyObject*>>;
  struct Watched {
    pybind11::object owner;
    pybind11::dict names;
    Copy seen;
    std::uint64_t version;
    std::string home;
  };
  void watch_one(const pybind11::object& owner, PyObject* names, const std::string& home);

  [[nodiscard]] Copy copy_of_items(PyObject* names);
  static void drop(const Copy& copy);
  /// Whether the dict holds what it held when it was last looked at, in the same order.
  [[nodiscard]] static bool is_as_seen(const Watched& watched);

  /// Whole pages of its own.
  class Pages : public std::pmr::memory_resource {
    void* do_allocate(std::size_t size, std::size_t alignment) override;
    void do_deallocate(void* place, std::size_t size, std::size_t alignment) override;
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
      return this == &other;
    }
  };

  Pages pages_;
  std::pmr::monotonic_buffer_resource memory_{std::size_t{1} << 20U, &pages_};
  std::vector<Watched> watched_;
  std::unordered_set<PyObject*> known_;  // the dicts
  worker::compat::DictionaryWatch watch_{&memory_};
};

/// Sets the name to `value`, or removes it where that is null.
void set_name(const NameChange& change, const pybind11::object& value);

}  // namespace pml::zygote
