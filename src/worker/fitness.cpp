#include "worker/fitness.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "wire/cold_only.hpp"
#include "wire/start_variables.hpp"

namespace pml::worker {

namespace {

using wire::Refusal;

/// A numeric flag variable as python3 reads it: any text that is no number of at least 0 counts
/// as 1.
int flag_value(std::string_view text) {
  if (text.empty()) return 0;
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(copy.c_str(), &end, 10);
  if (*end != '\0' || errno != 0 || value < 0 || value > INT_MAX) return 1;
  return static_cast<int>(value);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Objection option_objection(std::string_view option) {
  return {Refusal::option, std::string(option)};
}

Objection variable_objection(std::string_view name) {
  return {Refusal::environment, std::string(name)};
}

std::optional<Objection> read_x_option(std::string_view value, RunOptions& options) {
  if (!wire::is_warm_setting(value)) return option_objection("-X " + std::string(value));
  options.faulthandler = true;  // the only one
  options.x_options.emplace_back(value);
  return std::nullopt;
}

std::optional<Objection> read_options(const wire::Request& request, RunOptions& options) {
  const auto& words = request.interpreter_options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") break;
    if (word.size() < 2 || word[0] != '-' || word[1] == '-') return option_objection(word);
    for (std::size_t at = 1; at < word.size(); ++at) {
      const char letter = word[at];
      if (!wire::is_warm_option(letter)) return option_objection(word);
      if (letter == 'u')
        options.unbuffered = true;
      else if (letter == 'B')
        options.dont_write_bytecode = true;
      else if (letter == 'q')
        ++options.quiet;
      else if (letter == 'b')
        ++options.bytes_warning;
      else {  // -W or -X
        std::string_view value = word.substr(at + 1);
        if (value.empty()) {
          if (++i >= words.size()) return option_objection(word);
          value = words[i];
        }
        if (letter == 'W')
          options.warnings.emplace_back(value);
        else if (auto objection = read_x_option(value, options))
          return objection;
        break;
      }
    }
  }
  return std::nullopt;
}

std::optional<Objection> read_python_variable(std::string_view name, std::string_view value,
                                              RunOptions& options,
                                              std::vector<std::string>& warnings) {
  if (wire::is_cold_variable(name, value)) return variable_objection(name);
  if (value.empty()) return std::nullopt;
  if (name == "PYTHONUNBUFFERED")
    options.unbuffered |= flag_value(value) > 0;
  else if (name == "PYTHONDONTWRITEBYTECODE")
    options.dont_write_bytecode |= flag_value(value) > 0;
  else if (name == "PYTHONFAULTHANDLER")
    options.faulthandler = true;
  else if (name == "PYTHONWARNINGS")
    warnings = split(value, ',');
  else if (name == "PYTHONPATH")
    options.python_path = split(value, ':');
  else if (name == "PYTHONIOENCODING") {
    const std::size_t colon = value.find(':');
    options.io_encoding = value.substr(0, colon);
    if (colon != std::string_view::npos) options.io_errors = value.substr(colon + 1);
    if (!options.io_encoding.empty() && options.io_errors.empty()) options.io_errors = "strict";
  }
  return std::nullopt;
}

std::optional<Objection> compare_start_variables(const Environment& caller,
                                                 const Environment& started_with, bool computes) {
  const auto matters = [computes](std::string_view name) {
    return wire::acts_before_main(name) || (computes && wire::acts_on_computing(name));
  };
  for (const auto& [name, value] : caller.all())
    if (matters(name) && started_with.get(name) != value) return variable_objection(name);
  for (const auto& [name, value] : started_with.all())
    if (matters(name) && !caller.get(name)) return variable_objection(name);
  return std::nullopt;
}

bool is_c_locale(std::string_view name) {
  return name == "C" || name == "POSIX";
}

}  // namespace

Environment::Environment(const std::vector<std::string_view>& entries) {
  variables_.reserve(entries.size());
  for (std::string_view entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string_view::npos && equals != 0)
      variables_.push_back({entry.substr(0, equals), entry.substr(equals + 1)});
  }
  const auto by_name = [](const Variable& a, const Variable& b) { return a.name < b.name; };
  const auto same_name = [](const Variable& a, const Variable& b) { return a.name == b.name; };
  std::stable_sort(variables_.begin(), variables_.end(), by_name);
  variables_.erase(std::unique(variables_.begin(), variables_.end(), same_name), variables_.end());
}

std::optional<std::string_view> Environment::get(std::string_view name) const {
  const auto found = std::lower_bound(
      variables_.begin(), variables_.end(), name,
      [](const Variable& variable, std::string_view wanted) { return variable.name < wanted; });
  if (found == variables_.end() || found->name != name) return std::nullopt;
  return found->value;
}

LocaleChoice choose_locale(const Environment& environment, bool utf8_by_default) {
  LocaleChoice choice;
  const std::string_view all = environment.get("LC_ALL").value_or("");
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    choice.name = environment.get(name).value_or("");
    if (!choice.name.empty()) break;
  }
  // Not an assignment: gcc 12 warns of an overlap that cannot be (-Wrestrict) at -O3.
  if (choice.name.empty()) choice.name.push_back('C');
  choice.escape_errors =
      choice.name == "C.UTF-8" || choice.name == "C.utf8" || choice.name == "UTF-8";
  choice.utf8_mode = utf8_by_default || is_c_locale(choice.name);
  if (choice.utf8_mode) choice.escape_errors = true;
  if (is_c_locale(choice.name)) {
    if (all.empty()) {
      choice.coerced = true;
      choice.name = "C.UTF-8";
    }
  }
  return choice;
}

Fitness judge(const wire::Request& request, const Environment& caller,
              const Environment& started_with, bool computes, const Interpreter& interpreter) {
  Fitness result;
  RunOptions& options = result.options;
  std::vector<std::string> variable_warnings;
  options.ignored_signals = request.ignored_signals;
  if ((result.objection = read_options(request, options))) return result;
  for (const auto& [name, value] : caller.all())
    if (name.starts_with("PYTHON"))
      if ((result.objection = read_python_variable(name, value, options, variable_warnings)))
        return result;
  if (options.faulthandler && interpreter.dumps_c_stack) {
    result.objection = option_objection("faulthandler");
    return result;
  }
  if ((result.objection = compare_start_variables(caller, started_with, computes))) return result;
  options.warnings.insert(options.warnings.begin(), variable_warnings.begin(),
                          variable_warnings.end());
  if (options.bytes_warning > 1)
    options.warnings.emplace_back("error::BytesWarning");
  else if (options.bytes_warning == 1)
    options.warnings.emplace_back("default::BytesWarning");
  options.locale = choose_locale(caller, interpreter.utf8_by_default);
  if (const auto zone = caller.get("TZ")) options.time_zone = *zone;
  if (const auto home = caller.get("HOME")) options.home = *home;
  return result;
}

}  // namespace pml::worker
