#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pml::zygote {

/// A name that an import changed in a module, class, object or dict that was there before it.
struct NameChange {
  pybind11::object owner;  ///< the module, class, object or dict
  pybind11::object name;
  pybind11::object before;  ///< null: it was not there
  pybind11::object after;   ///< null: it is gone
};

/// Watches the globals of modules and the attributes of the classes they define. Cheap to ask again
/// and again: dicts carry a version.
class Namespaces {
 public:
  /// Starts to watch the module called `name` in sys.modules and the classes defined in it.
  void watch(const std::string& name, const pybind11::object& module);

  /// Starts to watch the attributes of an object that has a dict, or the items of a dict.
  void watch_object(const pybind11::object& object);

  /// What changed since the last call, in no particular order.
  [[nodiscard]] std::vector<NameChange> changes();

 private:
  struct Watched {
    pybind11::object owner;
    pybind11::dict names;
    pybind11::dict seen;
    std::uint64_t version;
  };
  void watch_one(const pybind11::object& owner, PyObject* names);

  std::vector<Watched> watched_;
};

/// Sets the name to `value`, or removes it where that is null.
void set_name(const NameChange& change, const pybind11::object& value);

}  // namespace pml::zygote
