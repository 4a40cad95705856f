#include "service/own_context.hpp"

#include <sched.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>

namespace pml::service {

namespace {

constexpr unsigned long k_ask_personality = 0xffffffff;

std::string own_affinity() {
  for (std::size_t size = 128; size <= 8192; size *= 2) {
    std::string bytes(size, '\0');
    // The raw call says how many bytes the kernel filled.
    if (::sched_getaffinity(0, size, reinterpret_cast<cpu_set_t*>(bytes.data())) == 0) return bytes;
  }
  return {};
}

}  // namespace

OwnContext::OwnContext() {
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(i), &limit) == 0)
      limits_[i] = {limit.rlim_cur, limit.rlim_max};
  }
  umask_ = ::umask(022);
  ::umask(umask_);
  nice_ = ::getpriority(PRIO_PROCESS, 0);
  scheduler_ = ::sched_getscheduler(0);
  sched_param parameter{};
  if (::sched_getparam(0, &parameter) == 0) priority_ = parameter.sched_priority;
  std::ifstream("/proc/self/oom_score_adj") >> oom_score_adjust_;
  personality_ = ::personality(k_ask_personality);
  affinity_ = own_affinity();
}

void OwnContext::fill(wire::Request& request) const {
  request.limits = limits_;
  request.umask = umask_;
  request.nice = nice_;
  request.scheduler = scheduler_;
  request.scheduler_priority = priority_;
  request.oom_score_adjust = oom_score_adjust_;
  request.personality = personality_;
  request.affinity = affinity_;
}

rlimit OwnContext::descriptor_limit() const noexcept {
  return {limits_[RLIMIT_NOFILE].soft, limits_[RLIMIT_NOFILE].hard};
}

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace pml::service
