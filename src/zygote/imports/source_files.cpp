#include "zygote/imports/source_files.hpp"

#include <pybind11/pybind11.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

py::dict loaded() {
  return py::reinterpret_borrow<py::dict>(PyImport_GetModuleDict());
}

}  // namespace

std::string parent_folder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

void SourceFiles::note_start() {
  start_ = std::chrono::system_clock::now();
  for (const auto& [name, module] : loaded()) {
    const py::object file = py::getattr(module, "__file__", py::none());
    if (py::isinstance<py::str>(file)) files_.insert(py::str(file));
  }
  const py::module_ sys = py::module_::import("sys");
  for (const py::handle entry : sys.attr("path"))
    if (py::isinstance<py::str>(entry)) path_.push_back(py::str(entry));
  for (const std::string& folder : path_)
    for (const char* name :
         {"/*.pth", "/sitecustomize", "/sitecustomize.*", "/usercustomize", "/usercustomize.*"})
      files_.insert(folder + name);
  const std::string binaries = parent_folder(py::str(sys.attr("executable")));
  files_.insert(binaries + "/pyvenv.cfg");
  files_.insert(parent_folder(binaries) + "/pyvenv.cfg");
  if (!loaded().contains("site")) return;
  const py::object site = loaded()["site"];
  const auto await_folder = [this](py::handle folder) {
    if (std::find(path_.begin(), path_.end(), std::string(py::str(folder))) == path_.end())
      files_.insert(py::str(folder));
  };
  for (const py::handle folder : site.attr("getsitepackages")()) await_folder(folder);
  const py::object own = py::getattr(site, "USER_SITE", py::none());
  if (py::isinstance<py::str>(own) && site.attr("ENABLE_USER_SITE").ptr() == Py_True)
    await_folder(own);
}

void SourceFiles::await(const std::string& name) {
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
    missing_.insert(name.substr(0, dot));
  missing_.insert(name);
}

void SourceFiles::note_missing() {
  const auto start = std::chrono::duration_cast<std::chrono::seconds>(start_.time_since_epoch());
  for (const std::string& file : read_) {
    struct stat info = {};
    const bool there = ::stat(file.c_str(), &info) == 0;
    if (there ? S_ISREG(info.st_mode) && info.st_mtime < start.count() : errno == ENOENT)
      files_.insert(file);
  }
  for (const std::string& name : missing_) {
    if (loaded().contains(name)) continue;
    const std::size_t dot = name.rfind('.');
    const std::string parent = dot == std::string::npos ? "" : name.substr(0, dot);
    std::vector<std::string> folders = path_;
    std::string relative = name;
    if (!parent.empty() && loaded().contains(parent)) {
      folders.clear();
      const py::object places = name_in(loaded()[parent.c_str()], "__path__");
      if (!places.is_none())
        for (const py::handle folder : places) folders.push_back(py::str(folder));
      relative = name.substr(dot + 1);
    }
    std::replace(relative.begin(), relative.end(), '.', '/');
    for (const std::string& folder : folders) {
      std::string file = folder;
      file.append("/").append(relative);
      files_.insert(file);
      files_.insert(file.append(".*"));
    }
  }
}

}  // namespace pml::zygote
