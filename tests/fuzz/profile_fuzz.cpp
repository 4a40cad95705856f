#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "profile/draft.hpp"
#include "profile/duration.hpp"
#include "profile/expand.hpp"
#include "profile/words.hpp"
#include "require.hpp"

namespace {

using namespace pml::profile;

void check_problem(const Problem& problem) {
  const std::string line = problem.one_line();
  PML_REQUIRE(!problem.message.empty());
  PML_REQUIRE(line.starts_with("f:"));
  PML_REQUIRE(!has_control_character(line));
}

// What everything that takes a profile relies on.
void check_profile(const Profile& profile) {
  PML_REQUIRE(profile.interpreter.starts_with('/'));
  PML_REQUIRE(profile.workers >= 1 && profile.workers <= 1000 && profile.spare <= profile.workers);
  PML_REQUIRE(profile.idle_exit.count() >= 0 && profile.preload_timeout.count() >= 1'000'000);
  for (const auto& path : profile.path)
    PML_REQUIRE(path.starts_with('/') && path.find(':') == std::string::npos);
  for (const auto* list : {&profile.modules, &profile.optional, &profile.after_fork})
    PML_REQUIRE(std::all_of(list->begin(), list->end(),
                            [](const std::string& name) { return is_dotted_name(name); }));
  PML_REQUIRE(std::is_sorted(profile.environment.begin(), profile.environment.end()));
  for (const auto& [name, value] : profile.environment)
    PML_REQUIRE(!name.empty() && name.find('=') == std::string::npos &&
                value.find('\0') == std::string::npos);
}

}  // namespace

// Any text, alone and merged over itself, is a good profile or has problems that can be shown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(parse_duration(text));
  static_cast<void>(expand(text));
  Draft once;
  merge_text("f", text, once);
  Draft twice = once;
  finish(once);
  std::for_each(once.problems.begin(), once.problems.end(), check_problem);
  if (!once.problems.empty()) return 0;
  check_profile(once.profile);
  merge_text("f", text, twice);
  finish(twice);
  PML_REQUIRE(twice.problems.empty());
  PML_REQUIRE(twice.profile.modules == once.profile.modules);
  return 0;
}
