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
  last_ = std::move(arguments);
}

void RepeatedArguments::are_useless() noexcept {
  in_vain_ = k_most_in_vain;
}

bool RepeatedArguments::misses() const noexcept {
  return misses_ >= k_most_misses;
}

bool RepeatedArguments::any() const noexcept {
  return !wanted_.empty() && in_vain_ < k_most_in_vain;
}

}  // namespace pml::service
