#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/reply.hpp"
#include "wire/request.hpp"

namespace pml::service {

inline constexpr std::size_t k_max_text = 64U << 10;  ///< bytes of one text request

/// A request of the text dialect, in words of its own.
struct TextRequest {
  wire::ProgramKind kind = wire::ProgramKind::script;
  std::string target;
  std::vector<std::string> arguments;
};

/// A line that asks the service about itself, or to do something: "status", "jobs", "imports",
/// "modules", "programs", "reload", "kill JOB [SIGNAL]", "ahead PROGRAM", "forget [PROGRAM]",
/// "environment FOLDER", "verified [MODULE HOW]".
struct TextQuestion {
  std::string subject;
  std::string job;  ///< of kill; of verified: the module, empty where all were told of; of ahead
                    ///< and forget: the program; of environment: its folder
  int signal = 0;   ///< of kill; SIGTERM where none was named
  std::string how;  ///< of verified: how it differs; empty: it does not
};

/// Why a line is no request, in words for the answer "error …".
struct TextError {
  std::string reason;
};

using TextLine = std::variant<TextRequest, TextQuestion, TextError>;

/// Reads one request line, without its newline: "file PATH ARG…", "module NAME ARG…", "entrypoint
/// NAME==VERSION GROUP NAME ARG…". Total: every input gives one of the three.
[[nodiscard]] TextLine parse_text(std::string_view line);

/// Whether `bytes`, which may have lost their newline, could be a whole request: every quote
/// closed.
[[nodiscard]] bool looks_complete(std::string_view bytes);

/// The line that tells a text peer of `reply`, with its newline: "started 17", "exited 0",
/// "killed SIGTERM", "error …".
[[nodiscard]] std::string text_of(const wire::Reply& reply);

}  // namespace pml::service
