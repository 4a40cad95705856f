#include "service/text_launch.hpp"

#include <fcntl.h>
#include <limits.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "log/journal.hpp"
#include "service/environment.hpp"

namespace pml::service {

namespace {

std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

TextLauncher::TextLauncher(const OwnContext& context, RequestTaker& taker, std::string journal_name)
    : context_(context), taker_(taker), journal_name_(std::move(journal_name)) {}

base::UniqueFd TextLauncher::output() const {
  if (log::to_journal()) {
    base::UniqueFd stream(base::k_adopt, sd_journal_stream_fd(journal_name_.c_str(), LOG_INFO, 0));
    if (stream.valid()) return stream;
  }
  return base::duplicate(base::BorrowedFd(STDERR_FILENO));
}

void TextLauncher::launch(Client client, const TextRequest& wanted) {
  const std::string folder = "/proc/" + std::to_string(client.pid) + "/cwd";
  base::UniqueFd cwd(base::k_adopt, ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  base::UniqueFd input(base::k_adopt, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
  base::UniqueFd out = output();
  base::UniqueFd error = base::duplicate(out.borrow());
  if (!cwd.valid() || !input.valid() || !error.valid()) {
    client.tell_line("error cannot prepare the job: " + std::string(std::strerror(errno)) + "\n");
    return;
  }
  const Variables environment = without_service_variables(environ);
  const std::string cwd_path = link_target(folder);
  wire::Request request;
  context_.fill(request);
  request.kind = wanted.kind;
  request.flags = wire::k_flag_detach | wire::k_flag_wait | wire::k_flag_group_leader;
  request.target = wanted.target;
  request.arguments.assign(wanted.arguments.begin(), wanted.arguments.end());
  request.environment.assign(environment.begin(), environment.end());
  request.cwd = cwd_path;
  request.descriptors = {wire::k_descriptor_cwd, 0, 1, 2};

  const std::string body = wire::encode(request);
  Ticket ticket;
  ticket.client = std::move(client);
  ticket.client.text = true;
  ticket.body = body;
  ticket.descriptors.push_back(std::move(cwd));
  ticket.descriptors.push_back(std::move(input));
  ticket.descriptors.push_back(std::move(out));
  ticket.descriptors.push_back(std::move(error));
  taker_.submit(std::move(ticket), request);
}

}  // namespace pml::service
