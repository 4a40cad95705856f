#include "zygote/imports/lazy_imports.hpp"

#include <algorithm>

#include "worker/compat/lazy.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

py::object copy_of_lazy_modules() {
  return py::reinterpret_steal<py::object>(PySet_New(worker::compat::lazy_modules()));
}

void import_again(const py::object& module, const py::object& names) {
  if (!worker::compat::import_lazily(module.ptr(), names.ptr())) throw py::error_already_set();
}

/// "a.b" of <lazy_import 'a.b'>.
std::string path_of(const py::handle placeholder) {
  const std::string text = py::repr(placeholder);
  const std::size_t begin = text.find('\''), end = text.rfind('\'');
  return begin < end ? text.substr(begin + 1, end - begin - 1) : std::string();
}

}  // namespace

void LazyImports::start() {
  if (worker::compat::lazy_modules() == nullptr) return;
  first_ = copy_of_lazy_modules();
  seen_ = copy_of_lazy_modules();
}

bool LazyImports::is_brought_by_innermost(const std::string& module) const {
  const std::vector<std::string> requests = log_.requests_of(log_.running().back());
  return std::any_of(requests.begin(), requests.end(), [&](const std::string& asked) {
    return asked == module || (log_.is_recorded(asked) && log_.brings(asked, module));
  });
}

void LazyImports::note(const std::string& module, const py::object& names) {
  release();
  if (log_.running().empty()) return;
  const bool plain = names.is_none() || py::len(names) == 0;
  // Who imports a submodule so keeps a placeholder of it that the interpreter knows by itself.
  if (plain && module.find('.') != std::string::npos)
    log_.current().facts.insert({worker::FactKind::own, 0, "a lazy import of " + module});
  log_.current().calls.push_back(
      {py::cpp_function(import_again), py::make_tuple(py::str(module), names)});
  if (plain) return;
  sources_[log_.running().back()].insert(module);
  if (!modules().contains(module) || log_.is_known(module) || is_brought_by_innermost(module))
    return;
  const py::object spec = name_in(modules()[module.c_str()], "__spec__");
  if (spec.is_none() || py::getattr(spec, "_initializing", py::bool_(true)).cast<bool>()) return;
  spec.attr("_initializing") = true;
  hidden_ = spec;
  for (const py::handle name : names) {
    const py::str path(module + "." + std::string(py::str(name)));
    if (PySet_Add(worker::compat::lazy_modules(), path.ptr()) != 0 ||
        PySet_Add(seen_.ptr(), path.ptr()) != 0)
      throw py::error_already_set();
  }
}

void LazyImports::release() {
  if (hidden_) hidden_.attr("_initializing") = false;
  hidden_ = {};
}

void LazyImports::note_resolved() {
  if (!seen_) return;
  py::object now = copy_of_lazy_modules();
  const py::object gone = seen_.attr("difference")(now);
  seen_ = std::move(now);
  if (py::len(gone) == 0) return;
  const py::handle all = worker::compat::lazy_modules();
  log_.current().calls.push_back({all.attr("difference_update"), py::make_tuple(py::tuple(gone))});
  // The next one that uses them is to be seen as well.
  all.attr("update")(gone);
  seen_.attr("update")(gone);
}

void LazyImports::note_names(const std::string& module) {
  if (!seen_ || !modules().contains(module)) return;
  const py::object object = modules()[module.c_str()];
  if (PyModule_Check(object.ptr()) == 0) return;
  ImportRecord& record = log_.at(module);
  const std::set<std::string>& sources = sources_[module];
  for (const auto& [name, value] :
       py::reinterpret_borrow<py::dict>(PyModule_GetDict(object.ptr()))) {
    if (!worker::compat::is_lazy_import(value.ptr())) continue;
    const std::string path = path_of(value);
    const std::size_t dot = path.rfind('.');
    if (dot == std::string::npos || sources.count(path.substr(0, dot)) == 0) continue;
    record.lazy_names.push_back({py::reinterpret_borrow<py::object>(name),
                                 py::str(path.substr(0, dot)), py::str(path.substr(dot + 1))});
  }
}

void LazyImports::restore() {
  release();
  if (first_ && !worker::compat::reset_lazy_imports(first_.ptr())) throw py::error_already_set();
}

}  // namespace pml::zygote
