// Everything that a program running ahead may ask of the kernel. What is not here is not made.
#include "trial/call_table.hpp"

#include <sys/syscall.h>

#include <array>

namespace pml::trial {

namespace {

constexpr std::size_t k_most_calls = 1024;
using Table = std::array<CallRule, k_most_calls>;

struct Entry {
  long number;
  CallRule rule;
};

constexpr CallRule harmless(const char* name, Look look = Look::nothing, std::uint8_t at = 0) {
  return {name, Verdict::harmless, look, at, nullptr};
}
constexpr CallRule fact(const char* name, const char* what, Look look = Look::nothing,
                        std::uint8_t at = 0) {
  return {name, Verdict::fact, look, at, what};
}
constexpr CallRule own(const char* name, const char* what, Look look = Look::nothing) {
  return {name, Verdict::own, look, 0, what};
}
constexpr CallRule stop(const char* name, const char* what, Look look = Look::nothing,
                        std::uint8_t at = 0) {
  return {name, Verdict::stop, look, at, what};
}

constexpr Entry k_memory[] = {
    {SYS_brk, harmless("brk")},
    {SYS_mmap, harmless("mmap", Look::map)},
    {SYS_munmap, harmless("munmap")},
    {SYS_mprotect, harmless("mprotect")},
    {SYS_mremap, harmless("mremap")},
    {SYS_madvise, harmless("madvise")},
    {SYS_mincore, harmless("mincore")},
    {SYS_mlock, harmless("mlock")},
    {SYS_munlock, harmless("munlock")},
    {SYS_membarrier, harmless("membarrier")},
    {SYS_get_mempolicy, fact("get_mempolicy", "asks where memory is to lie")},
    {SYS_set_mempolicy, own("set_mempolicy", "says where memory is to lie")},
    {SYS_mbind, own("mbind", "says where memory is to lie")},
    {SYS_futex, harmless("futex")},
    {SYS_set_tid_address, harmless("set_tid_address")},
    {SYS_set_robust_list, harmless("set_robust_list")},
    {SYS_get_robust_list, harmless("get_robust_list")},
#ifdef SYS_rseq
    {SYS_rseq, harmless("rseq")},
#endif
#ifdef SYS_arch_prctl
    {SYS_arch_prctl, harmless("arch_prctl")},
#endif
#ifdef SYS_pkey_alloc
    {SYS_pkey_alloc, harmless("pkey_alloc")},
    {SYS_pkey_free, harmless("pkey_free")},
    {SYS_pkey_mprotect, harmless("pkey_mprotect")},
#endif
};

constexpr Entry k_files[] = {
#ifdef SYS_open
    {SYS_open, harmless("open", Look::open)},
    {SYS_creat, harmless("creat", Look::create)},
    {SYS_stat, harmless("stat", Look::path)},
    {SYS_lstat, harmless("lstat", Look::path)},
    {SYS_access, harmless("access", Look::path)},
    {SYS_readlink, harmless("readlink", Look::path)},
    {SYS_getdents, harmless("getdents")},
#endif
    {SYS_openat, harmless("openat", Look::open_from)},
#ifdef SYS_openat2
    {SYS_openat2, harmless("openat2", Look::open_how)},
    {SYS_faccessat2, harmless("faccessat2", Look::path_from)},
#endif
#ifdef SYS_newfstatat
    {SYS_newfstatat, harmless("newfstatat", Look::path_from)},
#endif
    {SYS_statx, harmless("statx", Look::path_from)},
    {SYS_faccessat, harmless("faccessat", Look::path_from)},
    {SYS_readlinkat, harmless("readlinkat", Look::path_from)},
    {SYS_fstat, harmless("fstat")},
    {SYS_lseek, harmless("lseek")},
    {SYS_close, harmless("close")},
#ifdef SYS_close_range
    {SYS_close_range, harmless("close_range")},
#endif
    {SYS_dup, harmless("dup")},
#ifdef SYS_dup2
    {SYS_dup2, harmless("dup2")},
#endif
    {SYS_dup3, harmless("dup3")},
    {SYS_getdents64, harmless("getdents64")},
    {SYS_fadvise64, harmless("fadvise64")},
    {SYS_readahead, harmless("readahead")},
    {SYS_fcntl, harmless("fcntl", Look::descriptor_control)},
    {SYS_ioctl, stop("ioctl", "controls a device", Look::control)},
    {SYS_read, harmless("read", Look::read)},
    {SYS_pread64, harmless("pread64", Look::read)},
    {SYS_readv, harmless("readv", Look::read)},
    {SYS_preadv, harmless("preadv", Look::read)},
    {SYS_preadv2, harmless("preadv2", Look::read)},
    {SYS_write, stop("write", "writes", Look::write)},
    {SYS_pwrite64, stop("pwrite64", "writes", Look::write)},
    {SYS_writev, stop("writev", "writes", Look::write)},
    {SYS_pwritev, stop("pwritev", "writes", Look::write)},
    {SYS_pwritev2, stop("pwritev2", "writes", Look::write)},
    {SYS_statfs, fact("statfs", "asks about a file system", Look::path)},
    {SYS_fstatfs, fact("fstatfs", "asks about a file system")},
    {SYS_getxattr, harmless("getxattr", Look::path)},
    {SYS_lgetxattr, harmless("lgetxattr", Look::path)},
    {SYS_fgetxattr, harmless("fgetxattr")},
    {SYS_listxattr, harmless("listxattr", Look::path)},
    {SYS_llistxattr, harmless("llistxattr", Look::path)},
    {SYS_flistxattr, harmless("flistxattr")},
    {SYS_getcwd, fact("getcwd", "asks for the current folder")},
};

constexpr Entry k_changes[] = {
#ifdef SYS_mkdir
    {SYS_mkdir, stop("mkdir", "makes a folder", Look::named_path)},
    {SYS_rmdir, stop("rmdir", "removes a folder", Look::named_path)},
    {SYS_unlink, stop("unlink", "removes a file", Look::named_path)},
    {SYS_rename, stop("rename", "renames a file", Look::named_path)},
    {SYS_link, stop("link", "makes a link", Look::named_path)},
    {SYS_symlink, stop("symlink", "makes a link", Look::named_path, 1)},
    {SYS_chmod, stop("chmod", "changes a file's mode", Look::named_path)},
    {SYS_chown, stop("chown", "changes a file's owner", Look::named_path)},
    {SYS_lchown, stop("lchown", "changes a file's owner", Look::named_path)},
    {SYS_mknod, stop("mknod", "makes a file", Look::named_path)},
    {SYS_utime, stop("utime", "changes a file's times", Look::named_path)},
    {SYS_utimes, stop("utimes", "changes a file's times", Look::named_path)},
#endif
    {SYS_mkdirat, stop("mkdirat", "makes a folder", Look::named_path_from)},
    {SYS_unlinkat, stop("unlinkat", "removes a file", Look::named_path_from)},
#ifdef SYS_renameat
    {SYS_renameat, stop("renameat", "renames a file", Look::named_path_from)},
#endif
    {SYS_renameat2, stop("renameat2", "renames a file", Look::named_path_from)},
    {SYS_linkat, stop("linkat", "makes a link", Look::named_path_from)},
    {SYS_symlinkat, stop("symlinkat", "makes a link", Look::named_path_from, 1)},
    {SYS_fchmod, stop("fchmod", "changes a file's mode")},
    {SYS_fchmodat, stop("fchmodat", "changes a file's mode", Look::named_path_from)},
    {SYS_fchown, stop("fchown", "changes a file's owner")},
    {SYS_fchownat, stop("fchownat", "changes a file's owner", Look::named_path_from)},
    {SYS_mknodat, stop("mknodat", "makes a file", Look::named_path_from)},
    {SYS_utimensat, stop("utimensat", "changes a file's times", Look::named_path_from)},
    {SYS_truncate, stop("truncate", "cuts a file", Look::named_path)},
    {SYS_ftruncate, stop("ftruncate", "cuts a file")},
    {SYS_fallocate, stop("fallocate", "makes room in a file")},
    {SYS_fsync, stop("fsync", "writes a file to disk")},
    {SYS_fdatasync, stop("fdatasync", "writes a file to disk")},
    {SYS_flock, stop("flock", "takes a lock")},
    {SYS_chdir, stop("chdir", "changes the current folder", Look::named_path)},
    {SYS_fchdir, stop("fchdir", "changes the current folder")},
    {SYS_chroot, stop("chroot", "changes the root", Look::named_path)},
    {SYS_umask, stop("umask", "changes the umask")},
    {SYS_setxattr, stop("setxattr", "changes a file's attributes", Look::named_path)},
    {SYS_sendfile, stop("sendfile", "copies")},
    {SYS_splice, stop("splice", "copies")},
    {SYS_inotify_add_watch, stop("inotify_add_watch", "watches a file")},
};

constexpr Entry k_processes[] = {
    {SYS_execve, stop("execve", "starts a program", Look::named_path)},
    {SYS_execveat, stop("execveat", "starts a program", Look::named_path_from)},
#ifdef SYS_fork
    {SYS_fork, stop("fork", "starts a process")},
    {SYS_vfork, stop("vfork", "starts a process")},
#endif
    {SYS_clone, stop("clone", "starts a process", Look::thread)},
#ifdef SYS_clone3
    {SYS_clone3, stop("clone3", "starts a process", Look::thread3)},
#endif
    {SYS_wait4, stop("wait4", "waits for a process")},
    {SYS_waitid, stop("waitid", "waits for a process")},
    {SYS_kill, stop("kill", "sends a signal")},
    {SYS_tkill, stop("tkill", "sends a signal")},
    {SYS_tgkill, stop("tgkill", "sends a signal")},
    {SYS_rt_sigqueueinfo, stop("rt_sigqueueinfo", "sends a signal")},
    {SYS_rt_tgsigqueueinfo, stop("rt_tgsigqueueinfo", "sends a signal")},
    {SYS_exit, harmless("exit")},
    {SYS_exit_group, stop("exit_group", "ends", Look::exit)},
    {SYS_getpid, own("getpid", "asks for its process id")},
    {SYS_gettid, own("gettid", "asks for its thread id")},
    {SYS_getrandom, own("getrandom", "draws random numbers")},
    {SYS_getppid, stop("getppid", "asks for its parent")},
#ifdef SYS_getpgrp
    {SYS_getpgrp, stop("getpgrp", "asks for its process group")},
#endif
    {SYS_getpgid, stop("getpgid", "asks for a process group")},
    {SYS_getsid, stop("getsid", "asks for its session")},
    {SYS_getuid, fact("getuid", "asks who it is")},
    {SYS_geteuid, fact("geteuid", "asks who it is")},
    {SYS_getgid, fact("getgid", "asks who it is")},
    {SYS_getegid, fact("getegid", "asks who it is")},
    {SYS_getresuid, fact("getresuid", "asks who it is")},
    {SYS_getresgid, fact("getresgid", "asks who it is")},
    {SYS_getgroups, fact("getgroups", "asks who it is")},
    {SYS_capget, fact("capget", "asks what it may do")},
    {SYS_uname, fact("uname", "asks for the system's name")},
    {SYS_sysinfo, fact("sysinfo", "asks about the machine")},
    {SYS_sched_getaffinity, fact("sched_getaffinity", "asks for its processors")},
    {SYS_sched_getscheduler, fact("sched_getscheduler", "asks for its priority")},
    {SYS_sched_getparam, fact("sched_getparam", "asks for its priority")},
    {SYS_getpriority, fact("getpriority", "asks for its priority")},
    {SYS_sched_get_priority_max, harmless("sched_get_priority_max")},
    {SYS_sched_get_priority_min, harmless("sched_get_priority_min")},
#ifdef SYS_getrlimit
    {SYS_getrlimit, fact("getrlimit", "asks for its limits")},
#endif
    {SYS_prlimit64, fact("prlimit64", "asks for its limits", Look::limit)},
    {SYS_setrlimit, stop("setrlimit", "changes its limits")},
    {SYS_prctl, stop("prctl", "changes the process", Look::process_control)},
    {SYS_personality, stop("personality", "changes the process", Look::personality)},
    {SYS_setpriority, stop("setpriority", "changes its priority")},
    {SYS_sched_setaffinity, stop("sched_setaffinity", "changes its processors")},
    {SYS_setsid, stop("setsid", "leaves its session")},
    {SYS_setpgid, stop("setpgid", "changes its process group")},
    {SYS_setuid, stop("setuid", "becomes somebody else")},
    {SYS_setgid, stop("setgid", "becomes somebody else")},
    {SYS_setitimer, stop("setitimer", "sets a timer")},
    {SYS_timer_create, stop("timer_create", "sets a timer")},
#ifdef SYS_alarm
    {SYS_alarm, stop("alarm", "sets a timer")},
    {SYS_pause, stop("pause", "waits for a signal")},
#endif
    {SYS_ptrace, stop("ptrace", "observes a process")},
};

constexpr Entry k_time_and_signals[] = {
#ifdef SYS_time
    {SYS_time, harmless("time")},
#endif
    {SYS_gettimeofday, harmless("gettimeofday")},
    {SYS_clock_gettime, harmless("clock_gettime")},
    {SYS_clock_getres, harmless("clock_getres")},
    {SYS_nanosleep, harmless("nanosleep")},
    {SYS_clock_nanosleep, harmless("clock_nanosleep")},
    {SYS_times, harmless("times")},
    {SYS_getrusage, harmless("getrusage")},
    {SYS_getcpu, harmless("getcpu")},
    {SYS_sched_yield, harmless("sched_yield")},
    {SYS_rt_sigaction, harmless("rt_sigaction", Look::signal_action)},
    {SYS_rt_sigprocmask, harmless("rt_sigprocmask")},
    {SYS_rt_sigpending, harmless("rt_sigpending")},
    {SYS_rt_sigreturn, harmless("rt_sigreturn")},
    {SYS_sigaltstack, harmless("sigaltstack")},
    {SYS_restart_syscall, harmless("restart_syscall")},
    {SYS_rt_sigsuspend, stop("rt_sigsuspend", "waits for a signal")},
    {SYS_rt_sigtimedwait, stop("rt_sigtimedwait", "waits for a signal")},
#ifdef SYS_poll
    {SYS_poll, harmless("poll", Look::wait_poll)},
    {SYS_select, harmless("select", Look::wait_select)},
    {SYS_epoll_create, own("epoll_create", "makes a descriptor")},
    {SYS_epoll_wait, harmless("epoll_wait")},
    {SYS_eventfd, own("eventfd", "makes a descriptor")},
    {SYS_pipe, own("pipe", "makes a descriptor")},
    {SYS_inotify_init, own("inotify_init", "makes a descriptor")},
#endif
    {SYS_ppoll, harmless("ppoll", Look::wait_poll)},
    {SYS_pselect6, harmless("pselect6", Look::wait_select)},
    {SYS_epoll_create1, own("epoll_create1", "makes a descriptor")},
    {SYS_epoll_ctl, own("epoll_ctl", "changes a descriptor")},
    {SYS_epoll_pwait, harmless("epoll_pwait")},
    {SYS_eventfd2, own("eventfd2", "makes a descriptor")},
    {SYS_pipe2, own("pipe2", "makes a descriptor")},
    {SYS_memfd_create, own("memfd_create", "makes a descriptor")},
    {SYS_timerfd_create, own("timerfd_create", "makes a descriptor")},
    {SYS_inotify_init1, own("inotify_init1", "makes a descriptor")},
    {SYS_signalfd4, own("signalfd4", "makes a descriptor")},
#ifdef SYS_pidfd_open
    {SYS_pidfd_open, own("pidfd_open", "makes a descriptor")},
#endif
    {SYS_socketpair, own("socketpair", "makes a descriptor")},
};

constexpr Entry k_sockets[] = {
    {SYS_socket, stop("socket", "makes a socket", Look::socket)},
    {SYS_bind, stop("bind", "takes an address", Look::bind)},
    {SYS_connect, stop("connect", "connects", Look::connect)},
    {SYS_listen, stop("listen", "waits for connections")},
    {SYS_accept4, stop("accept4", "waits for a connection")},
    {SYS_sendto, stop("sendto", "sends")},
    {SYS_sendmsg, stop("sendmsg", "sends")},
    {SYS_sendmmsg, stop("sendmmsg", "sends")},
    {SYS_recvfrom, stop("recvfrom", "receives")},
    {SYS_recvmsg, stop("recvmsg", "receives")},
    {SYS_shutdown, stop("shutdown", "closes a connection")},
    {SYS_getsockname, stop("getsockname", "asks for an address", Look::socket_option)},
    {SYS_getpeername, stop("getpeername", "asks for an address", Look::socket_option)},
    {SYS_getsockopt, stop("getsockopt", "asks about a socket", Look::socket_option)},
    {SYS_setsockopt, stop("setsockopt", "changes a socket", Look::socket_option)},
};

Table make_table() {
  Table table{};
  const auto add = [&table](const auto& entries) {
    for (const Entry& entry : entries) table[static_cast<std::size_t>(entry.number)] = entry.rule;
  };
  add(k_memory);
  add(k_files);
  add(k_changes);
  add(k_processes);
  add(k_time_and_signals);
  add(k_sockets);
  return table;
}

}  // namespace

const CallRule& rule_of(std::uint64_t number) noexcept {
  static const Table table = make_table();
  static const CallRule unknown{};
  return number < table.size() ? table[static_cast<std::size_t>(number)] : unknown;
}

}  // namespace pml::trial
