#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "trial/record.hpp"

namespace pml::trial {

/// What compiled code asked when a module was imported.
struct Heard {
  RecordKind kind = RecordKind::draw;
  std::string module;   ///< that was being imported; empty: none
  std::string library;  ///< file name of the shared object that asked
  std::string name;     ///< of the variable, function or device

  bool operator==(const Heard&) const = default;
};

/// "draw", "variable", "seed", "setting" or "clock".
[[nodiscard]] const char* name_of(RecordKind kind);

/// As one line: kind, module ("-": none), name and library.
[[nodiscard]] std::string line_of(const Heard& heard);

/// This side of a recorder: the memory that it writes to.
class Recording {
 public:
  /// Throws std::system_error.
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  /// To be handed to the process under observation, at any number. This object's.
  [[nodiscard]] base::BorrowedFd descriptor() const noexcept { return memory_.borrow(); }
  /// What that process's environment needs for a recorder that finds the memory at `number`;
  /// `preloaded` is the LD_PRELOAD that it would have without.
  [[nodiscard]] static std::vector<std::string> variables(int number, const std::string& preloaded);

  /// Whether the recorder got into its place.
  [[nodiscard]] bool awake() const noexcept { return page_->awake != 0; }
  /// Whether there was more than the memory holds.
  [[nodiscard]] bool overflowed() const noexcept { return page_->count > k_record_slots; }
  /// What was heard so far, in order.
  [[nodiscard]] std::vector<Heard> heard() const;
  /// What the process asked for last.
  [[nodiscard]] Attention attention() const noexcept { return page_->attention; }
  /// The module that is being imported now; empty: none.
  [[nodiscard]] std::string module() const;

 private:
  base::UniqueFd memory_;
  RecordPage* page_ = nullptr;
};

/// Where the recorder lies: $PML_RECORDER_LIBRARY or <libexec>/pml.
[[nodiscard]] std::string recorder_library();

}  // namespace pml::trial
