#include "zygote/quirks.hpp"

#include <dlfcn.h>

#include <algorithm>
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
  std::istringstream words{std::string(line)};
  std::string kind, subject, third, fourth;
  if (!(words >> kind >> subject >> third)) return;
  if (kind == "renew") {
    const auto [module, name] = split_name(subject);
    if (third == "=") {
      std::string expression;
      std::getline(words, expression);
      renewals.push_back({module, name, "", expression});
      return;
    }
    const auto [source_module, source] = split_name(third);
    if (!name.empty() && !source.empty()) renewals.push_back({module, name, source_module, source});
    return;
  }
  if (kind == "watch" && third == "items") watched.push_back(split_name(subject));
  if (kind == "extension" && third == "once") once.push_back(subject);
  if (kind == "extension" && third == "notices-second")
    import_guards.push_back(split_name(subject));
  if (kind == "question" && third == "harmless") harmless_questions.push_back(split_name(subject));
  if (!(words >> fourth)) return;
  if (kind == "threads" && third == "ended" && fourth == "by") {
    constexpr std::string_view k_between = " begun by ";
    std::string rest;
    std::getline(words, rest);
    const std::size_t at = rest.find(k_between);
    if (at != std::string::npos)
      threads.push_back({subject, rest.substr(0, at), rest.substr(at + k_between.size())});
  }
  if (kind == "draw" && fourth == "harmless") draws.push_back({subject, third, ""});
  if (kind == "draw" && fourth == "by") {
    std::string expression;
    std::getline(words, expression);
    draws.push_back({subject, third, expression});
  }
  if (kind == "change" && third == "by") kept_changes.emplace_back(subject, fourth);
  if (kind == "import" && third == "needs") needs.emplace_back(subject, fourth);
  const auto [library, symbol] = split_name(fourth);
  if (kind == "exit-call" && third == "only-if-set" && !symbol.empty())
    exit_calls.push_back({subject, library, symbol});
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
