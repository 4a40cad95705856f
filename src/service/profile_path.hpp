#pragma once

#include <string>
#include <vector>

#include "profile/profile.hpp"
#include "wire/request.hpp"

namespace pml::service {

/// A request with the profile's own folders in front of its PYTHONPATH, as pml-cold gives them to
/// python3. For profiles that have some.
class PathedRequest {
 public:
  /// `original` must outlive this object.
  PathedRequest(const wire::Request& original, const profile::Profile& profile);
  PathedRequest(const PathedRequest&) = delete;
  PathedRequest& operator=(const PathedRequest&) = delete;

  [[nodiscard]] const wire::Request& request() const noexcept { return request_; }
  [[nodiscard]] const std::string& body() const noexcept { return body_; }

 private:
  std::string variable_;
  wire::Request request_;
  std::string body_;
};

}  // namespace pml::service
