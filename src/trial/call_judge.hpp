#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "trial/judge.hpp"

namespace pml::trial {

[[nodiscard]] inline bool is_standard(int number) {
  return number >= 0 && number <= 2;
}

/// Looks at the arguments of one call. Files: judge_files.cpp, sockets: judge_sockets.cpp.
class CallJudge {
 public:
  CallJudge(const Call& call, const Tracee& tracee, const Arrangement& arrangement)
      : call_(call), tracee_(tracee), arrangement_(arrangement), rule_(rule_of(call.number)) {}

  Judgement result();

 private:
  [[nodiscard]] std::uint64_t argument(int at) const { return call_.arguments[at]; }
  [[nodiscard]] int number(int at) const { return static_cast<int>(argument(at)); }
  [[nodiscard]] std::string text(int at) const { return tracee_.text(argument(at)); }

  void become(Verdict verdict, std::string what) {
    result_.verdict = verdict;
    result_.what = std::move(what);
  }
  void look();
  void look_at_files();
  void look_at_processes();
  void look_at_sockets();
  void path(int folder, const std::string& path);
  void opened(int folder, const std::string& path, std::uint64_t flags);
  void opened_target(const std::string& path);
  void open_how();
  void written(int descriptor);
  void read(int descriptor);
  void control();
  void descriptor_control();
  void mapped();
  void forked(std::uint64_t flags);
  void process_control();
  void wait_poll();
  void bound();
  void connected();

  const Call& call_;
  const Tracee& tracee_;
  const Arrangement& arrangement_;
  const CallRule& rule_;
  Judgement result_;
};

}  // namespace pml::trial
