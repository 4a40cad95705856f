#include "service/options.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include "base/paths.hpp"
#include "profile/near_miss.hpp"

namespace pml::service {

namespace {

constexpr unsigned k_most_workers = 1000;

struct Known {
  char letter;  // 0: long only
  std::string_view name;
  bool has_value;
};
constexpr std::array<Known, 7> k_known = {{{'h', "help", false},
                                           {'v', "version", false},
                                           {'d', "daemonize", false},
                                           {'p', "pidfile", true},
                                           {'w', "workers", true},
                                           {'s', "spare", true},
                                           {'\0', "profile", true}}};

/// `, did you mean --…?`, or nothing.
std::string meant(std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(k_known.size());
  for (const Known& known : k_known) names.push_back(known.name);
  const std::string_view found = profile::near_miss(name, names);
  return found.empty() ? "" : ", did you mean --" + std::string(found) + "?";
}

/// Goes through the words; the first thing that is wrong ends it.
class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) : words_(words) {}

  ParsedOptions run() {
    while (next_ < words_.size() && result_.error.empty()) {
      const std::string_view word = words_[next_++];
      if (only_words_ || word.size() < 2 || word.front() != '-')
        plain(word);
      else if (word == "--")
        only_words_ = true;
      else if (word.starts_with("--"))
        long_option(word.substr(2));
      else
        short_options(word.substr(1));
    }
    if (result_.error.empty() && result_.options.action == Options::Action::serve) check();
    return std::move(result_);
  }

 private:
  void fail(std::string error) {
    if (result_.error.empty()) result_.error = std::move(error);
  }

  void plain(std::string_view word) {
    // The kernel would make a socket of a name of its own for it, which others can reach.
    if (word.empty())
      fail("a socket or module has no name");
    else if (result_.options.socket.empty())
      result_.options.socket = word;
    else
      result_.options.modules.emplace_back(word);
  }

  void long_option(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    for (const Known& known : k_known) {
      if (known.name != name) continue;
      if (!known.has_value && equals != std::string_view::npos)
        fail("option --" + std::string(name) + " takes no value");
      else if (!known.has_value)
        apply(known, {});
      else if (equals != std::string_view::npos)
        apply(known, text.substr(equals + 1));
      else
        apply_next(known, "--" + std::string(name));
      return;
    }
    fail("unknown option --" + std::string(name) + meant(name));
  }

  void short_options(std::string_view letters) {
    while (!letters.empty() && result_.error.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      const Known* known = nullptr;
      for (const Known& item : k_known)
        if (item.letter == letter) known = &item;
      if (known == nullptr) {
        fail("unknown option -" + std::string(1, letter));
      } else if (!known->has_value) {
        apply(*known, {});
      } else if (!letters.empty()) {
        apply(*known, letters);
        return;
      } else {
        apply_next(*known, "-" + std::string(1, letter));
      }
    }
  }

  void apply_next(const Known& known, const std::string& shown) {
    if (next_ == words_.size())
      fail("option " + shown + " needs a value");
    else
      apply(known, words_[next_++]);
  }

  void apply(const Known& known, std::string_view value) {
    Options& options = result_.options;
    if (known.has_value && value.empty())
      fail("option --" + std::string(known.name) + " needs a value");
    else if (known.name == "help")
      options.action = Options::Action::help;
    else if (known.name == "version")
      options.action = Options::Action::version;
    else if (known.name == "daemonize")
      options.daemonize = true;
    else if (known.name == "pidfile")
      options.pid_file = value;
    else if (known.name == "profile")
      options.profile = value;
    else
      number(known, value, known.name == "workers" ? options.workers : options.spare);
  }

  void number(const Known& known, std::string_view text, std::optional<unsigned>& target) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1 ||
        value > k_most_workers)
      fail("option --" + std::string(known.name) + " needs a number from 1 to 1000, not \"" +
           std::string(text) + "\"");
    else
      target = value;
  }

  void check() {
    const Options& options = result_.options;
    if (options.profile.empty() && options.socket.empty())
      fail("no socket was named (and no --profile)");
    else if (!options.profile.empty() && !options.socket.empty())
      fail("a profile has its own socket and modules; \"" + options.socket + "\" is too much");
    else if (!options.profile.empty() && !base::valid_profile_name(options.profile))
      fail("\"" + options.profile + "\" cannot be the name of a profile");
  }

  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
  bool only_words_ = false;
  ParsedOptions result_;
};

}  // namespace

ParsedOptions parse_options(const std::vector<std::string>& words) {
  return Parser(words).run();
}

const char* help_text() noexcept {
  return "usage: pmld [-hvd] [-p FILE] [-w N] [-s N] SOCKET [MODULE...]\n"
         "       pmld --profile NAME [-d] [-p FILE] [-w N] [-s N]\n"
         "\n"
         "Keeps warm Python interpreters and runs programs for those who ask on SOCKET.\n"
         "\n"
         "  SOCKET               path of the socket to serve\n"
         "  MODULE...            modules to import ahead\n"
         "  --profile NAME       serve the profile NAME on its own socket or systemd's\n"
         "  -d, --daemonize      go to the background; return when the pool is warm\n"
         "  -p, --pidfile FILE   write the process id to FILE\n"
         "  -w, --workers N      idle workers at start (5)\n"
         "  -s, --spare N        make more whenever fewer are idle (3)\n"
         "  -h, --help           show this help\n"
         "  -v, --version        show the version\n";
}

}  // namespace pml::service
