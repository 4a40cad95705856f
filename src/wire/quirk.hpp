#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pml::wire {

/// What a line of config/quirks says; each has its form, which the file describes.
enum class QuirkKind {
  exit_call,       ///< module, function, library, symbol
  import_needs,    ///< module (may end in "*"), needed module
  renew_by_value,  ///< module, name, expression
  renew_by_call,   ///< module, name, module of the callable, callable
  threads,         ///< module, what ends them, what begins them
  draw_harmless,   ///< module, library
  draw_by,         ///< module, library, expression
  change,          ///< module, the one that it is never imported without
  watch,           ///< module, name
  extension_once,  ///< module
  import_guard,    ///< module, function
  question,        ///< module, kind
  difference,      ///< module, beginning of the row
};

struct Quirk {
  QuirkKind kind = QuirkKind::exit_call;
  std::vector<std::string> parts;  ///< as many as the kind has, none empty
};

/// Reads one line; nothing where it is of no known form.
[[nodiscard]] std::optional<Quirk> parse_quirk(std::string_view line);

/// The form that the line was probably meant to have: the one whose first word it has. Empty where
/// there is none.
[[nodiscard]] std::string form_meant(std::string_view line);

/// A line that does not count.
struct BadQuirk {
  std::size_t line = 0;  ///< counted from 1
  std::string sentence;  ///< what is wrong with it
};

/// The lines of a file of quirks.
struct QuirkLines {
  std::vector<std::string> good;
  std::vector<BadQuirk> bad;
};

/// Sorts the lines of `text`; empty ones and remarks are left out.
[[nodiscard]] QuirkLines quirk_lines(std::string_view text);

}  // namespace pml::wire
