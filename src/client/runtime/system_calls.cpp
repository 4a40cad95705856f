// The system calls the client makes, by the names and meanings of libc. The system's headers are
// not included, because their declarations differ in attributes; the calling convention is the
// same for functions with and without further arguments.

#include <asm/unistd.h>
#include <linux/errno.h>

namespace {

int error_number = 0;

// Any argument as the register that the kernel takes it from.
template <typename T>
long as_register(T value) {
  return static_cast<long>(value);
}
template <typename T>
long as_register(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

long enter(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  register long sixth __asm__("r9") = f;
  long result = 0;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return result;
}

template <typename... Arguments>
long call(long number, Arguments... arguments) {
  const long result = enter(number, as_register(arguments)...);
  if (result >= 0 || result < -4095) return result;
  error_number = static_cast<int>(-result);
  return -1;
}

template <typename... Arguments>
int call_int(long number, Arguments... arguments) {
  return static_cast<int>(call(number, arguments...));
}

}  // namespace

extern "C" {

extern char** environ;
using Size = unsigned long;

int* __errno_location() {
  return &error_number;
}

long syscall(long number, long a, long b, long c, long d, long e, long f) {
  return call(number, a, b, c, d, e, f);
}

[[noreturn]] void _exit(int status) {
  for (;;) enter(__NR_exit_group, status);
}

// Files
int open(const char* path, int flags, int mode) {
  return call_int(__NR_open, path, flags, mode);
}
int close(int fd) {
  return call_int(__NR_close, fd);
}
int close_range(unsigned first, unsigned last, int flags) {
  return call_int(__NR_close_range, first, last, flags);
}
long read(int fd, void* to, Size size) {
  return call(__NR_read, fd, to, size);
}
long write(int fd, const void* from, Size size) {
  return call(__NR_write, fd, from, size);
}
int fcntl(int fd, int command, long value) {
  return call_int(__NR_fcntl, fd, command, value);
}
int dup2(int fd, int number) {
  return call_int(__NR_dup2, fd, number);
}
int stat(const char* path, void* info) {
  return call_int(__NR_stat, path, info);
}
int fstat(int fd, void* info) {
  return call_int(__NR_fstat, fd, info);
}
int poll(void* fds, Size count, int timeout) {
  return call_int(__NR_poll, fds, count, timeout);
}
int ioctl(int fd, Size request, long argument) {
  return call_int(__NR_ioctl, fd, request, argument);
}
int isatty(int fd) {
  constexpr long k_get_attributes = 0x5401;  // TCGETS
  char attributes[64];
  return call(__NR_ioctl, fd, k_get_attributes, attributes) == 0;
}

// Sockets
int socket(int domain, int type, int protocol) {
  return call_int(__NR_socket, domain, type, protocol);
}
int socketpair(int domain, int type, int protocol, int* pair) {
  return call_int(__NR_socketpair, domain, type, protocol, pair);
}
int connect(int fd, const void* to, unsigned size) {
  return call_int(__NR_connect, fd, to, size);
}
int bind(int fd, const void* name, unsigned size) {
  return call_int(__NR_bind, fd, name, size);
}
int shutdown(int fd, int how) {
  return call_int(__NR_shutdown, fd, how);
}
int getsockname(int fd, void* name, unsigned* size) {
  return call_int(__NR_getsockname, fd, name, size);
}
int getsockopt(int fd, int level, int option, void* value, unsigned* size) {
  return call_int(__NR_getsockopt, fd, level, option, value, size);
}
int setsockopt(int fd, int level, int option, const void* value, unsigned size) {
  return call_int(__NR_setsockopt, fd, level, option, value, size);
}
long sendmsg(int fd, const void* message, int flags) {
  return call(__NR_sendmsg, fd, message, flags);
}
long recvmsg(int fd, void* message, int flags) {
  return call(__NR_recvmsg, fd, message, flags);
}
long recv(int fd, void* to, Size size, int flags) {
  return call(__NR_recvfrom, fd, to, size, flags, 0, 0);
}

// Processes
int getpid() {
  return call_int(__NR_getpid);
}
int getpgid(int pid) {
  return call_int(__NR_getpgid, pid);
}
int getsid(int pid) {
  return call_int(__NR_getsid, pid);
}
unsigned getuid() {
  return static_cast<unsigned>(call_int(__NR_getuid));
}
unsigned geteuid() {
  return static_cast<unsigned>(call_int(__NR_geteuid));
}
unsigned umask(unsigned mask) {
  return static_cast<unsigned>(call_int(__NR_umask, mask));
}
int kill(int pid, int signal) {
  return call_int(__NR_kill, pid, signal);
}
int personality(Size persona) {
  return call_int(__NR_personality, persona);
}
int prctl(int option, Size a, Size b, Size c, Size d) {
  return call_int(__NR_prctl, option, a, b, c, d);
}
int setrlimit(int resource, const void* limit) {
  return call_int(__NR_setrlimit, resource, limit);
}
int getpriority(int which, unsigned who) {
  // The kernel counts from 40 down to 1, so that no priority looks like an error.
  const long found = call(__NR_getpriority, which, who);
  return found < 0 ? -1 : static_cast<int>(20 - found);
}
int clock_gettime(int clock, void* time) {
  return call_int(__NR_clock_gettime, clock, time);
}
int execv(const char* path, char* const* words) {
  return call_int(__NR_execve, path, words, environ);
}

// What a connection or an execution can fail with.
const char* strerror(int error) {
  switch (error) {
    case E2BIG:
      return "Argument list too long";
    case EACCES:
      return "Permission denied";
    case ECONNREFUSED:
      return "Connection refused";
    case ELOOP:
      return "Too many levels of symbolic links";
    case EMFILE:
      return "Too many open files";
    case ENAMETOOLONG:
      return "File name too long";
    case ENOENT:
      return "No such file or directory";
    case ENOEXEC:
      return "Exec format error";
    case ENOMEM:
      return "Cannot allocate memory";
    case ENOTDIR:
      return "Not a directory";
    case ENOTSOCK:
      return "Socket operation on non-socket";
    case EPERM:
      return "Operation not permitted";
    default:
      return "Unexpected error";
  }
}

}  // extern "C"
