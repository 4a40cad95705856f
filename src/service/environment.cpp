#include "service/environment.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace pml::service {

namespace {

constexpr std::array<std::string_view, 9> k_service_names = {
    "NOTIFY_SOCKET=", "WATCHDOG_PID=",     "WATCHDOG_USEC=", "INVOCATION_ID=", "JOURNAL_STREAM=",
    "MANAGERPID=",    "SYSTEMD_EXEC_PID=", "PML=",           "MANAGERPIDFDID="};
constexpr std::array<std::string_view, 3> k_service_prefixes = {"LISTEN_", "MEMORY_PRESSURE_",
                                                                "PML_"};

bool is_service_variable(std::string_view variable) noexcept {
  const auto starts = [&](std::string_view start) { return variable.starts_with(start); };
  return std::any_of(k_service_names.begin(), k_service_names.end(), starts) ||
         std::any_of(k_service_prefixes.begin(), k_service_prefixes.end(), starts);
}

std::string_view value_of(const Variables& variables, std::string_view name) noexcept {
  for (std::string_view variable : variables)
    if (variable.starts_with(name) && variable.size() > name.size() && variable[name.size()] == '=')
      return variable.substr(name.size() + 1);
  return {};
}

void remove(Variables& variables, std::string_view name_and_equals) {
  std::erase_if(variables,
                [&](const std::string& variable) { return variable.starts_with(name_and_equals); });
}

bool names_utf8(std::string_view locale) {
  std::string lower(locale);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
}

// The interpreter fixes its file-system encoding at start, and most callers have a UTF-8 one.
void ensure_utf8(Variables& variables) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = value_of(variables, name);
    if (value.empty()) continue;
    if (names_utf8(value)) return;
    break;
  }
  remove(variables, "LC_ALL=");
  remove(variables, "LC_CTYPE=");
  remove(variables, "LANG=");
  variables.emplace_back("LANG=C.UTF-8");
}

// Without it the start imports one module more, which callers that have it would find.
void ensure_home(Variables& variables) {
  if (std::any_of(variables.begin(), variables.end(),
                  [](const std::string& variable) { return variable.starts_with("HOME="); }))
    return;
  const passwd* const entry = ::getpwuid(::getuid());
  variables.push_back("HOME=" + std::string(entry != nullptr ? entry->pw_dir : "/"));
}

}  // namespace

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

Variables without_service_variables(const char* const* environment) {
  Variables variables;
  for (; *environment != nullptr; ++environment)
    if (!is_service_variable(*environment)) variables.emplace_back(*environment);
  return variables;
}

bool may_follow_callers(std::string_view name) {
  constexpr std::array<std::string_view, 7> k_acting = {"PYTHON", "LD_",  "MALLOC_", "GLIBC_",
                                                        "LC_",    "LANG", "HOME"};
  return !name.empty() && !is_service_variable(std::string(name) + "=") &&
         std::none_of(k_acting.begin(), k_acting.end(),
                      [name](std::string_view start) { return name.starts_with(start); });
}

Variables zygote_environment(const char* const* environment,
                             const std::vector<std::pair<std::string, std::string>>& additions) {
  Variables variables = without_service_variables(environment);
  std::erase_if(variables,
                [](const std::string& variable) { return variable.starts_with("PYTHON"); });
  for (const auto& [name, value] : additions) {
    std::string variable = name + "=";
    remove(variables, variable);
    variables.push_back(std::move(variable.append(value)));
  }
  ensure_utf8(variables);
  ensure_home(variables);
  return variables;
}

}  // namespace pml::service
