#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/files.hpp"
#include "ctl/json.hpp"
#include "ctl/process.hpp"
#include "ctl/service.hpp"
#include "ctl/table.hpp"
#include "profile/profile.hpp"
#include "trial/snapshot.hpp"
#include "trial/snapshot_code.hpp"
#include "wire/quirk.hpp"

namespace pml::ctl {

namespace {

constexpr std::size_t k_bar_width = 30;
/// Of what differs in one module that much is shown.
constexpr std::size_t k_most_shown = 300;

constexpr const char* k_any_program = "(any program)";

/// What chance decides, such as the order of a set, may well be the same twice.
constexpr std::size_t k_colds = 4;

/// One module, imported in a job of the pool and by a python3 of its own.
struct Verified {
  std::string module;
  std::vector<std::string> differences;
};

/// "difference MODULE harmless ROW": what config/quirks says makes no difference.
struct Harmless {
  std::string module;  ///< "*": any
  std::string row;     ///< what the sentence begins with
};

std::vector<Harmless> known_harmless() {
  std::vector<Harmless> all;
  for (const std::string& line : wire::quirk_lines(read_file(k_quirk_file)).good)
    if (auto quirk = wire::parse_quirk(line); quirk->kind == wire::QuirkKind::difference)
      all.push_back({std::move(quirk->parts[0]), std::move(quirk->parts[1])});
  return all;
}

class Verification {
 public:
  explicit Verification(std::string profile) : profile_(std::move(profile)) {
    require_profile(profile_);
    const auto loaded = profile::load(profile_, base::profile_folders());
    cold_ = {loaded.profile->interpreter};
    if (!loaded.profile->path.empty())
      path_ = {"PYTHONPATH=" + profile::python_path(*loaded.profile, std::getenv("PYTHONPATH"))};
    std::error_code error;
    const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "pml";
    warm_ = {::access(here.c_str(), X_OK) == 0 ? here.string() : PML_BINDIR "/pml", "-p", profile_,
             "--no-fallback", "--wait"};
  }

  [[nodiscard]] Verified verify(const std::string& module) const {
    Verified result{module, {}};
    const trial::Snapshot warm = look(warm_, {}, module);
    const trial::Snapshot cold = look(cold_, path_, module);
    if (warm == cold) return result;
    // A part of another module, which cannot be imported alone.
    if (const auto fails = cold.find("import fails"); fails != cold.end() && fails->second != "no")
      return result;
    if (warm.empty())
      result.differences = {"it does not start warm"};
    else
      result.differences = differences(module, warm, cold);
    std::erase_if(result.differences, [&](const std::string& one) {
      return std::find(common_.begin(), common_.end(), one) != common_.end() ||
             std::any_of(harmless_.begin(), harmless_.end(), [&](const Harmless& known) {
               return (known.module == "*" || known.module == module) && one.starts_with(known.row);
             });
    });
    return result;
  }

  /// Throws Failure where python3 itself does not import the module.
  void require_importable(const std::string& module) const {
    const trial::Snapshot cold = look(cold_, path_, module);
    if (const auto fails = cold.find("import fails"); fails != cold.end() && fails->second != "no")
      throw Failure(k_exit_failure, cold_.front() + " cannot import " + module + " (" +
                                        fails->second + "); pmlctl show " + profile_ +
                                        " names its preloads");
  }

  /// What differs whatever a program imports, and so is no module's. Throws Failure where no
  /// program starts warm.
  Verified verify_start() {
    Verified start = verify("sys");
    start.module = k_any_program;
    if (!start.differences.empty() && look(warm_, {}, "sys").empty())
      throw Failure(k_exit_failure,
                    "programs do not start warm here; see pmlctl doctor " + profile_);
    common_ = start.differences;
    return start;
  }

 private:
  [[nodiscard]] std::vector<std::string> differences(const std::string& module,
                                                     const trial::Snapshot& warm,
                                                     const trial::Snapshot& cold) const {
    std::vector<trial::Snapshot> colds{cold};
    std::vector<std::string> found = trial::differences(warm, colds);
    while (!found.empty() && colds.size() < k_colds) {
      colds.push_back(look(cold_, path_, module));
      found = trial::differences(warm, colds);
    }
    return found;
  }

