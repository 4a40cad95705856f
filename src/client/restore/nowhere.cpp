// For builds with the system's C library, whose memory nobody can foresee.
#include "client/restore/restore.hpp"

namespace pml::client {

bool can_restore() noexcept {
  return false;
}

RestoreFailure restore(const Restoring&) {
  return {"not by this build of pml", false};
}

}  // namespace pml::client
