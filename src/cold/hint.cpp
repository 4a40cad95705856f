#include "cold/hint.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/paths.hpp"
#include "base/remedy.hpp"
#include "base/unique_fd.hpp"
#include "profile/profile.hpp"

namespace pml::cold {

namespace {

constexpr std::time_t k_day = std::time_t{24} * 60 * 60;

/// True where this process is the one that notes it today.
bool note(const std::string& file) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  const base::UniqueFd noted(base::k_adopt,
                             ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!noted.valid() || ::flock(noted.get(), LOCK_EX | LOCK_NB) != 0) return false;
  struct stat info = {};
  if (::fstat(noted.get(), &info) != 0) return false;
  if (info.st_size > 0 && std::time(nullptr) - info.st_mtim.tv_sec < k_day) return false;
  return ::ftruncate(noted.get(), 0) == 0 && ::write(noted.get(), "\n", 1) == 1;
}

bool is_wanted(const std::string& profile) {
  for (const std::string& name : {profile, std::string("default")})
    if (const auto loaded = profile::load(name, base::profile_folders()); loaded.good())
      return loaded.profile->hint_cold;
  return true;
}

std::string remedy(const Because& because, const std::string& profile, bool venv_without_pool) {
  const char* venv = std::getenv("VIRTUAL_ENV");
  if (venv_without_pool && because.reason == "no-service")
    return "make its pool: pmlctl profile new --venv " +
           std::string(venv != nullptr ? venv : ".venv");
  return base::remedy_of(because.reason, because.detail, profile);
}

}  // namespace

void give_hint(const Because& because, const std::string& profile, bool venv_without_pool) {
  const std::string file = base::hint_file(because.reason);
  if (file.empty() || !note(file)) return;
  const std::string what = remedy(because, profile, venv_without_pool);
  if (what.empty() || !is_wanted(profile)) return;
  std::fprintf(stderr, "pml: this ran cold: %s; %s (said once a day; never with PML_QUIET=1)\n",
               because.sentence.c_str(), what.c_str());
}

}  // namespace pml::cold
