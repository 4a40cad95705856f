#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "event/source.hpp"

namespace pml::service {

/// Has the modules that jobs share compared with fresh imports, in the background: a pmlctl of its
/// own imports one a job, under pml and under python3, at idle priority and while nothing else
/// runs.
class Verifier {
 public:
  /// How a module differs from a fresh import; empty: it does not.
  using Hear = std::function<void(const std::string& module, const std::string& difference)>;

  /// `hear` is called for each module as soon as it is known, `finished` when all are.
  Verifier(event::Loop& loop, Hear hear, std::function<void()> finished);
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// The modules to verify from now on, of the profile's pool; once nothing has run for a while.
  void begin(const std::string& profile, std::vector<std::string> modules);
  /// Somebody wants the machine: what runs is ended, and the rest follows when it is quiet again.
  void make_way();
  /// No verification any more.
  void stop();

  /// Whether the client is one of the verification's own.
  [[nodiscard]] bool owns(pid_t client) const noexcept;
  /// A child of this process has ended. Returns false where it is not the verification.
  bool reaped(pid_t pid);
  /// What is being done, such as "verifying modules (12 left)"; empty where nothing is.
  [[nodiscard]] std::string activity() const;

 private:
  void start();
  bool read();
  void take_line(const std::string& line);
  void kill() noexcept;

  event::Loop& loop_;
  Hear hear_;
  std::function<void()> finished_;
  std::string profile_;
  std::vector<std::string> left_;  // to verify, in order
  pid_t child_ = -1;               // leads a group of its own
  base::UniqueFd output_;
  event::Io watch_;
  std::string unread_;
  event::Timer rest_;
  int vain_ = 0;  // runs in which nothing was learned
  bool killed_ = false;
};

}  // namespace pml::service
