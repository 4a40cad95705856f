#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ahead/messages.hpp"
#include "service/ahead_files.hpp"
#include "service/hatchery.hpp"
#include "service/job.hpp"
#include "service/remembered_caller.hpp"
#include "service/repeated_arguments.hpp"
#include "service/trial_findings.hpp"
#include "service/worker_supply.hpp"
#include "service/zygote_link.hpp"

namespace pml::service {

class ProgramPool;

/// Told how the processes of a program that runs ahead fare. Called from the loop; the pool may
/// not be destroyed inside a call.
class ProgramPoolListener {
 public:
  virtual ~ProgramPoolListener() = default;
  /// A worker waits where none did. `first`: it is the pool's first.
  virtual void pool_ready(ProgramPool& pool, bool first) = 0;
  /// It will not run ahead: `why`, in words that follow a colon. `stop_before`: where not empty, it
  /// would if its template stopped before the import of that module. `broken`: a process ended or
  /// hung that should not have; another try may do better.
  virtual void pool_failed(ProgramPool& pool, const std::string& why,
                           const std::string& stop_before, bool broken) = 0;
  /// A worker that goes on with these arguments, encoded, needs to know more of compiled code.
  virtual void pool_stops_further(ProgramPool& pool, const std::string& arguments) = 0;
  /// Something that it read is another one now.
  virtual void pool_stale(ProgramPool& pool, const std::string& file) = 0;
};

/// The processes of one program that runs ahead for one caller: the template and the workers that
/// wait. The template's process is neither killed nor reaped when this object goes.
class ProgramPool : private ZygoteListener {
 public:
  /// `jobs` is told of the ends of workers that took a job.
  ProgramPool(event::Loop& loop, ProgramPoolListener& listener, ProcessListener& jobs,
              std::uint64_t program, std::uint32_t generation);
  ~ProgramPool() override;

  /// Starts the template as `caller` would have started python3 and has it run ahead by `plan`, as
  /// far as `findings`, of a trial for the same caller, allow; null: there was none. Throws
  /// std::system_error.
  void start(const std::string& interpreter, std::shared_ptr<const RememberedCaller> caller,
             ahead::Plan plan, std::shared_ptr<const TrialFindings> findings, unsigned workers);

  /// A worker for `now`; null with the reason where none waits (empty) or something differs.
  [[nodiscard]] std::unique_ptr<Worker> take(const ahead::Caller& now, std::string& why);
  /// Whether callers with the arguments that are repeated differ, again and again, from the one
  /// that all was made for.
  [[nodiscard]] bool misses_further() const noexcept { return repeated_.misses(); }
  /// Goes on past the same arguments as `other` does.
  void repeat_as(const ProgramPool& other) {
    repeated_ = other.repeated_;
    repeated_.forget_misses();
    if (findings_ && findings_->arguments == repeated_.wanted()) repeated_.came_true();
  }
  /// Keeps so many waiting from now on, and `further`: one more that has gone on past the arguments
  /// that are repeated.
  void want(unsigned workers, bool further);
  /// Drops the workers that wait and lets the template leave; jobs live on.
  void leave();
  void kill() noexcept { link_->kill(); }

  /// Sends `signal` to a job that the template forked.
  /// False where that is gone.
  bool signal(pid_t pid, int signal, bool whole_group);
  /// The template has ended (all its packets are read first), or was stopped, which is undone.
  void reaped(int wait_status);
  void stopped() noexcept;

