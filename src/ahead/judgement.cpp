#include "ahead/judgement.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "wire/start_variables.hpp"

namespace pml::ahead {

namespace {

using Variables = std::map<std::string_view, std::string_view>;

/// The first of a name wins, as getenv(3) has it.
Variables variables_of(const wire::Request& request) {
  Variables variables;
  for (const std::string_view entry : request.environment) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return variables;
}

/// Read by the interpreter's start or by libraries of C when they are loaded, too: nobody hears it.
constexpr std::array<std::string_view, 10> k_start_prefixes = {
    "PYTHON", "LC_", "OPENSSL_", "SSL_", "QT_", "GTK_", "GDK_", "GIO_", "G_", "CUDA_"};
constexpr std::array<std::string_view, 15> k_start_names = {
    "HOME",     "LANG",          "LANGUAGE",    "LOCPATH",     "TZ",
    "TZDIR",    "NLSPATH",       "HOSTALIASES", "GCONV_PATH",  "TMPDIR",
    "TERMINFO", "TERMINFO_DIRS", "INPUTRC",     "LOCALDOMAIN", "RES_OPTIONS"};

bool acts_at_start(std::string_view name) {
  return wire::acts_before_main(name) || wire::acts_on_computing(name) ||
         std::find(k_start_names.begin(), k_start_names.end(), name) != k_start_names.end() ||
         std::any_of(k_start_prefixes.begin(), k_start_prefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

std::optional<std::string_view> value_in(const Variables& variables, std::string_view name) {
  const auto found = variables.find(name);
  return found == variables.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> differing_variable(const Variables& then, const Variables& now,
                                              bool all) {
  for (const auto* side : {&then, &now})
    for (const auto& [name, value] : *side)
      if ((all || acts_at_start(name)) && value_in(then, name) != value_in(now, name))
        return "variable " + std::string(name);
  return std::nullopt;
}

bool same_folder(const Caller& then, const Caller& now) {
  return then.folder_device == now.folder_device && then.folder_inode == now.folder_inode &&
         then.request->cwd == now.request->cwd;
}

/// sys.path[0], __file__ and the loader of a program that is not named by its whole path.
bool depends_on_folder(const wire::Request& request) {
  return request.kind == wire::ProgramKind::module ||
         (request.kind == wire::ProgramKind::script && !request.target.starts_with('/'));
}

bool depends_on_folder(const Variables& variables) {
  const std::string_view path = value_in(variables, "PYTHONPATH").value_or("");
  if (path.empty()) return false;
  const std::string all = ":" + std::string(path) + ":";
  for (std::size_t at = all.find(':'); at + 1 < all.size(); at = all.find(':', at + 1))
    if (all[at + 1] != '/') return true;
  return false;
}

std::optional<std::string> differing_start(const Caller& then, const Caller& now) {
  const wire::Request& first = *then.request;
  const wire::Request& second = *now.request;
  if (first.kind != second.kind || first.target != second.target) return "program";
  if (first.interpreter_options != second.interpreter_options) return "interpreter options";
  if (first.limits != second.limits) return "resource limits";
  if (first.ignored_signals != second.ignored_signals) return "ignored signals";
  if (first.personality != second.personality) return "personality";
  for (std::size_t number = 0; number < then.streams.size(); ++number)
    if (then.streams[number].open != now.streams[number].open)
      return "descriptor " + std::to_string(number) + " open or closed";
  return std::nullopt;
}

std::optional<std::string> differing_fact(const Fact& fact, const Caller& then, const Caller& now) {
  const wire::Request& first = *then.request;
  const wire::Request& second = *now.request;
  bool same = true;
  const auto number = static_cast<std::size_t>(fact.number);
  switch (fact.kind) {
    case FactKind::variable:
    case FactKind::every_variable:
      return std::nullopt;  // compared with the others
    case FactKind::folder:
      same = same_folder(then, now);
      break;
    case FactKind::mask:
      same = first.umask == second.umask;
      break;
    case FactKind::affinity:
      same = first.affinity == second.affinity;
      break;
    case FactKind::terminal:
      same = number < then.streams.size() &&
             then.streams[number].terminal == now.streams[number].terminal;
      break;
    case FactKind::blocking:
      same = number < then.streams.size() &&
             then.streams[number].blocking == now.streams[number].blocking;
      break;
    case FactKind::seekable:
      same = number < then.streams.size() &&
             then.streams[number].seekable == now.streams[number].seekable;
      break;
    case FactKind::terminal_size:
      same = number < then.streams.size() && then.streams[number] == now.streams[number];
      break;
  }
  if (same) return std::nullopt;
  std::string what(name_of(fact.kind));
  if (fact.kind >= FactKind::terminal) what += " " + std::to_string(fact.number);
  return what;
}

Stream look_at(int number) {
  Stream stream;
  stream.open = true;
  stream.seekable = ::lseek(number, 0, SEEK_CUR) >= 0;
  stream.blocking = (::fcntl(number, F_GETFL) & O_NONBLOCK) == 0;
  winsize size{};
  stream.terminal = ::isatty(number) != 0;
  if (stream.terminal && ::ioctl(number, TIOCGWINSZ, &size) == 0) {
    stream.columns = size.ws_col;
    stream.lines = size.ws_row;
  }
  return stream;
}

/// Of /dev/fd, as a shell's <(…) names it, and its like: another file for each caller.
bool is_descriptor(const wire::Request& request) {
  const std::string path = request.target.starts_with('/')
                               ? std::string(request.target)
                               : std::string(request.cwd) + "/" + std::string(request.target);
  return path.starts_with("/dev/") || path.starts_with("/proc/");
}

bool has_letter(std::string_view word, std::string_view letters) {
  if (word.size() < 2 || word[0] != '-' || word[1] == '-') return false;
  for (const char letter : word.substr(1)) {
    if (letters.find(letter) != std::string_view::npos) return true;
    if (letter == 'W' || letter == 'X') return false;
  }
  return false;
}

bool takes_next_word(std::string_view word) {
  return word.size() >= 2 && word[0] == '-' && word[1] != '-' &&
         word.find_first_of("WX") == word.size() - 1;
}

}  // namespace

Caller look_at_caller(const wire::Request& request,
                      const std::vector<base::UniqueFd>& descriptors) {
  Caller caller;
  caller.request = &request;
  for (std::size_t i = 0; i < request.descriptors.size() && i < descriptors.size(); ++i) {
    const std::int32_t number = request.descriptors[i];
    if (number >= 0 && number < 3)
      caller.streams[static_cast<std::size_t>(number)] = look_at(descriptors[i].get());
    struct stat info = {};
    if (number != wire::k_descriptor_cwd || ::fstat(descriptors[i].get(), &info) != 0) continue;
    caller.folder_device = info.st_dev;
    caller.folder_inode = info.st_ino;
  }
  return caller;
}

std::optional<std::string> hindrance(const wire::Request& request) {
  if (request.kind == wire::ProgramKind::command) return "code on the command line";
  if (request.kind == wire::ProgramKind::standard_in) return "program from standard input";
  if (request.kind == wire::ProgramKind::script && is_descriptor(request))
    return "a program that its caller has open";
  const auto& words = request.interpreter_options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (has_letter(words[i], "dhivxV?") || words[i].starts_with("--"))
      return "option " + std::string(words[i]);
    if (!takes_next_word(words[i])) continue;
    ++i;
  }
  for (const std::string_view word : words)
    for (const std::string_view name : {"importtime", "showrefcount", "showalloccount", "perf"})
      if (word == name || word.ends_with("X" + std::string(name)))
        return "option -X " + std::string(name);
  const Variables variables = variables_of(request);
  for (const char* name : {"PYTHONINSPECT", "PYTHONVERBOSE", "PYTHONDEBUG", "PYTHONDUMPREFS",
                           "PYTHONPROFILEIMPORTTIME", "PYTHONMALLOCSTATS", "PYTHONPERFSUPPORT"})
    if (!value_in(variables, name).value_or("").empty()) return "variable " + std::string(name);
  return std::nullopt;
}

std::optional<std::string> difference(const std::vector<Fact>& facts, const Caller& then,
                                      const Caller& now) {
  if (auto start = differing_start(then, now)) return start;
  const Variables first = variables_of(*then.request);
  const Variables second = variables_of(*now.request);
  const bool all = std::any_of(facts.begin(), facts.end(), [](const Fact& fact) {
    return fact.kind == FactKind::every_variable;
  });
  if (auto variable = differing_variable(first, second, all)) return variable;
  if ((depends_on_folder(*then.request) || depends_on_folder(first)) && !same_folder(then, now))
    return "current folder";
  for (const Fact& fact : facts) {
    if (fact.kind == FactKind::variable &&
        value_in(first, fact.name) != value_in(second, fact.name))
      return "variable " + fact.name;
    if (auto different = differing_fact(fact, then, now)) return different;
  }
  return std::nullopt;
}

}  // namespace pml::ahead
