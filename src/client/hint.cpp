#include "client/hint.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <string>

#include "base/paths.hpp"

namespace pml::client {

namespace {

constexpr std::int64_t k_day = std::int64_t{24} * 60 * 60;

bool is_quiet() {
  const char* variable = std::getenv("PML_QUIET");
  return variable != nullptr && *variable != '\0' && !(variable[0] == '0' && variable[1] == '\0');
}

}  // namespace

bool is_hint_due(const Reason& reason) {
  if (is_quiet() || ::isatty(STDERR_FILENO) == 0) return false;
  const std::string file = base::hint_file(reason.name);
  if (file.empty()) return false;
  struct stat noted = {};
  if (::stat(file.c_str(), &noted) != 0) return true;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} - std::int64_t{noted.st_mtim.tv_sec} >= k_day;
}

}  // namespace pml::client