  [[nodiscard]] std::uint64_t program() const noexcept { return program_; }
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  [[nodiscard]] pid_t pid() const noexcept { return link_ ? link_->pid() : 0; }
  [[nodiscard]] bool ahead() const noexcept { return progress_ != Progress::running; }
  [[nodiscard]] unsigned waiting() const noexcept;
  [[nodiscard]] bool ever_ready() const noexcept { return progress_ == Progress::ready; }
  /// What the last worker said; what it stopped before, and where.
  [[nodiscard]] const ahead::Report& report() const noexcept { return report_; }
  [[nodiscard]] const std::shared_ptr<const RememberedCaller>& caller() const noexcept {
    return caller_;
  }
  /// What the one stops before that has gone on with the arguments that came twice in a row, and
  /// where; empty where none waits.
  [[nodiscard]] std::string further_stop() const;
  [[nodiscard]] bool tried() const noexcept { return findings_ != nullptr; }
  [[nodiscard]] const std::shared_ptr<const TrialFindings>& findings() const noexcept {
    return findings_;
  }
  /// Bytes that are nobody else's, of template and workers, read from /proc now.
  [[nodiscard]] std::uint64_t private_memory() const;

 private:
  /// Of the template; `ready`: a worker has been.
  enum class Progress : std::uint8_t { running, ahead, ready };
  /// `told`: it failed or is stale, and the listener knows.
  enum class End : std::uint8_t { none, told, leaving };
  struct Waiting {
    std::unique_ptr<Worker> worker;
    std::vector<ahead::Fact> facts;
    bool ready = false;
    std::string arguments = {};               ///< that it has gone on with, encoded; empty: none
    std::vector<ahead::FileFact> files = {};  ///< that only it has read
    std::string stop = {};                    ///< for people
    std::uint64_t usec_before_arguments = 0;  ///< of the processor
  };

  void zygote_said(ZygoteLink& zygote, const wire::Event& event, base::UniqueFd attached) override;
  void zygote_left(ZygoteLink& zygote) override;
  void process_event(const wire::Event& event);
  void stopped_ahead(base::UniqueFd memory);
  void worker_came(pid_t pid, base::UniqueFd link);
  void worker_said(Worker& worker);
  void worker_ready(Waiting& waiting, base::UniqueFd memory);
  void worker_lost(const Worker& worker, const std::string& why);
  bool watch_files(const std::vector<ahead::FileFact>& files);
  [[nodiscard]] std::unique_ptr<Worker> take_one(const ahead::Caller& now,
                                                 const std::string& arguments, std::string& why);
  void go_on(Waiting& waiting, const ahead::Report& report);
  void went_on(Waiting& waiting, const ahead::Report& report);
  void drop(const Waiting& waiting);
  [[nodiscard]] static bool has_changed(const Waiting& waiting);
  [[nodiscard]] std::vector<ahead::Fact> facts_of(const ahead::Report& report) const;
  [[nodiscard]] Waiting* further() noexcept;
  /// Of those that have no arguments.
  [[nodiscard]] WorkerSupply::Counts plain() const noexcept;
  void refill();
  void overdue();
  /// Whether the listener is to be told now that this one is of no use any more: once.
  [[nodiscard]] bool ends() noexcept;
  void fail(const std::string& why, const std::string& stop_before, bool broken);
  [[nodiscard]] Waiting* find(const Worker& worker) noexcept;
  [[nodiscard]] bool is_waiting(pid_t pid) const noexcept;

  event::Loop& loop_;
  ProgramPoolListener& listener_;
  ProcessListener& jobs_;
  const std::uint64_t program_;
  const std::uint32_t generation_;
  std::shared_ptr<const RememberedCaller> caller_;
  std::shared_ptr<const TrialFindings> findings_;
  std::unique_ptr<ZygoteLink> link_;
  std::string node_name_;  // of the machine, when it started
  base::UniqueFd said_;    // a memfd: what the interpreter itself writes, which no caller would see
  AheadFiles files_;
  std::vector<Waiting> waiting_;
  ahead::Report report_;
  RepeatedArguments repeated_;
  WorkerSupply supply_;
  event::Timer refill_;
  event::Timer overdue_;
  std::chrono::milliseconds patience_{0};
  Progress progress_ = Progress::running;
  End end_ = End::none;
};

}  // namespace pml::service