  static trial::Snapshot look(std::vector<std::string> words, const std::vector<std::string>& more,
                              const std::string& module) {
    words.insert(words.end(), {"-c", trial::k_snapshot_code, module});
    return trial::snapshot_of(
        run({std::move(words), more, Output::keep, Output::discard, true}).standard_output);
  }

  std::string profile_;
  std::vector<std::string> cold_, warm_, path_;
  std::vector<std::string> common_;
  std::vector<Harmless> harmless_ = known_harmless();
};

std::vector<std::string> lines_of(const std::string& answer) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < answer.size();) {
    const std::size_t end = std::min(answer.find('\n', at), answer.size());
    if (end > at) lines.push_back(answer.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// The modules that the pool shares.
std::vector<std::string> modules_of(const std::string& profile) {
  const auto answer = ask(socket_of(profile), "modules");
  Services services;
  if (!answer) throw not_running(services, profile);
  if (answer->starts_with("error "))
    throw Failure(k_exit_failure, answer->substr(6, answer->find('\n') - 6));
  return lines_of(*answer);
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// The service shares no more what was found to differ.
void tell_service(const std::string& profile, const std::vector<Verified>& all) {
  const std::string socket = socket_of(profile);
  for (const Verified& one : all)
    (void)ask(
        socket,
        "verified " + quoted(one.module) + " " +
            quoted(one.differences.empty() ? "" : one.differences.front().substr(0, k_most_shown)));
  (void)ask(socket, "verified");
}

void show_progress(std::size_t done, std::size_t all, const std::string& module) {
  if (::isatty(STDERR_FILENO) == 0) return;
  const std::size_t full = k_bar_width * done / all;
  std::string bar;
  for (std::size_t i = 0; i < k_bar_width; ++i) bar += i < full ? "█" : "░";
  std::fprintf(stderr, "\r\033[K%s %zu of %zu  %s", bar.c_str(), done, all, module.c_str());
  if (done == all) std::fputs("\r\033[K", stderr);
}

Json json_of(const std::vector<Verified>& all) {
  Json modules = Json::array();
  for (const Verified& one : all)
    modules.push_back({{"module", one.module}, {"differences", one.differences}});
  return modules;
}

std::string text_of(const std::vector<Verified>& all) {
  Table table({"MODULE", "DIFFERS"});
  std::size_t modules = 0, same = 0;
  for (const Verified& one : all) {
    if (one.module != k_any_program) ++modules;
    if (one.differences.empty()) {
      ++same;
      continue;
    }
    std::string what = one.differences.front().substr(0, k_most_shown);
    if (one.differences.size() > 1)
      what += " (and " + std::to_string(one.differences.size() - 1) + " more)";
    table.add({{one.module, Colour::bad}, {what}});
  }
  const std::string sum =
      std::to_string(same) + " of " + std::to_string(modules) + " modules are as under python3.\n";
  return table.empty() ? sum : table.text() + "\n" + sum;
}

void print_now(const Verified& one) {
  const std::string line =
      json_of({one}).front().dump(-1, ' ', false, Json::error_handler_t::replace);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace

int verify(const Options& options) {
  const bool named = !options.words.empty() && !names_a_pool(options);
  const std::string profile = named ? options.words.front() : profile_of_options(options);
  std::vector<std::string> modules(options.words.begin() + (named ? 1 : 0), options.words.end());
  Verification verification(profile);
  for (const std::string& module : modules) verification.require_importable(module);
  if (modules.empty()) modules = modules_of(profile);
  if (Services services; !services.asleep(profile) && !ask(socket_of(profile), "status"))
    throw not_running(services, profile);
  const Verified start = verification.verify_start();
  std::vector<Verified> all;
  for (const std::string& module : modules) {
    show_progress(all.size(), modules.size(), module);
    all.push_back(verification.verify(module));
    if (options.follow) print_now(all.back());
  }
  show_progress(modules.size(), modules.size(), "");
  if (!options.follow) tell_service(profile, all);
  if (!start.differences.empty()) all.insert(all.begin(), start);
  if (options.json && !options.follow) print_json(json_of(all));
  if (!options.json && !options.follow) print(text_of(all), options.pager);
  return std::all_of(all.begin(), all.end(),
                     [](const Verified& one) { return one.differences.empty(); })
             ? 0
             : k_exit_failure;
}

}  // namespace pml::ctl
