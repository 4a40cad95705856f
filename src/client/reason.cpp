#include "client/reason.hpp"

#include <cstring>

namespace pml::client {

std::string Reason::text() const {
  std::string text(sentence);
  if (!detail.empty()) text.append(" (").append(detail).append(")");
  return text;
}

Reason reason_of(wire::Refusal refusal, std::string_view detail) {
  Reason reason{wire::name_of(refusal), wire::sentence_of(refusal), std::string(detail)};
  switch (refusal) {
    case wire::Refusal::overloaded:
      reason.status = base::k_exit_overloaded;
      break;
    case wire::Refusal::other_user:
    case wire::Refusal::other_namespace:
    case wire::Refusal::confined:
      reason.status = base::k_exit_refused;
      break;
    default:
      break;
  }
  return reason;
}

namespace reasons {

Reason disabled() {
  return {"disabled", "PML=0 asks for python3", {}};
}

Reason no_venv() {
  return {"no-venv", "there is no virtual environment", {}};
}

Reason option(std::string_view word) {
  return {"option", wire::sentence_of(wire::Refusal::option), std::string(word)};
}

Reason variable(std::string_view name) {
  return {"environment", wire::sentence_of(wire::Refusal::environment), std::string(name)};
}

Reason interactive() {
  return {"interactive", "an interactive session needs an interpreter of its own", {}};
}

Reason no_service(const std::string& path, int error) {
  return {"no-service", "the service cannot be reached", path + ": " + ::strerror(error)};
}

Reason other_owner() {
  return {"other-owner", "the socket belongs to another user", {}, base::k_exit_refused};
}

Reason busy() {
  return {"busy", "too many callers wait for the service", {}, base::k_exit_overloaded};
}

Reason silent() {
  return {"silent", "the service does not answer", {}};
}

Reason lost(std::string_view sentence) {
  return {"lost", sentence, {}};
}

Reason retries() {
  return {"retries", "one worker after the other was lost", {}};
}

Reason terminal(std::string_view what) {
  return {"terminal", wire::sentence_of(wire::Refusal::terminal), std::string(what)};
}

Reason context(std::string_view what) {
  return {"context", wire::sentence_of(wire::Refusal::context), std::string(what)};
}

}  // namespace reasons

}  // namespace pml::client
