#include "worker/import_guard.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "worker/class_watch.hpp"
#include "worker/compat/dict.hpp"
#include "worker/compat/lazy.hpp"
#include "worker/compat/objects.hpp"
#include "worker/interpreter.hpp"
#include "worker/names.hpp"
#include "worker/stash.hpp"

namespace pml::worker {

namespace {

bool g_audited = false;  // NOLINT: of the process
PyCFunction g_add_audit_hook = nullptr;

PyObject* add_audit_hook(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                         PyObject* names) {
  g_audited = true;
  return reinterpret_cast<compat::FastFunctionWithKeywords>(
      reinterpret_cast<void*>(g_add_audit_hook))(self, arguments, count, names);
}

/// Whether a tool of sys.monitoring is there.
bool is_monitored(PyObject* monitoring) {
  constexpr int k_tools = 6;
  for (int tool = 0; monitoring != nullptr && tool < k_tools; ++tool) {
    const Ref name = Ref::steal(PyObject_CallMethod(monitoring, "get_tool", "i", tool));
    if (!name) PyErr_Clear();
    if (name && name.get() != Py_None) return true;
  }
  return false;
}

/// What every object is allocated with.
ImportGuard::Allocator object_allocator() {
  PyMemAllocatorEx allocator{};
  PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &allocator);
  return allocator.malloc;
}

/// The parts of importlib that any import goes through.
constexpr std::array<std::pair<const char*, std::array<const char*, 8>>, 2> k_machinery = {{
    {"_frozen_importlib", {"ModuleSpec", "BuiltinImporter", "FrozenImporter"}},
    {"_frozen_importlib_external",
     {"PathFinder", "FileFinder", "FileLoader", "SourceLoader", "SourceFileLoader",
      "SourcelessFileLoader", "ExtensionFileLoader", "_LoaderBasics"}},
}};

/// What a module says of itself. importlib gives the frozen parts other ones when it is imported,
/// and no import asks them.
bool says_of_itself(std::string_view name) {
  constexpr std::array<std::string_view, 3> k_names = {"__name__", "__package__", "__file__"};
  return std::find(k_names.begin(), k_names.end(), name) != k_names.end();
}

/// The names that an import may ask for: how many, or none where one is not as it was in
/// `recorded`.
std::optional<Py_ssize_t> count_as_recorded(PyObject* names, PyObject* recorded) {
  Py_ssize_t count = 0;
  PyObject *name = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(names, &at, &name, &value) != 0;) {
    if (PyUnicode_Check(name) != 0 && says_of_itself(text_of(name))) continue;
    if (PyDict_GetItem(recorded, name) != value) return std::nullopt;
    ++count;
  }
  return count;
}

}  // namespace

void watch_audit_hooks() {
  PyObject* const function = PySys_GetObject("addaudithook");
  if (function == nullptr || PyCFunction_CheckExact(function) == 0 || g_add_audit_hook != nullptr)
    return;
  PyMethodDef* const definition = reinterpret_cast<PyCFunctionObject*>(function)->m_ml;
  if (definition->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) return;
  g_add_audit_hook = definition->ml_meth;
  definition->ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(add_audit_hook));
}

void ImportGuard::note_taken(int module, PyObject* name, int taker) {
  std::vector<Taken>& names = taken_[module];
  auto found = std::find_if(names.begin(), names.end(),
                            [name](const Taken& one) { return one.name.get() == name; });
  if (found == names.end()) found = names.insert(found, {Ref::borrow(name), {}, {}});
  if (std::find(found->takers.begin(), found->takers.end(), taker) == found->takers.end())
    found->takers.push_back(taker);
}

void ImportGuard::watch_machinery() {
  const auto watch = [this](PyObject* names) {
    if (names == nullptr) return;
    machinery_.push_back({Ref::borrow(names), Ref::steal(PyDict_Copy(names)), 0});
  };
  watch(PyEval_GetBuiltins());
  for (const auto& [module_name, types] : k_machinery) {
    PyObject* const module = PyDict_GetItemString(PyImport_GetModuleDict(), module_name);
    if (module == nullptr) continue;
    watch(PyModule_GetDict(module));
    for (const char* type : types)
      if (const Ref found = type != nullptr ? attribute(module, type) : Ref();
          found && PyType_Check(found.get()) != 0)
        if (PyObject* const names = reinterpret_cast<PyTypeObject*>(found.get())->tp_dict)
          watch(names);
  }
}

