#include "zygote/list_watch.hpp"

#include <algorithm>
#include <utility>

#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

bool same_object(const py::object& first, const py::object& second) {
  return first.is(second);
}

auto is(const py::object& item) {
  return [&item](const py::object& other) { return other.is(item); };
}

Items items_of(const py::list& list) {
  Items items;
  for (const py::handle item : list) items.push_back(py::reinterpret_borrow<py::object>(item));
  return items;
}

/// Takes the item out; false where it is not there.
bool take(Items& items, const py::object& item) {
  const auto at = std::find_if(items.begin(), items.end(), is(item));
  if (at == items.end()) return false;
  items.erase(at);
  return true;
}

std::vector<worker::Ref> refs_of(const Items& items) {
  std::vector<worker::Ref> refs;
  refs.reserve(items.size());
  for (const py::object& item : items) refs.push_back(to_ref(item));
  return refs;
}

/// Adds to `edit` what leads from the items before to those now.
void note_items(ItemsEdit& edit, const Items& before, const Items& now) {
  Items kept;
  for (const py::object& item : before) {
    if (std::find_if(now.begin(), now.end(), is(item)) != now.end())
      kept.push_back(item);
    else if (!take(edit.front, item) && !take(edit.back, item))
      edit.removed.push_back(item);  // else it takes back what it had added itself, for a while
  }
  const auto at = std::search(now.begin(), now.end(), kept.begin(), kept.end(), same_object);
  if (at == now.end() && !kept.empty()) return;  // in another order: nothing that lists can tell
  edit.front.insert(edit.front.begin(), now.begin(), at);
  edit.back.insert(edit.back.end(), at + static_cast<std::ptrdiff_t>(kept.size()), now.end());
}

}  // namespace

void ListWatch::add(const py::list& list) {
  const Items items = items_of(list);
  watched_.push_back({list, items, items});
}

void ListWatch::note(ListEdits& edits) {
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    Watched& watched = watched_[i];
    Items now = items_of(watched.list);
    if (std::equal(now.begin(), now.end(), watched.seen.begin(), watched.seen.end(), same_object))
      continue;
    ItemsEdit& edit = edits[i];
    note_items(edit, watched.seen, now);
    if (edit.empty()) edits.erase(i);
    watched.seen = std::move(now);
  }
}

void ListWatch::restore() {
  for (Watched& watched : watched_) {
    py::list first;
    for (const py::object& item : watched.first) first.append(item);
    PyList_SetSlice(watched.list.ptr(), 0, PyList_Size(watched.list.ptr()), first.ptr());
  }
}

std::vector<worker::ListEdit> ListWatch::for_job(const ListEdits& edits) const {
  std::vector<worker::ListEdit> found;
  for (const auto& [place, edit] : edits)
    found.push_back({to_ref(watched_[place].list), refs_of(edit.front), refs_of(edit.back),
                     refs_of(edit.removed)});
  return found;
}

}  // namespace pml::zygote
