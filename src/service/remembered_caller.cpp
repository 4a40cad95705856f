#include "service/remembered_caller.hpp"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include <utility>

#include "base/paths.hpp"

namespace pml::service {

namespace {

/// More than anybody's environment; what is larger is not worth the memory.
constexpr std::size_t k_most_bytes = 512U << 10;
constexpr unsigned long k_ask = 0xffffffff;

std::string body_without_arguments(const wire::Request& request) {
  wire::Request kept = request;
  kept.arguments.clear();
  kept.report_name = {};
  kept.flags &= ~(wire::k_flag_wait | wire::k_flag_detach | wire::k_flag_trace);
  return wire::encode(kept);
}

}  // namespace

RememberedCaller::RememberedCaller(const wire::Request& request,
                                   const std::vector<base::UniqueFd>& descriptors)
    : body_(body_without_arguments(request)),
      request_(wire::decode_request(body_).value_or(wire::Request{})),
      caller_(ahead::look_at_caller(request, descriptors)) {
  caller_.request = &request_;
}

std::optional<std::string> RememberedCaller::hindrance() const {
  if (auto why = ahead::hindrance(request_)) return why;
  if (body_.size() > k_most_bytes) return "its environment is too large to be kept";
  if (request_.personality != ::personality(k_ask)) return "another personality";
  return std::nullopt;
}

StartContext RememberedCaller::start_context() const {
  StartContext context;
  context.options.assign(request_.interpreter_options.begin(), request_.interpreter_options.end());
  context.umask = request_.umask;
  context.affinity = request_.affinity;
  context.limits = request_.limits;
  context.ignored_signals = request_.ignored_signals;
  base::UniqueFd folder(
      base::k_adopt, ::open(std::string(request_.cwd).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat info = {};
  if (folder.valid() && ::fstat(folder.get(), &info) == 0 && info.st_dev == caller_.folder_device &&
      info.st_ino == caller_.folder_inode)
    context.folder = std::move(folder);
  return context;
}

Variables RememberedCaller::environment() const {
  return {request_.environment.begin(), request_.environment.end()};
}

ZygoteCommand RememberedCaller::command(const std::string& interpreter) const {
  ZygoteCommand command;
  command.interpreter = interpreter;
  command.module_folders = base::module_folders();
  command.environment = environment();
  command.context = start_context();
  return command;
}

base::UniqueFd RememberedCaller::in_memory(ahead::Plan plan) const {
  plan.request = body_;
  plan.streams = caller_.streams;
  return ahead::in_memory(ahead::encode(plan));
}

}  // namespace pml::service
