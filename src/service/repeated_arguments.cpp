#include "service/repeated_arguments.hpp"

#include <utility>

namespace pml::service {

namespace {

constexpr std::size_t k_most_bytes = 8192;
constexpr unsigned k_most_in_vain = 3;
constexpr unsigned k_most_misses = 2;

}  // namespace

void RepeatedArguments::launched(std::string arguments) {
  if (arguments.size() > k_most_bytes) arguments.clear();
  if (arguments == last_ && !arguments.empty() && arguments != wanted_) {
    wanted_ = arguments;
    in_vain_ = misses_ = 0;
  }
  if (arguments == wanted_) rests_ = false;
  last_ = std::move(arguments);
}

void RepeatedArguments::was_in_vain() noexcept {
  ++in_vain_;
  rests_ = true;
}

void RepeatedArguments::are_useless() noexcept {
  in_vain_ = k_most_in_vain;
}

bool RepeatedArguments::misses() const noexcept {
  return misses_ >= k_most_misses;
}

bool RepeatedArguments::any() const noexcept {
  return !wanted_.empty() && !rests_ && in_vain_ < k_most_in_vain;
}

}  // namespace pml::service
