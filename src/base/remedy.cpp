#include "base/remedy.hpp"

#include <algorithm>
#include <array>

namespace pml::base {

namespace {

/// "@" stands for the profile, "%" for the detail.
struct Remedy {
  std::string_view reason;
  std::string_view text;
};

constexpr std::array k_remedies = {
    Remedy{"no-service", "start its pool: pmlctl enable @"},
    Remedy{"silent", "pmlctl restart @"},
    Remedy{"lost", "pmlctl logs @ says what happened"},
    Remedy{"retries", "pmlctl logs @ says what happened"},
    Remedy{"busy", "raise pool.workers: pmlctl edit @"},
    Remedy{"warming-up",
           "have the pool warm from login on: pmlctl enable @; or wait for it: pml --wait"},
    Remedy{"overloaded", "raise pool.max-queue, pool.max-jobs or pool.workers: pmlctl edit @"},
    Remedy{"stopping", "pmlctl start @"},
    Remedy{"protocol", "the service is older or newer than pml: pmlctl restart @"},
    Remedy{"malformed", "something else than pml talks to the socket; see man pml-protocol"},
    Remedy{"other-user", "start a pool as that user: pmlctl start @"},
    Remedy{"confined", "callers under seccomp or no_new_privs get python3; or run pmld in there"},
    Remedy{"environment PML_PYTHON",
           "the pool is of another python3: name it for the user manager, too (systemctl --user "
           "set-environment PML_PYTHON=...; environment.d(5)), then: pmlctl restart @"},
    Remedy{"environment",
           "unset %, or give the pool the same value in [python.env]: pmlctl edit @"},
    Remedy{
        "shadowed",
        "rename the file that shadows a preloaded module (%), or do not preload it: pmlctl edit @"},
    Remedy{"context", "PML_TRACE=1 pml ... names what cannot be handed over"},
    Remedy{"broken", "pmlctl logs @ says why the interpreter does not start"},
};

/// Without a detail, what would have been named is described.
std::string_view unnamed(std::string_view reason) {
  return reason == "environment" ? "the variable that PML_TRACE=1 names" : "PML_TRACE=1 names it";
}

}  // namespace

std::string remedy_of(std::string_view reason, std::string_view detail, std::string_view profile) {
  std::string text;
  const std::string both = std::string(reason) + " " + std::string(detail);
  const auto is_for = [](std::string_view wanted) {
    return [wanted](const Remedy& remedy) { return remedy.reason == wanted; };
  };
  const bool exact = std::any_of(k_remedies.begin(), k_remedies.end(), is_for(both));
  for (const Remedy& remedy : k_remedies) {
    if (remedy.reason != (exact ? std::string_view(both) : reason)) continue;
    for (const char c : remedy.text) {
      if (c == '@')
        text.append(profile);
      else if (c == '%')
        text.append(detail.empty() ? unnamed(reason) : detail);
      else
        text.push_back(c);
    }
  }
  return text;
}

}  // namespace pml::base
