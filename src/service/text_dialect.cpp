#include "service/text_dialect.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "service/shell_words.hpp"

namespace pml::service {

namespace {

constexpr const char* k_forms =
    "expected: file PATH ARG..., module NAME ARG... or entrypoint DIST==VERSION GROUP NAME ARG...";

TextError error(std::string reason) {
  return {std::move(reason)};
}

TextLine simple_request(wire::ProgramKind kind, std::vector<std::string> words, const char* what) {
  if (words.size() < 2 || words[1].empty()) return error("no " + std::string(what) + " was named");
  TextRequest request;
  request.kind = kind;
  request.target = std::move(words[1]);
  request.arguments.assign(std::make_move_iterator(words.begin() + 2),
                           std::make_move_iterator(words.end()));
  return request;
}

TextLine entry_point_request(std::vector<std::string> words) {
  if (words.size() < 4 || words[3].empty())
    return error("entrypoint needs a distribution, a group and a name");
  TextRequest request;
  request.kind = wire::ProgramKind::entry_point;
  request.target = words[1] + ":" + words[2] + ":" + words[3];
  request.arguments.assign(std::make_move_iterator(words.begin() + 4),
                           std::make_move_iterator(words.end()));
  return request;
}

/// A signal's number from its name (with or without SIG, in capitals or not) or number; 0 where
/// there is no such.
int signal_of(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : static_cast<char>(c);
  });
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (std::to_string(signal) == name || (known != nullptr && name == known)) return signal;
  }
  return 0;
}

TextLine program_request(const std::vector<std::string>& words) {
  const std::string& command = words.front();
  if (words.size() > 2 || (words.size() == 1 && command == "ahead"))
    return error(command + " needs one program");
  return TextQuestion{command, words.size() == 2 ? words[1] : std::string(), 0, {}};
}

TextLine kill_request(const std::vector<std::string>& words) {
  if (words.size() < 2 || words.size() > 3) return error("kill needs a job, and perhaps a signal");
  const int signal = words.size() == 3 ? signal_of(std::string(words[2])) : SIGTERM;
  if (signal == 0) return error("there is no such signal");
  return TextQuestion{"kill", words[1], signal, {}};
}

std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  return line;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "SIG" + std::to_string(signal);
}

}  // namespace

TextLine parse_text(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) return error("the request holds a NUL byte");
  std::optional<std::vector<std::string>> words = split_words(line);
  if (!words) return error("a quote is not closed");
  if (words->empty()) return error(std::string("the request is empty; ") + k_forms);
  const std::string command = words->front();
  if (command == "file")
    return simple_request(wire::ProgramKind::script, std::move(*words), "file");
  if (command == "module")
    return simple_request(wire::ProgramKind::module, std::move(*words), "module");
  if (command == "entrypoint") return entry_point_request(std::move(*words));
  if (command == "status" || command == "jobs" || command == "imports" || command == "modules" ||
      command == "programs" || command == "reload")
    return words->size() == 1 ? TextLine(TextQuestion{command, {}, 0, {}})
                              : TextLine(error(command + " stands alone"));
  if (command == "verified" && words->size() <= 3) {
    words->resize(3);
    return TextQuestion{command, one_line((*words)[1]), 0, one_line((*words)[2])};
  }
  if (command == "kill") return kill_request(*words);
  if (command == "ahead" || command == "forget") return program_request(*words);
  if (command == "environment") {
    if (words->size() != 2 || !words->back().starts_with('/'))
      return error("environment needs one absolute folder");
    return TextQuestion{command, words->back(), 0, {}};
  }
  return error("unknown command \"" + one_line(command.substr(0, 40)) + "\"; " + k_forms);
}

bool looks_complete(std::string_view bytes) {
  return split_words(bytes).has_value();
}

std::string text_of(const wire::Reply& reply) {
  switch (reply.kind) {
    case wire::ReplyKind::started:
      return "started " + std::to_string(reply.value) + "\n";
    case wire::ReplyKind::exited:
      return "exited " + std::to_string(reply.value) + "\n";
    case wire::ReplyKind::killed:
      return "killed " + signal_name(reply.value) + "\n";
    case wire::ReplyKind::refused: {
      std::string line =
          "error " + std::string(wire::sentence_of(static_cast<wire::Refusal>(reply.value)));
      if (!reply.text.empty()) line += ": " + one_line(reply.text);
      return line + "\n";
    }
    case wire::ReplyKind::retry:
      return "error the worker was lost before it began\n";
    case wire::ReplyKind::stopped:
    case wire::ReplyKind::continued:
    case wire::ReplyKind::in_place:
    case wire::ReplyKind::by_worker:
      break;
  }
  return {};
}

}  // namespace pml::service
