#include "zygote/changes/list_watch.hpp"

#include <algorithm>
#include <utility>

#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

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

/// By place: whether the item is one of those that stayed in order. An item may be listed twice.
struct Stayed {
  std::vector<char> before, now;
};

/// The longest sequence that both have in common.
Stayed stayed_items(const Items& before, const Items& now) {
  const std::size_t rows = before.size(), columns = now.size();
  std::vector<std::vector<unsigned>> length(rows + 1, std::vector<unsigned>(columns + 1));
  for (std::size_t i = rows; i-- > 0;)
    for (std::size_t j = columns; j-- > 0;)
      length[i][j] = before[i].is(now[j]) ? length[i + 1][j + 1] + 1
                                          : std::max(length[i + 1][j], length[i][j + 1]);
  Stayed stayed{std::vector<char>(rows), std::vector<char>(columns)};
  for (std::size_t i = 0, j = 0; i < rows && j < columns;) {
    if (before[i].is(now[j]))
      stayed.before[i++] = stayed.now[j++] = 1;
    else if (length[i + 1][j] >= length[i][j + 1])
      ++i;
    else
      ++j;
  }
  return stayed;
}

/// Adds to `edit` what leads from the items before to those now. Returns false where an edit cannot
/// tell it: something was put between others, or all are in another order.
bool note_items(ItemsEdit& edit, const Items& before, const Items& now) {
  const Stayed stayed = stayed_items(before, now);
  for (std::size_t i = 0; i < before.size(); ++i)
    if (stayed.before[i] == 0 && !take(edit.front, before[i]) && !take(edit.back, before[i]))
      edit.removed.push_back(before[i]);  // else it takes back what it had added itself
  const auto first = std::find(stayed.now.begin(), stayed.now.end(), 1);
  const auto last = std::find(stayed.now.rbegin(), stayed.now.rend(), 1).base();
  if (first == stayed.now.end()) {
    edit.back.insert(edit.back.end(), now.begin(), now.end());
    return true;
  }
  edit.front.insert(edit.front.begin(), now.begin(), now.begin() + (first - stayed.now.begin()));
  edit.back.insert(edit.back.end(), now.begin() + (last - stayed.now.begin()), now.end());
  return std::find(first, last, 0) == last;
}

/// The interpreter's own lists are what sys and warnings hold under a name.
worker::ListEdit with_home(worker::ListEdit edit) {
  for (const char* module : {"sys", "warnings"}) {
    if (!modules().contains(module)) continue;
    PyObject* const names = PyModule_GetDict(py::object(modules()[module]).ptr());
    PyObject *name = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(names, &at, &name, &value) != 0;) {
      if (value != edit.list.get()) continue;
      edit.home = worker::Ref::borrow(names);
      edit.name = worker::Ref::borrow(name);
    }
  }
  return edit;
}

}  // namespace

bool ListWatch::is_as_seen(const Watched& watched) {
  PyObject* const list = watched.list.ptr();
  if (static_cast<std::size_t>(PyList_GET_SIZE(list)) != watched.seen.size()) return false;
  for (std::size_t i = 0; i < watched.seen.size(); ++i)
    if (PyList_GET_ITEM(list, static_cast<Py_ssize_t>(i)) != watched.seen[i].ptr()) return false;
  return true;
}

void ListWatch::add(const py::list& list, const std::string& home) {
  if (!places_.emplace(list.ptr(), watched_.size()).second) return;
  const Items items = items_of(list);
  watched_.push_back({list, items, items, home, {}, true});
}

bool ListWatch::edits(const ListEdits& edits, const py::handle& list) const {
  const auto place = places_.find(list.ptr());
  return place != places_.end() && edits.count(place->second) != 0;
}

void ListWatch::note(ListEdits& edits) {
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    Watched& watched = watched_[i];
    if (is_as_seen(watched)) continue;
    Items now = items_of(watched.list);
    ItemsEdit& edit = edits[i];
    edit.told &= note_items(edit, watched.seen, now);
    if (edit.empty()) edits.erase(i);
    watched.seen = std::move(now);
  }
}

bool ListWatch::keep(ListEdits& edits, const std::function<bool(const std::string&)>& is_family) {
  bool told = true;
  for (auto place = edits.begin(); place != edits.end();) {
    Watched& watched = watched_[place->first];
    if (!watched.home.empty() && is_family(watched.home)) {
      watched.told &= place->second.told;
      watched.kept.push_back(std::move(place->second));
      place = edits.erase(place);
    } else {
      told &= place->second.told;
      ++place;
    }
  }
  return told;
}

void ListWatch::restore() {
  for (Watched& watched : watched_) {
    if (!watched.told) continue;  // nobody else's changes are shared
    PyObject* const list = watched.list.ptr();
    py::list first;
    for (const py::object& item : watched.first) first.append(item);
    PyList_SetSlice(list, 0, PyList_Size(list), first.ptr());
    for (const ItemsEdit& edit : watched.kept) {
      for (const py::object& item : edit.removed)
        if (const Py_ssize_t at = PySequence_Index(list, item.ptr()); at >= 0)
          PySequence_DelItem(list, at);
      for (std::size_t i = 0; i < edit.front.size(); ++i)
        PyList_Insert(list, static_cast<Py_ssize_t>(i), edit.front[i].ptr());
      for (const py::object& item : edit.back) PyList_Append(list, item.ptr());
    }
    PyErr_Clear();
  }
}

std::vector<worker::ListEdit> ListWatch::for_job(const ListEdits& edits) const {
  std::vector<worker::ListEdit> found;
  for (const auto& [place, edit] : edits)
    found.push_back(with_home({to_ref(watched_[place].list),
                               {},
                               {},
                               refs_of(edit.front),
                               refs_of(edit.back),
                               refs_of(edit.removed)}));
  return found;
}

}  // namespace pml::zygote
