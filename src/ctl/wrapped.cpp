#include "ctl/wrapped.hpp"

#include <cstdio>
#include <filesystem>

#include "base/exit_status.hpp"
#include "base/paths.hpp"
#include "ctl/command.hpp"
#include "ctl/completion.hpp"
#include "ctl/console_script.hpp"
#include "ctl/files.hpp"
#include "ctl/maker.hpp"
#include "ctl/pool_control.hpp"

namespace pml::ctl {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_prefix = "wrap-";

/// Where the parts of a wrapped command are.
struct Wrapped {
  explicit Wrapped(const std::string& command)
      : profile(std::string(k_prefix) + command),
        profile_file(own_profile_folder() + "/" + profile + ".toml"),
        launcher(base::home_folder() + "/.local/bin/" + command),
        kept(base::home_folder() + "/.local/share/pml/wrapped/" + command) {}

  std::string profile, profile_file;
  std::string launcher;
  std::string kept;  ///< the original, where it stood in the launcher's place

  [[nodiscard]] bool launched() const { return is_launcher(read_file(launcher), profile); }
  [[nodiscard]] bool profiled() const { return maker_of(read_file(profile_file)) == "wrap"; }
};

void restore(const Wrapped& wrapped) {
  std::error_code error;
  if (wrapped.launched()) fs::remove(wrapped.launcher, error);
  if (fs::exists(wrapped.kept, error) && !fs::exists(wrapped.launcher, error))
    fs::rename(wrapped.kept, wrapped.launcher, error);
  remove_empty_folders(fs::path(wrapped.kept).parent_path());
}

void remove_profile(const Wrapped& wrapped) {
  std::error_code error;
  if (!wrapped.profiled()) return;
  fs::remove(wrapped.profile_file, error);
  fs::remove_all(wrapped.profile_file + ".d", error);
  remove_empty_folders(own_profile_folder());
}

}  // namespace

std::vector<std::string> wrapped_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(own_profile_folder(), error)) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() == ".toml" && name.starts_with(k_prefix) &&
        maker_of(read_file(entry.path())) == "wrap")
      names.push_back(name.substr(k_prefix.size()));
  }
  return names;
}

bool is_wrapped(const std::string& name) {
  const Wrapped wrapped(name);
  return wrapped.launched() || wrapped.profiled();
}

void unwrap_one(const std::string& name) {
  if (!is_wrapped(name))
    throw Failure(k_exit_failure, name + " is not adopted" + meant_of(Candidates::adopted, name) +
                                      "; see pmlctl programs");
  const Wrapped wrapped(name);
  restore(wrapped);
  Services services;
  if (services.manager()) disable_pool(services, wrapped.profile);
  stop_pool(services, wrapped.profile);
  remove_profile(wrapped);
  std::printf("%s is as it was. (A shell may remember where it was: hash -r)\n", name.c_str());
}

}  // namespace pml::ctl
