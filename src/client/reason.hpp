#pragma once

#include <string>
#include <string_view>

#include "base/exit_status.hpp"
#include "wire/reply.hpp"

namespace pml::client {

/// Why a program is not run warm.
struct Reason {
  std::string_view name = "unknown";      ///< short, for traces: "no-service"
  std::string_view sentence;              ///< without a full stop
  std::string detail;                     ///< may be empty
  int status = base::k_exit_unavailable;  ///< of pml, where it may not run python3 instead

  /// The sentence, and the detail where there is one.
  [[nodiscard]] std::string text() const;
};

/// A refusal by the service or a worker as a reason.
[[nodiscard]] Reason reason_of(wire::Refusal refusal, std::string_view detail);

namespace reasons {
inline constexpr std::string_view k_broken_off = "the service broke off before the program began";
inline constexpr std::string_view k_garbage = "the service's answer is not understood";

[[nodiscard]] Reason disabled();                       ///< PML=0
[[nodiscard]] Reason no_venv();                        ///< --venv found none
[[nodiscard]] Reason option(std::string_view word);    ///< only python3 can honour the option
[[nodiscard]] Reason variable(std::string_view name);  ///< likewise the variable
[[nodiscard]] Reason interactive();                    ///< a terminal would be the program
[[nodiscard]] Reason no_service(const std::string& path, int error);
[[nodiscard]] Reason other_owner();                    ///< the socket is somebody else's
[[nodiscard]] Reason busy();                           ///< nobody accepts
[[nodiscard]] Reason silent();                         ///< no answer in time
[[nodiscard]] Reason lost(std::string_view sentence);  ///< end of file before the start
[[nodiscard]] Reason retries();                        ///< too many workers were lost
[[nodiscard]] Reason terminal(std::string_view what);  ///< it cannot be handed over
[[nodiscard]] Reason context(std::string_view what);   ///< a part cannot be read or sent
}  // namespace reasons

}  // namespace pml::client