void ImportGuard::record() {
  watch_machinery();
  if (PyObject* const monitoring = PySys_GetObject("monitoring"))
    monitoring_ = Ref::borrow(monitoring);
  watched_.resize(stash().graph().size());
  for (auto& [module, names] : taken_)
    if (PyObject* const object = stash().object_of(module);
        object != nullptr && PyModule_Check(object)) {
      PyObject* const dictionary = PyModule_GetDict(object);
      watched_[module] = {dictionary, compat::dictionary_version(dictionary), 0};
      for (Taken& taken : names)
        taken.value = Ref::borrow(PyDict_GetItem(dictionary, taken.name.get()));
    }
  settle();
  warnings_.settle();
}

ImportGuard::OwnChange::OwnChange(ImportGuard& guard, int module) noexcept {
  const auto place = static_cast<std::size_t>(module);
  if (place < guard.watched_.size() && guard.watched_[place].names != nullptr)
    add(guard.watched_[place].names, guard.watched_[place].version);
}

ImportGuard::OwnChange::OwnChange(ImportGuard& guard, PyObject* names) noexcept {
  if (names == nullptr) return;
  const auto watched = std::find_if(guard.watched_.begin(), guard.watched_.end(),
                                    [names](const Watched& one) { return one.names == names; });
  if (watched != guard.watched_.end()) add(names, watched->version);
  for (Machinery& part : guard.machinery_)
    if (part.names.get() == names) add(names, part.version);
}

void ImportGuard::OwnChange::add(PyObject* names, std::uint64_t& version) noexcept {
  names_ = names;
  if (compat::dictionary_version(names) == version)
    *std::find(settled_.begin(), settled_.end() - 1, nullptr) = &version;
}

ImportGuard::OwnChange::~OwnChange() {
  for (std::uint64_t* const version : settled_)
    if (version != nullptr) *version = compat::dictionary_version(names_);
}

void ImportGuard::read_values(int module, PyObject* names) {
  const auto taken_names = taken_.find(module);
  if (taken_names == taken_.end()) return;
  // A reference to what is the same would copy its page for nothing.
  for (Taken& taken : taken_names->second)
    if (PyObject* const now = PyDict_GetItem(names, taken.name.get()); now != taken.value.get())
      taken.value = Ref::borrow(now);
}

void ImportGuard::start() {
  // What is hidden is not the context's; a fork's hooks reach it, too.
  catch_up(!rehearsed_);
  started_ = true;
}

void ImportGuard::rehearse() {
  catch_up(true);
  rehearsed_ = true;
}

void ImportGuard::catch_up(bool with_hidden) {
  for (std::size_t place = 0; place < watched_.size(); ++place) {
    const int module = static_cast<int>(place);
    Watched& watched = watched_[place];
    if (watched.names == nullptr || (!with_hidden && !stash().is_in_sight(module))) continue;
    const std::uint64_t version = compat::dictionary_version(watched.names);
    if (version == watched.version) continue;
    watched.version = version;
    read_values(module, watched.names);
  }
  for (Machinery& part : machinery_) part.version = compat::dictionary_version(part.names.get());
  settle();
  allocator_ = object_allocator();
  warnings_.settle();
  pause_classes(false);
  (void)environment_changed();
}

void ImportGuard::settle() {
  table_version_ = compat::dictionary_version(PyImport_GetModuleDict());
  settle_classes();
}

bool ImportGuard::has_changed(Machinery& part) {
  const std::uint64_t version = compat::dictionary_version(part.names.get());
  if (version == part.version) return false;
  PyObject* const recorded = part.recorded.get();
  if (recorded == nullptr) return true;
  const auto count = count_as_recorded(part.names.get(), recorded);
  if (!count || count != count_as_recorded(recorded, recorded)) return true;
  part.version = version;
  return false;
}

