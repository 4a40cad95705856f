#pragma once

#include <string>
#include <vector>

#include "ahead/judgement.hpp"
#include "service/spawn.hpp"
#include "wire/request.hpp"

namespace pml::service {

/// The last caller of a program: all of its context but the arguments of the program, which are
/// nobody's business. Lives in this process's memory only.
class RememberedCaller {
 public:
  /// Copies what it keeps.
  RememberedCaller(const wire::Request& request, const std::vector<base::UniqueFd>& descriptors);
  RememberedCaller(const RememberedCaller&) = delete;
  RememberedCaller& operator=(const RememberedCaller&) = delete;

  [[nodiscard]] const ahead::Caller& caller() const noexcept { return caller_; }
  [[nodiscard]] const wire::Request& request() const noexcept { return request_; }
  [[nodiscard]] const std::string& body() const noexcept { return body_; }

  /// Why no process can be started in this context; nothing where one can.
  [[nodiscard]] std::optional<std::string> hindrance() const;
  /// What a process needs to be started with; the folder is invalid where it is gone.
  [[nodiscard]] StartContext start_context() const;
  /// The whole environment, in its order.
  [[nodiscard]] Variables environment() const;

  /// Starts `interpreter` as this caller would have.
  [[nodiscard]] ZygoteCommand command(const std::string& interpreter) const;
  /// What such a process is sent: the plan, with this caller's request and streams, in a memfd.
  [[nodiscard]] base::UniqueFd in_memory(ahead::Plan plan) const;

 private:
  std::string body_;
  wire::Request request_;  // points into body_
  ahead::Caller caller_;
};

}  // namespace pml::service
