#include "zygote/imports/origins.hpp"

#include <pybind11/pybind11.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <fstream>

#include "worker/interpreter.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

constexpr int k_most_links = 40;

void add_executable(std::set<std::string>& files) {
  std::string path = worker::baseline().executable;
  for (int i = 0; i < k_most_links; ++i) {
    files.insert(path);
    char target[PATH_MAX];
    const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
    if (size <= 0) return;
    const std::string next(target, static_cast<std::size_t>(size));
    path.resize(next.front() == '/' ? 0 : path.rfind('/') + 1);
    path += next;
  }
}

/// Shared objects, those that were replaced meanwhile by the name they had.
void add_mapped(std::set<std::string>& files) {
  constexpr std::string_view k_gone = " (deleted)";
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t slash = line.find('/');
    if (slash == std::string::npos || line.find(" r-xp ") == std::string::npos) continue;
    std::string path = line.substr(slash);
    if (path.ends_with(k_gone)) path.resize(path.size() - k_gone.size());
    files.insert(std::move(path));
  }
}

void add_modules(std::set<std::string>& files) {
  for (const auto& [name, module] : py::reinterpret_borrow<py::dict>(PyImport_GetModuleDict())) {
    const py::object file = py::getattr(module, "__file__", py::none());
    if (py::isinstance<py::str>(file)) files.insert(py::str(file));
  }
}

}  // namespace

std::set<std::string> origins() {
  std::set<std::string> files;
  add_executable(files);
  add_mapped(files);
  add_modules(files);
  const py::module_ sys = py::module_::import("sys");
  if (!sys.attr("prefix").equal(sys.attr("base_prefix")))
    files.insert(std::string(py::str(sys.attr("prefix"))) + "/pyvenv.cfg");
  struct stat info = {};
  for (const std::string& folder : worker::baseline().path)
    if (::stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      for (const char* pattern : {"/*.dist-info", "/*.egg-info", "/*.egg-link"})
        files.insert(folder + pattern);
  return files;
}

}  // namespace pml::zygote
