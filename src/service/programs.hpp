#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/source.hpp"
#include "profile/profile.hpp"
#include "service/ahead_source.hpp"
#include "service/program.hpp"
#include "service/program_policy.hpp"
#include "service/program_store.hpp"

namespace pml::service {

/// The programs that run ahead: knows which were started how often, has those run ahead that the
/// profile declares or that are started again and again, and gives their workers out. What to do is
/// decided by ProgramPolicy; this class does it.
class Programs : public AheadSource, private ProgramPoolListener {
 public:
  /// `jobs` follows those that its workers take. Both must outlive this object.
  Programs(event::Loop& loop, ProcessListener& jobs);
  ~Programs() override;

  /// Takes what the profile says; `keep`: in the state folder, under its name. Where the
  /// interpreter is another one, or `anew` is asked for, all that runs ahead is made anew.
  void configure(const profile::Profile& profile, bool keep, bool anew);
  void set_pressure(bool pressed);

  /// Ends the workers that wait, starts nothing any more; saves. Jobs are not touched.
  void stop();
  /// Lets the templates leave, too.
  void leave();
  void kill_all() noexcept;
  [[nodiscard]] bool empty() const noexcept;

  /// A child of this process has ended, or was stopped. False where it is no template.
  bool reaped(pid_t pid, int wait_status);
  bool stopped(pid_t pid) noexcept;

  std::unique_ptr<Worker> take(const Ticket& ticket, const wire::Request& request,
                               std::string& why) override;
  [[nodiscard]] bool runs_ahead(const wire::Request& request) const override;
  void accepted(const Job& job) override;
  void differed(const Job& job, const std::string& why) override;
  bool signal(std::uint32_t generation, pid_t pid, int signal, bool whole_group) override;

  /// Has the program of this name run ahead now, whatever was found out before, and answers
  /// `client` with one line when it is ready, "ready USEC", or does not: "error …".
  void run_ahead_now(const std::string& name, Client client);
  /// Forgets it, or all where `name` is empty. False where there is none.
  bool forget(const std::string& name);

  [[nodiscard]] const std::unordered_map<std::string, std::unique_ptr<Program>>& all()
      const noexcept {
    return programs_;
  }
  /// Those that are declared and that nobody has started yet.
  [[nodiscard]] std::vector<const profile::Program*> not_started() const;

 private:
  void pool_ready(ProgramPool& pool, bool first) override;
  void pool_failed(ProgramPool& pool, const std::string& why, const std::string& stop_before,
                   bool broken) override;
  void pool_stops_further(ProgramPool& pool, const std::string& arguments) override;
  void pool_stale(ProgramPool& pool, const std::string& file) override;

  Program* program_of(const std::string& text, const wire::Request& request);
  Program* find(std::uint64_t id) noexcept;
  void declare(Program& program) const;
  void forget_oldest();
  std::unique_ptr<Worker> worker_of(Program& program, const Ticket& ticket,
                                    const wire::Request& request, std::string& why);
  void missed(Program& program, const std::string& why);
  [[nodiscard]] bool is_asking_again(const Client& client);

  void ask() noexcept;
  void consider();
  void reaim();
  [[nodiscard]] std::vector<Standing> standings() const;
  [[nodiscard]] bool busy() const noexcept;
  void start(Program& program, std::unique_ptr<ProgramPool>& place);
  [[nodiscard]] ahead::Plan plan_for(const Program& program) const;
  void try_out(Program& program);
  void try_first(Program& program);
  void hasten(Program& program);
  [[nodiscard]] bool is_awaited(const Program& program) const;
  void trial_over(Program& program, TrialVerdict verdict);
  bool try_again();
  void came_ahead(Program& program);
  void trial_in_vain(Program& program, const std::string& why);
  void make_room_for(const Program& program);
  [[nodiscard]] std::string hindrance(Program& program) const;
  void give_up(Program& program, const std::string& why);
  void rest(Program& program, std::chrono::microseconds time) noexcept;
  void drop(Program& program);
  void retire(std::unique_ptr<ProgramPool> pool);
  void drop_all();
  void measure();
  void answer(const Program& program, const std::string& line);
  void changed() noexcept;
  void save();

  struct Waiter {
    std::string name;
    Client client;
  };
  struct Again {
    pid_t client;
    std::uint64_t until;
  };

  event::Loop& loop_;
  ProcessListener& jobs_;
  profile::Profile profile_;
  ProgramStore store_{""};
  ProgramPolicy policy_;
  std::unordered_map<std::string, std::unique_ptr<Program>> programs_;  // by key_text()
  std::vector<std::unique_ptr<ProgramPool>> leaving_;
  std::vector<Waiter> waiters_;
  std::vector<Again> again_;
  std::vector<std::string> allowed_;  // lines of config/ahead
  event::Timer consider_;
  event::Timer measure_;
  event::Timer save_;
  std::uint64_t ids_ = 0;
  std::uint32_t generations_;
  bool pressed_ = false;
  bool stopping_ = false;
};

/// The answer to "programs": a JSON object a line for each, ended by an empty line.
[[nodiscard]] std::string programs_text(const Programs& programs);
/// The lines of "status" that tell of them.
[[nodiscard]] std::string programs_status(const Programs& programs);

}  // namespace pml::service
