#include "zygote/quirks.hpp"

#include <dlfcn.h>

#include <sstream>
#include <utility>

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// MODULE:NAME; both empty where there is no colon.
std::pair<std::string, std::string> split_name(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::vector<std::string> parts_of(const std::string& dotted) {
  std::istringstream text(dotted);
  std::vector<std::string> parts;
  for (std::string part; std::getline(text, part, '.');) parts.push_back(part);
  return parts;
}

bool has_work(const ExitCallQuirk& quirk) {
  try {
    const py::dict modules = py::reinterpret_borrow<py::dict>(PyImport_GetModuleDict());
    if (!modules.contains(quirk.condition_module)) return true;
    py::object value = modules[quirk.condition_module.c_str()];
    for (const std::string& name : quirk.condition) value = value.attr(name.c_str());
    return !value().is_none();
  } catch (py::error_already_set&) {
    return true;
  }
}

/// Where the symbol lies that the quirk names; null where the library is not loaded or lacks it.
void* const* pointer_of(const ExitCallQuirk& quirk) {
  void* const library = ::dlopen(quirk.library.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  void* const place = ::dlsym(library, quirk.symbol.c_str());
  ::dlclose(library);  // whose module keeps it
  return static_cast<void* const*>(place);
}

template <typename Condition>
py::object only_if(Condition condition, const py::object& function) {
  return py::cpp_function(
      [function, condition](const py::args& arguments, const py::kwargs& named) -> py::object {
        if (!condition()) return py::none();
        return function(*arguments, **named);
      });
}

}  // namespace

void Quirks::read(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string kind, subject, third, fourth;
  if (!(words >> kind >> subject >> third)) return;
  if (kind == "renew") {
    const auto [module, name] = split_name(subject);
    const auto [source_module, source] = split_name(third);
    if (!name.empty() && !source.empty()) renewals.push_back({module, name, source_module, source});
    return;
  }
  if (!(words >> fourth)) return;
  if (kind == "import" && third == "needs") needs.emplace_back(subject, fourth);
  const auto [module, condition] = split_name(fourth);
  if (kind != "exit-call" || condition.empty()) return;
  if (third == "only-if") exit_calls.push_back({subject, {}, {}, module, parts_of(condition)});
  if (third == "only-if-set") exit_calls.push_back({subject, module, condition, {}, {}});
}

std::vector<std::string> Quirks::needs_of(const std::string& name) const {
  std::vector<std::string> found;
  for (const auto& [subject, needed] : needs) {
    const bool many = subject.ends_with('*');
    if (needed != name &&
        (many ? name.starts_with(subject.substr(0, subject.size() - 1)) : name == subject))
      found.push_back(needed);
  }
  return found;
}

py::object with_quirks(const py::object& function, const std::vector<ExitCallQuirk>& quirks) {
  const std::string name = std::string(py::str(py::getattr(function, "__module__", py::str("")))) +
                           ":" +
                           std::string(py::str(py::getattr(function, "__name__", py::str(""))));
  for (const ExitCallQuirk& quirk : quirks) {
    if (quirk.function != name) continue;
    if (quirk.library.empty()) return only_if([quirk] { return has_work(quirk); }, function);
    if (const auto* const place = pointer_of(quirk))
      return only_if([place] { return *place != nullptr; }, function);
  }
  return function;
}

}  // namespace pml::zygote
