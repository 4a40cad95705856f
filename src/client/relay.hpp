#pragma once

#include <poll.h>

#include <array>
#include <string>
#include <string_view>

#include "client/terminal.hpp"

namespace pml::client {

/// Where a typed character makes a signal for the foreground. 0: nowhere.
[[nodiscard]] int typed_signal(const Modes& modes, char byte) noexcept;

/// When the caller's terminal is read for the job.
enum class Attention {
  always,   ///< it is the job's standard input, and what is left unread can be put back
  answers,  ///< it is beside the standard streams: after something was written, or wished for
  wishes    ///< it is the standard output, and others may read it, or the input, and nothing can be
            ///< put back: while the job waits for input
};

/// Carries what is typed and written between the caller's terminal and the job's. While it reads
/// the caller's, that is in raw mode, but for what is written to one beside the standard streams.
class Relay {
 public:
  /// The reference must outlive this.
  Relay(Terminal& terminal, Attention attention)
      : terminal_(terminal),
        standard_(attention == Attention::always),
        after_output_(attention == Attention::answers) {}

  [[nodiscard]] Terminal& terminal() noexcept { return terminal_; }
  /// The process `job` has begun, and the terminal's far end is closed here.
  void begin(int job);
  /// What to wait for: the caller's terminal, the job's. A descriptor may be -1.
  [[nodiscard]] std::array<pollfd, 2> waits() const noexcept;
  void ready(const pollfd& real, const pollfd& near);
  /// The caller's terminal has another size.
  void resize() noexcept { terminal_.copy_size(); }
  /// The job's shepherd has seen it wait for input.
  void heed_wish();
  /// The client is about to stop: leaves the terminal as the job would leave it.
  void suspend();
  /// The client goes on, in the foreground or not.
  void resume();
  /// The job has ended: writes all it has written and leaves the terminal as the job left it; what
  /// it has not read is there for the next program.
  void finish();

 private:
  void attend();
  [[nodiscard]] bool is_asked() const noexcept;
  void read_job();
  void write_terminal() noexcept;
  void read_terminal();
  void write_job();
  void drain();
  void fit(std::string& text);
  void take_typed_ahead(const Modes& modes);
  void hang_up() noexcept;
  void leave(std::string_view unread, std::string_view unseen);
  void doze();
  void take_in() noexcept;
  [[nodiscard]] std::string unread_input(const Modes& modes);

  Terminal& terminal_;
  bool standard_;
  bool after_output_;
  int group_ = 0;            // of the job, at its start
  bool raw_ = false;         // the caller's terminal is as `set_` says, and is read
  bool line_typed_ = false;  // of a terminal beside: an answer was given
  bool job_open_ = true;
  Modes set_{};
  Modes first_{};
  std::string to_job_;
  std::string to_terminal_;
};

}  // namespace pml::client
