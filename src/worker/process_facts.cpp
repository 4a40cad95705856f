#include "worker/process_facts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <langinfo.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <clocale>
#include <cstdint>
#include <string_view>

namespace pml::worker {

namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text + '\0';
  return all;
}

template <typename Value>
std::string bytes_of_value(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string current_folder() {
  std::array<char, PATH_MAX> path{};
  return ::getcwd(path.data(), path.size()) != nullptr ? path.data() : "";
}

/// Enough to tell another file, or another state of it.
std::string state_of(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return bytes_of_value(std::array<std::uint64_t, 4>{
      info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_mtim.tv_sec),
      static_cast<std::uint64_t>(info.st_mtim.tv_nsec)});
}

std::string terminal_at(int descriptor) {
  winsize size{};
  if (::isatty(descriptor) == 0) return {};
  (void)::ioctl(descriptor, TIOCGWINSZ, &size);
  return "terminal " + std::to_string(size.ws_col) + " " + std::to_string(size.ws_row);
}

std::string own_umask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return std::to_string(mask);
}

std::string limit_of(int resource) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return {};
  return std::to_string(limit.rlim_cur) + " " + std::to_string(limit.rlim_max);
}

/// What importlib.metadata and its like look for, or pkgutil.extend_path does.
bool is_looked_for(std::string_view file, std::string_view package) {
  if (!package.empty()) return file == package || file == std::string(package) + ".pkg";
  constexpr std::array<std::string_view, 4> k_metadata = {".dist-info", ".egg-info", ".egg-link",
                                                          ".egg"};
  return std::any_of(k_metadata.begin(), k_metadata.end(),
                     [file](std::string_view end) { return file.ends_with(end); });
}

std::string found_in_added_folders(const std::string& package, const RunOptions& options) {
  std::vector<std::string> folders = options.python_path;
  if (options.program_folder) folders.push_back(*options.program_folder);
  std::vector<std::string> found;
  for (const std::string& folder : folders) {
    DIR* const handle = ::opendir(folder.empty() ? "." : folder.c_str());
    if (handle == nullptr) continue;
    while (const dirent* item = ::readdir(handle))
      if (is_looked_for(item->d_name, package)) found.push_back(folder + "/" + item->d_name);
    ::closedir(handle);
  }
  std::sort(found.begin(), found.end());
  return joined(found);
}

std::string flag_of(const std::string& name, const RunOptions& options) {
  if (name == "dont_write_bytecode") return std::to_string(int{options.dont_write_bytecode});
  if (name == "quiet") return std::to_string(options.quiet);
  if (name == "bytes_warning") return std::to_string(options.bytes_warning);
  if (name == "utf8_mode") return std::to_string(int{options.locale.utf8_mode});
  return {};  // the others are every job's
}

}  // namespace

const char* name_of(FactKind kind) {
  switch (kind) {
    case FactKind::own:
      return "own";
    case FactKind::folder:
      return "folder";
    case FactKind::file:
      return "file";
    case FactKind::terminal:
      return "terminal";
    case FactKind::descriptor:
      return "descriptor";
    case FactKind::buffering:
      return "buffering";
    case FactKind::encoding:
      return "encoding";
    case FactKind::affinity:
      return "affinity";
    case FactKind::umask:
      return "umask";
    case FactKind::limit:
      return "limit";
    case FactKind::locale:
      return "locale";
    case FactKind::locale_item:
      return "locale_item";
    case FactKind::warnings:
      return "warnings";
    case FactKind::x_options:
      return "x_options";
    case FactKind::zone:
      return "zone";
    case FactKind::flag:
      return "flag";
    case FactKind::signal:
      return "signal";
    case FactKind::added_folders:
      return "added_folders";
  }
  return "";
}

bool can_change(FactKind kind) {
  constexpr std::array k_kinds = {FactKind::folder,     FactKind::file,     FactKind::terminal,
                                  FactKind::descriptor, FactKind::affinity, FactKind::umask,
                                  FactKind::limit,      FactKind::locale,   FactKind::locale_item};
  return std::find(k_kinds.begin(), k_kinds.end(), kind) != k_kinds.end();
}

std::string value_of(const ProcessFact& fact, const RunOptions& options) {
  switch (fact.kind) {
    case FactKind::own:
      return std::to_string(::getpid());
    case FactKind::folder:
      return fact.name.empty() ? current_folder() : std::to_string(int{current_folder().empty()});
    case FactKind::file:
      return state_of(fact.name.empty() ? "." : fact.name);
    case FactKind::terminal:
      return terminal_at(fact.number);
    case FactKind::descriptor:
      return ::fcntl(fact.number, F_GETFD) < 0 ? "closed" : "open";
    case FactKind::buffering:
      return std::to_string(int{options.unbuffered});
    case FactKind::encoding:
      return joined({options.io_encoding, options.io_errors,
                     std::to_string(int{options.locale.escape_errors})});
    case FactKind::affinity: {
      cpu_set_t processors{};
      (void)::sched_getaffinity(0, sizeof processors, &processors);
      return bytes_of_value(processors);
    }
    case FactKind::umask:
      return own_umask();
    case FactKind::limit:
      return limit_of(fact.number);
    case FactKind::locale: {
      const char* const name = std::setlocale(fact.number, nullptr);
      return name != nullptr ? name : "";
    }
    case FactKind::locale_item:
      return ::nl_langinfo(fact.number);
    case FactKind::warnings:
      return joined(options.warnings);
    case FactKind::zone:
      return options.time_zone ? "TZ=" + *options.time_zone : std::string();
    case FactKind::x_options:
      return joined(options.x_options);
    case FactKind::flag:
      return flag_of(fact.name, options);
    case FactKind::signal:
      if (fact.number < 1 || fact.number > 64) return {};
      return (options.ignored_signals >> (fact.number - 1) & 1) != 0 ? "ignored" : "";
    case FactKind::added_folders:
      return found_in_added_folders(fact.name, options);
  }
  return {};
}

}  // namespace pml::worker
