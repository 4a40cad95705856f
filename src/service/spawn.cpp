#include "service/spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/check.hpp"
#include "wire/zygote_message.hpp"

namespace pml::service {

namespace {

constexpr int k_link_number = 3;
constexpr int k_error_number = 4;
constexpr int k_least_nice = 19;

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result.push_back('\\');
    result.push_back(c);
  }
  return result + "'";
}

/// Python finds the module by its own ABI's file name. Where there is none for it, the interpreter
/// says so itself, in the language of the link. Nothing of this is left when the module serves.
std::string start_code(const std::vector<std::string>& folders) {
  std::string list;
  for (const std::string& folder : folders) list += quoted(folder) + ",";
  return "import sys\n"
         "sys.path[:0]=[" +
         list +
         "]\n"
         "try:\n"
         " import _pml_zygote\n"
         "except ImportError as e:\n"
         " import posix,_imp\n"
         " number=lambda v,n:v.to_bytes(n,sys.byteorder)\n"
         " text=lambda t:number(len(t.encode()),4)+t.encode()+b'\\0'\n"
         " abi=_imp.extension_suffixes()[0].strip('.').replace('.so','')\n"
         " why='' if type(e) is ModuleNotFoundError else str(e)\n"
         " posix.write(3,number(" +
         std::to_string(static_cast<int>(wire::EventKind::unfit)) +
         ",1)+"
         "bytes(24)+text(abi)+text(why)+bytes(4))\n"
         " posix._exit(78)\n"
         "[sys.path_importer_cache.pop(f,0) for f in sys.path[:" +
         std::to_string(folders.size()) +
         "]]\n"
         "del sys.path[:" +
         std::to_string(folders.size()) +
         "]\n"
         "_pml_zygote.serve(3)";
}

/// The child's descriptors, copied above the numbers they are to be placed at.
struct ChildTable {
  base::UniqueFd input, output, link, error, recording, folder;
};

ChildTable child_table(base::BorrowedFd output, base::BorrowedFd link, base::BorrowedFd error,
                       base::BorrowedFd recording) {
  const base::UniqueFd null(base::k_adopt, ::open("/dev/null", O_RDWR | O_CLOEXEC));
  base::check(null.get(), "cannot open /dev/null");
  ChildTable table{base::duplicate(null.borrow(), 10),
                   base::duplicate(output.valid() ? output : null.borrow(), 10),
                   base::duplicate(link, 10),
                   base::duplicate(error, 10),
                   {},
                   {}};
  if (recording.valid()) table.recording = base::duplicate(recording, 10);
  base::check(table.error.get(), "cannot prepare the interpreter's descriptors");
  return table;
}

void reset_signals() noexcept {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Between fork and exec: system calls only. Returns whether all could be had.
bool apply(const StartContext& context, const ChildTable& table) noexcept {
  for (int signal = 1; signal < NSIG; ++signal)
    if ((context.ignored_signals >> (signal - 1) & 1) != 0) ::signal(signal, SIG_IGN);
  ::umask(context.umask);
  if (::fchdir(table.folder.get()) != 0) return false;
  if (!context.affinity.empty() &&
      ::syscall(SYS_sched_setaffinity, 0, context.affinity.size(), context.affinity.data()) != 0)
    return false;
  for (std::size_t i = 0; i < context.limits.size(); ++i) {
    const rlimit limit{context.limits[i].soft, context.limits[i].hard};
    if (::setrlimit(static_cast<__rlimit_resource_t>(i), &limit) != 0) return false;
  }
  return true;
}

// Between fork and exec: system calls only.
[[noreturn]] void become(const ChildTable& table, const ZygoteCommand& command, char* const* words,
                         char* const* environment) noexcept {
  reset_signals();
  // Nobody else would end it where this service dies.
  if (!command.observer.empty()) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (command.idle) {
    const sched_param none{};
    ::setpriority(PRIO_PROCESS, 0, k_least_nice);
    ::sched_setscheduler(0, SCHED_IDLE, &none);
  }
  if (!command.context) ::setrlimit(RLIMIT_NOFILE, &command.descriptor_limit);
  const bool placed =
      base::place(table.input.borrow(), 0) && base::place(table.output.borrow(), 1) &&
      base::place(table.output.borrow(), 2) && base::place(table.link.borrow(), k_link_number) &&
      base::place(table.error.borrow(), k_error_number) &&
      ::fcntl(k_error_number, F_SETFD, FD_CLOEXEC) == 0 &&
      (!command.context || apply(*command.context, table));
  const bool recorded = table.recording.valid();
  if (placed && (!recorded || base::place(table.recording.borrow(), k_recording_number))) {
    base::close_between(k_error_number + (recorded ? 2 : 1), ~0U);
    ::execve(words[0], words, environment);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(k_error_number, &error, sizeof error);
  ::_exit(127);
}

int read_error(base::UniqueFd pipe) noexcept {
  int error = 0;
  ssize_t size = 0;
  do {
    size = ::read(pipe.get(), &error, sizeof error);
  } while (size < 0 && errno == EINTR);
  return size == static_cast<ssize_t>(sizeof error) ? error : 0;
}

}  // namespace

Spawned spawn_zygote(const ZygoteCommand& command, base::BorrowedFd output) {
  int pair[2];
  base::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair),
              "cannot make a socket pair");
  Spawned spawned{-1, base::UniqueFd(base::k_adopt, pair[0])};
  const base::UniqueFd far_end(base::k_adopt, pair[1]);
  base::check(::fcntl(pair[0], F_SETFL, O_NONBLOCK), "cannot prepare a socket");
  int pipe[2];
  base::check(::pipe2(pipe, O_CLOEXEC), "cannot make a pipe");
  base::UniqueFd error_reader(base::k_adopt, pipe[0]);
  base::UniqueFd error_writer(base::k_adopt, pipe[1]);

  std::vector<std::string> words = command.observer;
  words.push_back(command.interpreter);
  if (command.context)
    words.insert(words.end(), command.context->options.begin(), command.context->options.end());
  words.insert(words.end(), {"-c", start_code(command.module_folders)});
  Variables environment = command.environment;
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(environment);
  ChildTable table =
      child_table(output, far_end.borrow(), error_writer.borrow(), command.recording);
  if (command.context) table.folder = base::duplicate(command.context->folder.borrow(), 10);
  spawned.pid = base::check(::fork(), "cannot fork");
  if (spawned.pid == 0) become(table, command, argv.data(), envp.data());
  error_writer.reset();
  // table.error holds the pipe open on this side as well.
  table.error.reset();
  if (const int error = read_error(std::move(error_reader)); error != 0) {
    ::waitpid(spawned.pid, nullptr, 0);
    base::throw_errno(error, ("cannot execute " + command.interpreter).c_str());
  }
  return spawned;
}

}  // namespace pml::service
