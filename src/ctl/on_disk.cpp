#include "ctl/on_disk.hpp"

#include <cstdlib>

#include "base/paths.hpp"
#include "base/python_search.hpp"
#include "ctl/files.hpp"
#include "profile/profile.hpp"
#include "wire/quirk.hpp"

namespace pml::ctl {

namespace {

/// Gives the user manager the value that PML_PYTHON has here.
std::string manager_line() {
  const std::string name = base::k_python_variable;
  const char* value = std::getenv(name.c_str());
  return value != nullptr && *value != '\0'
             ? "systemctl --user set-environment " + name + "=" + value
             : "systemctl --user unset-environment " + name;
}

/// By --socket the service may be of any name; its own counts then.
void look_at_profile(const ServiceStatus& status, bool managed, std::vector<Outdated>& found) {
  const std::string digest = status.value("profile-digest");
  if (digest.empty() || !status.value("reloading").empty()) return;
  const std::string name = status.value("profile");
  const profile::Result result = profile::load(name, base::profile_folders());
  if (!result.good())
    found.push_back({"the profile on disk cannot be used (" + result.one_line(name) + ")",
                     "pmlctl edit " + name});
  else if (std::to_string(result.profile->digest) != digest)
    found.push_back(
        {"the profile was edited since the pool was made", "pmlctl reload " + name, true});
  else if (result.profile->interpreter != status.value("interpreter"))
    found.push_back({"the pool is of " + status.value("interpreter") +
                         ", and PML_PYTHON here means " + result.profile->interpreter,
                     (managed ? manager_line() + " && " : "") + "pmlctl restart " + name});
}

void look_at_quirks(std::vector<Outdated>& found) {
  const auto lines = wire::quirk_lines(read_file(k_quirk_file));
  if (!lines.bad.empty())
    found.push_back({std::string(k_quirk_file) + ":" + std::to_string(lines.bad.front().line) +
                         " does not count; what is wrong",
                     "pmlctl check"});
}

}  // namespace

std::vector<Outdated> on_disk(Services& services, const std::string& profile,
                              const ServiceStatus& status) {
  std::vector<Outdated> found;
  const bool managed = services.manager() && profile.find('/') == std::string::npos;
  look_at_profile(status, managed, found);
  look_at_quirks(found);
  const std::string name = status.value("profile");
  if (status.value("replaced") == "1")
    found.push_back({"pml was updated; the new service takes over when nothing runs. Now",
                     "pmlctl restart " + name});
  else if (status.value("version") != PML_VERSION)
    found.push_back({"the service is pml " + status.value("version") + ", this is " PML_VERSION,
                     "pmlctl restart " + name});
  if (managed && services.manager()->is_outdated(service_unit(profile)))
    found.push_back({"the unit files have changed", "systemctl --user daemon-reload"});
  return found;
}

}  // namespace pml::ctl
