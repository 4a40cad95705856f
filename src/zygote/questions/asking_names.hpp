#pragma once

#include <array>
#include <utility>

#include "worker/process_facts.hpp"

namespace pml::zygote {

// By what names Python code asks about the process, and what is learned where it does: the one
// list, which process_spy goes by. What is of the kind `own` is not the next process's: who asks it
// is not shared.

/// How a function's first argument makes the question.
enum class Argument {
  none,
  number,         // a descriptor or signal
  standard,       // a descriptor: of interest where it is a standard one
  relative_file,  // a path: of interest where it is relative
  opened_file,    // a path, and how it is to be opened
  variable,       // of the environment, and perhaps its value
  code,           // that is run: none of a program's business, but see keep_from_adapting
  moment,         // a time: where there is none it is now, which is asked, too
  second_moment,  // the same; it is the second argument
  configuration,  // of sysconf: what a limit decides
  generator,      // a method of random numbers, on self
};

/// A function of C, or a method of a type in `module`.
struct AskingFunction {
  const char* module;
  const char* name;
  worker::FactKind kind;
  Argument argument = Argument::none;
};

inline constexpr std::array k_asking_functions = {
    AskingFunction{"posix", "getpid", worker::FactKind::own},
    AskingFunction{"posix", "getppid", worker::FactKind::own},
    AskingFunction{"posix", "getpgrp", worker::FactKind::own},
    AskingFunction{"posix", "getsid", worker::FactKind::own},
    AskingFunction{"posix", "urandom", worker::FactKind::own},
    AskingFunction{"posix", "getrandom", worker::FactKind::own},
    AskingFunction{"posix", "getpgid", worker::FactKind::own},
    AskingFunction{"posix", "getpriority", worker::FactKind::own},
    AskingFunction{"posix", "sched_getscheduler", worker::FactKind::own},
    AskingFunction{"posix", "sched_getparam", worker::FactKind::own},
    AskingFunction{"posix", "times", worker::FactKind::own},
    AskingFunction{"posix", "getloadavg", worker::FactKind::own},
    AskingFunction{"posix", "sysconf", worker::FactKind::limit, Argument::configuration},
    AskingFunction{"posix", "write", worker::FactKind::own, Argument::standard},
    AskingFunction{"posix", "fstat", worker::FactKind::own, Argument::standard},
    AskingFunction{"posix", "lseek", worker::FactKind::own, Argument::standard},
    AskingFunction{"posix", "read", worker::FactKind::own, Argument::standard},
    AskingFunction{"posix", "get_blocking", worker::FactKind::own, Argument::standard},
    AskingFunction{"posix", "tcgetpgrp", worker::FactKind::own, Argument::standard},
    AskingFunction{"fcntl", "fcntl", worker::FactKind::own, Argument::standard},
    AskingFunction{"fcntl", "ioctl", worker::FactKind::own, Argument::standard},
    AskingFunction{"termios", "tcgetattr", worker::FactKind::own, Argument::standard},
    AskingFunction{"posix", "getcwd", worker::FactKind::folder},
    AskingFunction{"posix", "getcwdb", worker::FactKind::folder},
    AskingFunction{"posix", "isatty", worker::FactKind::terminal, Argument::number},
    AskingFunction{"posix", "get_terminal_size", worker::FactKind::terminal, Argument::number},
    AskingFunction{"posix", "ttyname", worker::FactKind::terminal, Argument::number},
    AskingFunction{"posix", "sched_getaffinity", worker::FactKind::affinity},
    AskingFunction{"posix", "umask", worker::FactKind::umask},
    AskingFunction{"posix", "stat", worker::FactKind::file, Argument::relative_file},
    AskingFunction{"posix", "lstat", worker::FactKind::file, Argument::relative_file},
    AskingFunction{"posix", "access", worker::FactKind::file, Argument::relative_file},
    AskingFunction{"posix", "listdir", worker::FactKind::file, Argument::relative_file},
    AskingFunction{"posix", "scandir", worker::FactKind::file, Argument::relative_file},
    AskingFunction{"posix", "open", worker::FactKind::file, Argument::opened_file},
    AskingFunction{"posix", "readlink", worker::FactKind::file, Argument::relative_file},
    AskingFunction{"_io", "open", worker::FactKind::file, Argument::opened_file},
    AskingFunction{"_signal", "getsignal", worker::FactKind::signal, Argument::number},
    AskingFunction{"posix", "putenv", worker::FactKind::own, Argument::variable},
    AskingFunction{"posix", "unsetenv", worker::FactKind::own, Argument::variable},
    AskingFunction{"posix", "chdir", worker::FactKind::own},
    AskingFunction{"posix", "fchdir", worker::FactKind::own},
    AskingFunction{"posix", "nice", worker::FactKind::own},
    AskingFunction{"posix", "setpriority", worker::FactKind::own},
    AskingFunction{"posix", "sched_setaffinity", worker::FactKind::own},
    AskingFunction{"_signal", "alarm", worker::FactKind::own},
    AskingFunction{"_signal", "setitimer", worker::FactKind::own},
    AskingFunction{"_signal", "pthread_sigmask", worker::FactKind::own},
    AskingFunction{"_thread", "get_native_id", worker::FactKind::own},
    AskingFunction{"resource", "setrlimit", worker::FactKind::own},
    AskingFunction{"resource", "getrlimit", worker::FactKind::limit, Argument::number},
    AskingFunction{"resource", "prlimit", worker::FactKind::own},
    AskingFunction{"resource", "getrusage", worker::FactKind::own},
    AskingFunction{"_locale", "setlocale", worker::FactKind::locale, Argument::number},
    AskingFunction{"_locale", "nl_langinfo", worker::FactKind::locale_item, Argument::number},
    AskingFunction{"_tracemalloc", "start", worker::FactKind::own},
    AskingFunction{"_csv", "register_dialect", worker::FactKind::own},
    AskingFunction{"time", "time", worker::FactKind::own},
    AskingFunction{"time", "time_ns", worker::FactKind::own},
    AskingFunction{"time", "monotonic", worker::FactKind::own},
    AskingFunction{"time", "monotonic_ns", worker::FactKind::own},
    AskingFunction{"time", "perf_counter", worker::FactKind::own},
    AskingFunction{"time", "perf_counter_ns", worker::FactKind::own},
    AskingFunction{"time", "process_time", worker::FactKind::own},
    AskingFunction{"time", "process_time_ns", worker::FactKind::own},
    AskingFunction{"time", "thread_time", worker::FactKind::own},
    AskingFunction{"time", "thread_time_ns", worker::FactKind::own},
    AskingFunction{"time", "clock_gettime", worker::FactKind::own},
    AskingFunction{"time", "clock_gettime_ns", worker::FactKind::own},
    AskingFunction{"time", "asctime", worker::FactKind::own, Argument::moment},
    AskingFunction{"time", "gmtime", worker::FactKind::own, Argument::moment},
    AskingFunction{"_datetime", "datetime.now", worker::FactKind::own},
    AskingFunction{"_datetime", "datetime.utcnow", worker::FactKind::own},
    AskingFunction{"_datetime", "datetime.fromtimestamp", worker::FactKind::zone},
    AskingFunction{"_datetime", "datetime.astimezone", worker::FactKind::zone},
    AskingFunction{"_datetime", "datetime.timestamp", worker::FactKind::zone},
    AskingFunction{"_datetime", "date.fromtimestamp", worker::FactKind::zone},
    AskingFunction{"sys", "addaudithook", worker::FactKind::own},
    AskingFunction{"builtins", "exec", worker::FactKind::own, Argument::code},
    AskingFunction{"_codecs", "register", worker::FactKind::own},
    AskingFunction{"_codecs", "register_error", worker::FactKind::own},
    AskingFunction{"time", "localtime", worker::FactKind::zone, Argument::moment},
    AskingFunction{"time", "mktime", worker::FactKind::zone},
    AskingFunction{"time", "ctime", worker::FactKind::zone, Argument::moment},
    AskingFunction{"time", "strftime", worker::FactKind::zone, Argument::second_moment},
    AskingFunction{"time", "tzset", worker::FactKind::zone},
    AskingFunction{"_random", "random", worker::FactKind::own, Argument::generator},
    AskingFunction{"_random", "getrandbits", worker::FactKind::own, Argument::generator},
    AskingFunction{"_random", "seed", worker::FactKind::own, Argument::generator},
    AskingFunction{"_random", "setstate", worker::FactKind::own, Argument::generator},
    AskingFunction{"_warnings", "warn", worker::FactKind::warnings},
    AskingFunction{"_warnings", "warn_explicit", worker::FactKind::warnings},
};

/// Names of sys.
struct SystemName {
  const char* name;
  worker::FactKind kind;
  int number = 0;
};
inline constexpr std::array k_system_names = {
    SystemName{"argv", worker::FactKind::own},
    SystemName{"orig_argv", worker::FactKind::own},
    SystemName{"path", worker::FactKind::own},
    SystemName{"warnoptions", worker::FactKind::warnings},
    SystemName{"_xoptions", worker::FactKind::x_options},
    SystemName{"dont_write_bytecode", worker::FactKind::flag},
    SystemName{"stdin", worker::FactKind::descriptor, 0},
    SystemName{"stdout", worker::FactKind::descriptor, 1},
    SystemName{"stderr", worker::FactKind::descriptor, 2},
    SystemName{"__stdin__", worker::FactKind::descriptor, 0},
    SystemName{"__stdout__", worker::FactKind::descriptor, 1},
    SystemName{"__stderr__", worker::FactKind::descriptor, 2},
};

/// Attributes of a standard stream; of any other name nothing is learned but the object.
inline constexpr std::array<std::pair<const char*, worker::FactKind>, 12> k_stream_names = {{
    {"isatty", worker::FactKind::terminal},
    {"line_buffering", worker::FactKind::terminal},
    {"buffer", worker::FactKind::buffering},
    {"write_through", worker::FactKind::buffering},
    {"encoding", worker::FactKind::encoding},
    {"errors", worker::FactKind::encoding},
    {"write", worker::FactKind::own},
    {"writelines", worker::FactKind::own},
    {"read", worker::FactKind::own},
    {"readline", worker::FactKind::own},
    {"reconfigure", worker::FactKind::own},
    {"detach", worker::FactKind::own},
}};

}  // namespace pml::zygote
