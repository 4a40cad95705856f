#include "service/controller.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/check.hpp"
#include "service/environment.hpp"

namespace pml::service {

namespace {

constexpr int k_idle_disk = 3 << 13;  // IOPRIO_CLASS_IDLE

std::string controller() {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "pmlctl";
  return ::access(here.c_str(), X_OK) == 0 ? here.string() : PML_BINDIR "/pmlctl";
}

// Between fork and exec: system calls only.
[[noreturn]] void become(char* const* words, char* const* environment, base::BorrowedFd output,
                         base::BorrowedFd complaints, base::BorrowedFd null) noexcept {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const sched_param parameter{};
  ::setpriority(PRIO_PROCESS, 0, 19);
  ::sched_setscheduler(0, SCHED_IDLE, &parameter);
  ::syscall(SYS_ioprio_set, 1, 0, k_idle_disk);
  if (base::place(null, 0) && base::place(output, 1) && base::place(complaints, 2))
    ::execve(words[0], words, environment);
  ::_exit(127);
}

}  // namespace

pid_t start_controller(std::vector<std::string> words, base::BorrowedFd output,
                       base::BorrowedFd complaints) {
  words.insert(words.begin(), controller());
  Variables environment = without_service_variables(environ);
  const std::vector<char*> argv = pointers(words), envp = pointers(environment);
  const base::UniqueFd null(base::k_adopt, ::open("/dev/null", O_RDWR | O_CLOEXEC));
  const base::BorrowedFd errors = complaints.valid() ? complaints : null.borrow();
  const pid_t child = base::check(::fork(), "cannot fork");
  if (child == 0) become(argv.data(), envp.data(), output, errors, null.borrow());
  ::setpgid(child, child);
  return child;
}

}  // namespace pml::service
