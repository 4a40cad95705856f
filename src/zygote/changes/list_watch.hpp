#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "worker/stash.hpp"

namespace pml::zygote {

using Items = std::vector<pybind11::object>;

/// What leads from one state of a list to another.
struct ItemsEdit {
  Items front, back, removed;
  bool told = true;  ///< false: there was more to it, a new order or something put in between
  [[nodiscard]] bool empty() const {
    return told && front.empty() && back.empty() && removed.empty();
  }
};

/// By the place of the list among the watched ones.
using ListEdits = std::map<std::size_t, ItemsEdit>;

/// Lists that imports change: the interpreter's own (warnings.filters, sys.meta_path, …) and those
/// that modules keep, in which others register something.
class ListWatch {
 public:
  /// Starts to watch the list, once. `home` is the module that it is part of; empty: of all.
  void add(const pybind11::list& list, const std::string& home = {});
  /// Adds to `edits` what changed since the last call.
  void note(ListEdits& edits);
  /// Whether the list is among those edited.
  [[nodiscard]] bool edits(const ListEdits& edits, const pybind11::handle& list) const;
  /// Takes out of `edits`, which are given in the order in which they were made, those that are to
  /// stay: in lists whose home is of the same family. Returns whether the others can be made again.
  [[nodiscard]] bool keep(ListEdits& edits,
                          const std::function<bool(const std::string& home)>& is_family);
  /// Brings all lists back to how they were when they were added, but for what stays.
  void restore();
  /// The same for a job, which makes the change in the list itself.
  [[nodiscard]] std::vector<worker::ListEdit> for_job(const ListEdits& edits) const;

 private:
  struct Watched {
    pybind11::list list;
    Items first;  // at the start
    Items seen;
    std::string home;
    std::vector<ItemsEdit> kept;
    bool told;  // the edits that stay
  };
  [[nodiscard]] static bool is_as_seen(const Watched& watched);

  std::vector<Watched> watched_;
  std::unordered_map<PyObject*, std::size_t> places_;
};

}  // namespace pml::zygote
