#pragma once

extern "C" {
void pml_note_collections(void);
void pml_restore_collections(void);
}

/// The garbage collector's books.
namespace pml::worker::compat {

/// Notes what the garbage collector tells of its past, and when it is due next.
inline void note_collections() noexcept {
  pml_note_collections();
}

/// The collector's past and its next turn are what they were then.
inline void restore_collections() noexcept {
  pml_restore_collections();
}

}  // namespace pml::worker::compat
