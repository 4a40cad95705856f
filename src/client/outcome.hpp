#pragma once

#include <string>

#include "client/reason.hpp"

namespace pml::client {

/// How a launch ended, and so how the client is to end.
struct Outcome {
  enum class Kind {
    exited,  ///< the job, with the status `value`; or the client, by a defect
    killed,  ///< by the signal `value`: the job, or the client before there was a job
    aside,   ///< nothing was run: python3 has to
    again    ///< nothing was run: the same request may be sent once more
  };
  Kind kind = Kind::exited;
  int value = 0;
  Reason reason{};            ///< with aside
  std::string interpreter{};  ///< with aside: the python3 the service named, or empty

  static Outcome exited(int status) { return {Kind::exited, status}; }
  static Outcome killed(int signal) { return {Kind::killed, signal}; }
  static Outcome again() { return {Kind::again}; }
  static Outcome aside(Reason reason, std::string_view interpreter = {}) {
    return {Kind::aside, 0, std::move(reason), std::string(interpreter)};
  }
};

}  // namespace pml::client
