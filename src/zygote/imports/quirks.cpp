#include "zygote/imports/quirks.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <utility>

#include "wire/quirk.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

/// Where the symbol lies that the quirk names; null where the library is not loaded or lacks it.
void* const* pointer_of(const ExitCallQuirk& quirk) {
  void* const library = ::dlopen(quirk.library.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  void* const place = ::dlsym(library, quirk.symbol.c_str());
  ::dlclose(library);  // whose module keeps it
  return static_cast<void* const*>(place);
}

/// MODULE:FUNCTION; for a method the function has its class in front.
std::string name_of(const py::object& function) {
  const auto text = [&](const char* name) {
    return std::string(py::str(py::getattr(function, name, py::str(""))));
  };
  return text("__module__") + ":" + text("__qualname__");
}

}  // namespace

void Quirks::read(std::string_view line) {
  const auto quirk = wire::parse_quirk(line);
  if (!quirk) return;  // the service has said so
  const auto& part = quirk->parts;
  switch (quirk->kind) {
    case wire::QuirkKind::exit_call:
      exit_calls.push_back({part[0] + ":" + part[1], part[2], part[3]});
      break;
    case wire::QuirkKind::import_needs:
      needs.emplace_back(part[0], part[1]);
      break;
    case wire::QuirkKind::renew_by_value:
      renewals.push_back({part[0], part[1], "", part[2]});
      break;
    case wire::QuirkKind::renew_by_call:
      renewals.push_back({part[0], part[1], part[2], part[3]});
      break;
    case wire::QuirkKind::threads:
      threads.push_back({part[0], part[1], part[2]});
      break;
    case wire::QuirkKind::draw_harmless:
      draws.push_back({part[0], part[1], ""});
      break;
    case wire::QuirkKind::draw_by:
      draws.push_back({part[0], part[1], part[2]});
      break;
    case wire::QuirkKind::change:
      kept_changes.emplace_back(part[0], part[1]);
      break;
    case wire::QuirkKind::watch:
      watched.emplace_back(part[0], part[1]);
      break;
    case wire::QuirkKind::extension_once:
      once.push_back(part[0]);
      break;
    case wire::QuirkKind::import_guard:
      import_guards.emplace_back(part[0], part[1]);
      break;
    case wire::QuirkKind::question:
      harmless_questions.emplace_back(part[0], part[1]);
      break;
    case wire::QuirkKind::difference:
      break;  // of a verification: trial/
  }
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

bool Quirks::is_harmless(const std::string& module, worker::FactKind kind) const {
  return std::find(harmless_questions.begin(), harmless_questions.end(),
                   std::pair(module, std::string(worker::name_of(kind)))) !=
         harmless_questions.end();
}

py::object with_quirks(const py::object& function, const std::vector<ExitCallQuirk>& quirks) {
  const std::string name = name_of(function);
  for (const ExitCallQuirk& quirk : quirks)
    if (quirk.function == name)
      if (const auto* const place = pointer_of(quirk))
        return py::cpp_function(
            [function, place](const py::args& arguments, const py::kwargs& named) -> py::object {
              return *place != nullptr ? function(*arguments, **named) : py::none();
            });
  return function;
}

}  // namespace pml::zygote
