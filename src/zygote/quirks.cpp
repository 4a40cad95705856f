#include "zygote/quirks.hpp"

#include <sstream>

namespace py = pybind11;

namespace pml::zygote {

namespace {

bool has_work(const ExitCallQuirk& quirk) {
  try {
    const py::dict modules = py::reinterpret_borrow<py::dict>(PyImport_GetModuleDict());
    if (!modules.contains(quirk.condition_module)) return true;
    py::object value = modules[quirk.condition_module.c_str()];
    std::istringstream names(quirk.condition);
    for (std::string name; std::getline(names, name, '.');) value = value.attr(name.c_str());
    return !value().is_none();
  } catch (py::error_already_set&) {
    return true;
  }
}

}  // namespace

std::optional<ExitCallQuirk> read_quirk(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string kind, only_if, condition;
  ExitCallQuirk quirk;
  if (!(words >> kind >> quirk.function >> only_if >> condition) || kind != "exit-call" ||
      only_if != "only-if")
    return std::nullopt;
  const std::size_t colon = condition.find(':');
  if (colon == std::string::npos) return std::nullopt;
  quirk.condition_module = condition.substr(0, colon);
  quirk.condition = condition.substr(colon + 1);
  return quirk;
}

py::object with_quirks(const py::object& function, const std::vector<ExitCallQuirk>& quirks) {
  const std::string name = std::string(py::str(py::getattr(function, "__module__", py::str("")))) +
                           ":" +
                           std::string(py::str(py::getattr(function, "__name__", py::str(""))));
  for (const ExitCallQuirk& quirk : quirks)
    if (quirk.function == name)
      return py::cpp_function(
          [function, quirk](const py::args& arguments, const py::kwargs& named) {
            return has_work(quirk) ? function(*arguments, **named) : py::none();
          });
  return function;
}

}  // namespace pml::zygote
