#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <map>
#include <vector>

#include "worker/stash.hpp"

namespace pml::zygote {

using Items = std::vector<pybind11::object>;

/// What leads from one state of a list to another.
struct ItemsEdit {
  Items front, back, removed;
  [[nodiscard]] bool empty() const { return front.empty() && back.empty() && removed.empty(); }
};

/// By the place of the list among the watched ones.
using ListEdits = std::map<std::size_t, ItemsEdit>;

/// Lists of the interpreter that imports change: warnings.filters, sys.meta_path, …
class ListWatch {
 public:
  /// Starts to watch the list.
  void add(const pybind11::list& list);
  /// Adds to `edits` what changed since the last call.
  void note(ListEdits& edits);
  /// Brings all lists back to how they were when they were added.
  void restore();
  /// The same for a job, which makes the change in the list itself.
  [[nodiscard]] std::vector<worker::ListEdit> for_job(const ListEdits& edits) const;

 private:
  struct Watched {
    pybind11::list list;
    Items first;  // at the start
    Items seen;
  };
  std::vector<Watched> watched_;
};

}  // namespace pml::zygote
