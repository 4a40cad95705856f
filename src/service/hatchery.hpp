#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/source.hpp"
#include "profile/profile.hpp"
#include "service/misled_preloads.hpp"
#include "service/preload_plan.hpp"
#include "service/preload_trial.hpp"
#include "service/zygote_link.hpp"
#include "service/zygote_retries.hpp"

namespace pml::service {

/// The end of a worker or job, as its parent saw it.
struct End {
  pid_t pid = 0;
  int wait_status = 0;
  std::uint64_t cpu_usec = 0;
  std::uint64_t max_rss_kib = 0;
  bool known = true;  ///< false: that it ended is all that is known
};

/// Told what becomes of the processes that zygotes fork.
class ProcessListener {
 public:
  virtual ~ProcessListener() = default;
  virtual void worker_came(pid_t pid, base::UniqueFd link, std::uint32_t generation) = 0;
  virtual void fork_failed() = 0;
  virtual void process_ended(const End& end) = 0;
  virtual void process_stopped(pid_t pid, int signal) = 0;
  virtual void process_continued(pid_t pid) = 0;
  /// Whether forks can be ordered now; said after every change.
  virtual void breeding_changed(bool can_fork) = 0;
  /// The zygote of `generation` is gone: its children are this process's own now.
  virtual void parent_lost(std::uint32_t generation) = 0;
};

/// Told how the zygote itself fares.
class HatcheryListener {
 public:
  virtual ~HatcheryListener() = default;
  /// The first zygote, or a replacement, is warm; `files` are what its preloads came from, read
  /// after `started` (wall clock).
  virtual void became_warm(const std::vector<std::string>& files, timespec started) = 0;
  /// No zygote ever became warm, and trying again would not help.
  virtual void never_warm(int exit_status, const std::string& why) = 0;
  /// A process that writes an image has come from the zygote of `generation`.
  virtual void imager_came(base::UniqueFd link, std::uint32_t generation) = 0;
  /// Something that the status line shows has changed.
  virtual void hatchery_changed() = 0;
};

/// Keeps one warm zygote of a profile: starts it, replaces it when asked to or when it is lost
/// (with back-off), gives up preloads that crash or hang it.
class Hatchery : private ZygoteListener {
 public:
  Hatchery(event::Loop& loop, HatcheryListener& listener, ProcessListener& processes,
           rlimit descriptor_limit);
  ~Hatchery() override;

  /// Where zygotes write to; invalid: /dev/null.
  void set_output(base::UniqueFd output) noexcept { output_ = std::move(output); }

  /// Where jobs of the zygotes raised from now on tell what they imported; empty: nowhere.
  void set_imports_to(std::string address) { imports_to_ = std::move(address); }

  /// Starts a zygote of `profile` beside the one that there may be, which serves on until the new
  /// one is warm.
  void raise(const profile::Profile& profile);
  /// What is known of the preloads beside what the zygotes have told.
  [[nodiscard]] PreloadTrial& trial() noexcept { return trial_; }
  [[nodiscard]] const PreloadTrial& trial() const noexcept { return trial_; }
  /// Makes the zygote anew with what is known now, unless one is being made.
  void renew() {
    if (!next_) start();
  }
  /// A worker turned its caller away because of a preload: see MisledPreloads::note.
  void misled(std::string_view module, std::string_view variable);
  /// A worker took its job.
  void served() { misled_.note_served(); }
  /// Orders `count` workers of the warm zygote.
  void order_forks(unsigned count);
  /// Orders an image of the warm zygote: HatcheryListener::imager_came.
  void order_image();
  /// Sends `signal` to the process `pid`, or its group, of `generation`, if it is not reaped yet.
  /// False where its zygote is leaving, and hears nothing any more.
  bool signal(std::uint32_t generation, pid_t pid, int signal, bool whole_group);
  /// Starts no zygote any more; the warm one stays.
  void start_no_more();
  /// Lets all zygotes leave, too.
  void stop();

  /// SIGKILL to all zygotes.
  void kill_all() noexcept;

  /// A child of this process has ended. Returns false where it is no zygote.
  bool reaped(pid_t pid, int wait_status);

  /// A child of this process was stopped. Returns false where it is no zygote; a zygote goes on.
  bool stopped(pid_t pid) noexcept;

  /// The loop's owner saw no worker come for too long: ends a zygote that hangs.
  void give_up_hung_zygote();

  [[nodiscard]] bool warm() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return !current_ && !next_ && leaving_.empty(); }
  [[nodiscard]] std::uint32_t generation() const noexcept;
  [[nodiscard]] pid_t zygote_pid() const noexcept;
  /// Whether the last zygotes all failed before they were warm.
  [[nodiscard]] bool broken() const noexcept { return retries_.broken(); }
  /// What is being done, such as "importing numpy (2 of 5)"; empty where nothing is.
  [[nodiscard]] std::string activity() const;
  /// When the warm zygote became so (wall clock, seconds); 0 where there is none.
  [[nodiscard]] std::time_t warm_since() const noexcept;
  /// What the last zygote imported, and what no zygote is to.
  [[nodiscard]] const PreloadPlan& plan() const noexcept { return plan_; }
  /// The modules that jobs of the warm zygote share.
  [[nodiscard]] std::vector<std::string> shared() const;

 private:
  struct Zygote;
  using ZygotePointer = std::unique_ptr<Zygote>;

  void zygote_said(ZygoteLink& link, const wire::Event& event, base::UniqueFd worker) override;
  void zygote_left(ZygoteLink& link) override;

  void start();
  void boot(Zygote& zygote);
  void boot_progress(Zygote& zygote, const wire::Event& event);
  void became_warm(Zygote& zygote, const wire::Event& event);
  void overdue();
  void gone(ZygotePointer zygote, bool was_current, int wait_status);
  void retry(const std::string& why, int exit_status);
  void start_again();
  void trial_over(const wire::Event& event);
  [[nodiscard]] ZygoteCommand zygote_command() const;
  void quarantine(const std::string& name, const std::string& why);
  void give_up_unforkable(const std::string& name, const std::string& what);
  void start_over(const wire::Event& event);
  void note_not_shared(std::string_view name, std::string_view why);
  void note_failed(std::string_view name, std::string_view text, bool absent_optional, bool told);
  void retire(ZygotePointer zygote);
  Zygote* find(const ZygoteLink& link) noexcept;

  event::Loop& loop_;
  HatcheryListener& listener_;
  ProcessListener& processes_;
  rlimit descriptor_limit_;
  base::UniqueFd output_;
  profile::Profile profile_;
  std::vector<std::string> quirks_;
  std::string imports_to_;
  PreloadPlan plan_;
  PreloadTrial trial_;
  MisledPreloads misled_;
  ZygotePointer current_;  // warm
  ZygotePointer next_;     // booting
  std::vector<ZygotePointer> leaving_;
  event::Timer overdue_;
  event::Timer again_;
  ZygoteRetries retries_;
  std::uint32_t generations_ = 0, trials_ = 0;
  bool stopping_ = false;
};

}  // namespace pml::service
