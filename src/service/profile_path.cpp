#include "service/profile_path.hpp"

#include <algorithm>

namespace pml::service {

namespace {

constexpr std::string_view k_name = "PYTHONPATH=";

}  // namespace

PathedRequest::PathedRequest(const wire::Request& original, const profile::Profile& profile)
    : request_(original) {
  auto& environment = request_.environment;
  const auto place = std::find_if(environment.begin(), environment.end(),
                                  [](std::string_view item) { return item.starts_with(k_name); });
  const std::string current(place != environment.end() ? place->substr(k_name.size()) : "");
  variable_ = std::string(k_name) + profile::python_path(profile, current.c_str());
  if (place != environment.end())
    *place = variable_;
  else
    environment.emplace_back(variable_);
  body_ = wire::encode(request_);
}

}  // namespace pml::service
