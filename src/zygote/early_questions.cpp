#include "zygote/early_questions.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "ahead/messages.hpp"
#include "base/unique_fd.hpp"
#include "worker/early_imports.hpp"
#include "worker/worker.hpp"
#include "zygote/module_table.hpp"

namespace py = pybind11;

namespace pml::zygote {

namespace {

constexpr std::size_t k_words_each = 5;  // what it is, the module, and three of its own

/// One line, so to speak: any of its words may hold any text, but for a zero.
void add_words(std::string& text, const std::array<std::string, k_words_each>& words) {
  for (const std::string& word : words) (text += word) += '\0';
}

std::string file_of(const std::string& name) {
  if (!modules().contains(name)) return {};
  const py::object file = name_in(modules()[name.c_str()], "__file__");
  return py::isinstance<py::str>(file) ? std::string(py::str(file)) : std::string();
}

/// What the module, which `bringer` has brought, asked.
std::string told(const std::string& bringer, const std::string& name, const ImportRecord& record) {
  std::string text;
  add_words(text, {"module", name, file_of(name), "", ""});
  for (const auto& [variable, value] : record.variables)
    add_words(text, {"variable", bringer, variable, value ? "set" : "unset", value.value_or("")});
  for (const worker::ProcessFact& fact : record.facts)
    add_words(text, {"fact", bringer, std::to_string(static_cast<int>(fact.kind)),
                     std::to_string(fact.number), fact.name});
  return text;
}

[[noreturn]] void import_and_tell(const std::vector<std::string_view>& names, const ImportLog& log,
                                  base::BorrowedFd memory) {
  std::string text;
  std::size_t at_name = log.order().size();
  for (const std::string_view name : names) {
    const std::string bringer(name);
    try {
      py::module_::import("importlib").attr("import_module")(bringer);
    } catch (py::error_already_set&) {
      // It fails in the waiting interpreters, too, and is told there.
    }
    for (; at_name < log.order().size(); ++at_name)
      text += told(bringer, log.order()[at_name], log.at(log.order()[at_name]));
  }
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t size = ::write(memory.get(), text.data() + at, text.size() - at);
    if (size < 0 && errno != EINTR) ::_exit(1);
    if (size > 0) at += static_cast<std::size_t>(size);
  }
  ::_exit(0);
}

void take(const std::array<std::string, k_words_each>& words, const worker::RunOptions& own) {
  const auto& [what, module, first, second, third] = words;
  worker::EarlyImports& all = worker::early_imports();
  if (what == "module") all.add(module, first);
  if (what == "variable")
    all.note_variable(module, first,
                      second == "set" ? std::optional<std::string>(third) : std::nullopt);
  if (what != "fact") return;
  worker::ProcessFact fact{static_cast<worker::FactKind>(std::stoi(first)), std::stoi(second),
                           third};
  std::string value = worker::value_of(fact, own);
  all.note_fact(module, std::move(fact), std::move(value));
}

void take_all(const std::string& text) {
  const worker::RunOptions own = worker::own_options();
  std::array<std::string, k_words_each> words;
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\0', at);
    words[count++] = text.substr(at, end - at);
    at = end + 1;
    if (count < k_words_each) continue;
    take(words, own);
    count = 0;
  }
}

}  // namespace

void learn_early_questions(const std::vector<std::string_view>& names, const ImportLog& log) {
  if (names.empty()) return;
  const std::string first(names.front());
  // No pipe: a process that the modules leave behind would keep that open.
  const base::UniqueFd memory = pml::ahead::in_memory({});
  if (!memory.valid()) return worker::early_imports().give_up(first);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(k_early_seconds);
    import_and_tell(names, log, memory.borrow());
  }
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  const auto text = pml::ahead::from_memory(memory.borrow());
  if (child < 0 || status != 0 || !text) return worker::early_imports().give_up(first);
  take_all(*text);
}

}  // namespace pml::zygote