bool ImportGuard::sees_imports() {
  if (!started_) return false;
  // tracemalloc and its like.
  if (object_allocator() != allocator_) return true;
  // Modules go into the one and are looked for in the other.
  if (PySys_GetObject("modules") != PyImport_GetModuleDict()) return true;
  seen_ = seen_ || g_audited || std::any_of(machinery_.begin(), machinery_.end(), has_changed);
  const PyThreadState* const thread = PyThreadState_Get();
  return seen_ || thread->c_tracefunc != nullptr || thread->c_profilefunc != nullptr ||
         is_monitored(monitoring_.get());
}

/// Submodules that were bound to their package since are what a fresh import binds.
bool ImportGuard::is_ours(PyObject* now) const {
  return now != nullptr && PyModule_Check(now) != 0 && stash().is_shared_module(now);
}

void ImportGuard::add_takers(int module, std::vector<int>& found) const {
  const auto names = taken_.find(module);
  if (names == taken_.end()) return;
  for (const Taken& taken : names->second) {
    PyObject* const now = PyDict_GetItem(watched_[module].names, taken.name.get());
    const bool all = text_of(taken.name.get()) == "__dict__";
    if (!all && (now == taken.value.get() || is_ours(now) ||
                 compat::is_brought_by(now, taken.value.get()) ||
                 stash().has_set(stash().object_of(module), taken.name.get(), now)))
      continue;
    found.insert(found.end(), taken.takers.begin(), taken.takers.end());
  }
}

/// What was taken is the class, or what may be made by it, or comes from the module that it is part
/// of, which makes such.
void ImportGuard::add_takers_of(PyTypeObject* type, std::vector<int>& found) const {
  const Ref home = attribute(reinterpret_cast<PyObject*>(type), "__module__");
  const std::string_view home_name =
      home && PyUnicode_Check(home.get()) != 0 ? text_of(home.get()) : std::string_view();
  const auto is_of = [type](PyObject* value) {
    return value != nullptr && (PyType_IsSubtype(Py_TYPE(value), type) != 0 ||
                                (PyType_Check(value) != 0 &&
                                 PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(value), type)));
  };
  for (const auto& [module, names] : taken_) {
    const bool at_home = stash().graph().name_of(module) == home_name;
    for (const Taken& taken : names)
      if (at_home || is_of(taken.value.get()))
        found.insert(found.end(), taken.takers.begin(), taken.takers.end());
  }
}

std::vector<int> ImportGuard::changed(const ModuleSet& planned) {
  std::vector<int> found;
  if (!started_) return found;
  PyObject* const table = PyImport_GetModuleDict();
  if (const std::uint64_t version = compat::dictionary_version(table); version != table_version_) {
    table_version_ = version;
    ++table_round_;
  }
  for (std::size_t place = 0; place < watched_.size(); ++place) {
    const int module = static_cast<int>(place);
    Watched& watched = watched_[place];
    if ((watched.names == nullptr && watched.round == table_round_) ||
        !stash().is_in_sight(module) || gone_.contains(module) ||
        !stash().graph().falling_with(module).meets(planned))
      continue;
    if (watched.names != nullptr)
      if (const std::uint64_t version = compat::dictionary_version(watched.names);
          version != watched.version) {
        watched.version = version;
        add_takers(module, found);
      }
    if (watched.round == table_round_) continue;
    watched.round = table_round_;
    if (PyDict_GetItem(table, stash().key_of(module)) == stash().object_of(module)) continue;
    gone_.insert(module);
    found.push_back(module);
  }
  for (PyTypeObject* const type : changed_classes()) add_takers_of(type, found);
  return found;
}

bool ImportGuard::environment_changed() {
  PyObject* const values = baseline().environment_values.get();
  if (values == nullptr) return false;
  const std::uint64_t before = environment_version_;
  environment_version_ = compat::dictionary_version(values);
  return started_ && environment_version_ != before;
}

}  // namespace pml::worker
