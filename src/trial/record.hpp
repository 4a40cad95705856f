#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pml::trial {

/// What compiled code asked of the C library.
enum class RecordKind : std::uint8_t {
  draw = 1,      ///< random numbers of the system's; `name` is the function, or the file
  variable = 2,  ///< an environment variable; `name` is its name
  seed = 3,      ///< one of the C library's generators was seeded or drawn from; `name`: function
  setting = 4,   ///< an environment variable was set or removed; `name` is its name
  clock = 5,     ///< what time it is; `name` is the function
};
inline constexpr std::uint8_t k_last_record_kind = 5;

/// How closely the observer is to look at what the process does.
enum class Attention : std::uint32_t {
  none = 0,      ///< it is pml's own, or the interpreter's start
  trusting = 1,  ///< Python's spies have heard it, or a line of config/ahead allows it
  full = 2,
};

/// One question, told once for each library, name and module.
struct Record {
  std::atomic<std::uint8_t> ready;  ///< 1 once the rest is written
  RecordKind kind;
  char library[126];  ///< file name of the shared object that asked, without its folder
  char name[128];
  char module[256];  ///< the module that was being imported, as last noted; or empty
};

/// The memory that the recorder, in the process under observation, and whoever observes it share.
/// The names end with a null byte and are cut where they are too long.
struct RecordPage {
  std::atomic<std::uint32_t> count;     ///< slots taken, more than there are where some were lost
  std::atomic<std::uint32_t> sequence;  ///< of `module`: odd while it is being written
  std::atomic<std::uint32_t> awake;     ///< 1 once the recorder is in its place
  std::atomic<Attention> attention;     ///< of an observer who was told to wait for it
  char module[256];                     ///< being imported now, as last noted
  Record records[4096];
};

inline constexpr std::size_t k_record_slots = sizeof(RecordPage::records) / sizeof(Record);

/// The recorder's own variable: the number of the descriptor that the page is behind.
inline constexpr const char* k_recorder_variable = "PML_RECORDER";
/// The recorder's functions for others, found by dlsym. One notes the module that is being imported
/// from now on: void(const char* module).
inline constexpr const char* k_note_function = "pml_recorder_note";
/// The other takes the Attention from now on and returns the one before: unsigned(unsigned).
inline constexpr const char* k_attend_function = "pml_recorder_attend";

}  // namespace pml::trial
