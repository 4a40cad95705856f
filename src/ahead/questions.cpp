#include "ahead/questions.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace pml::ahead {

namespace {

struct Group {
  std::string_view module;
  Becomes becomes;
  std::string_view names;  // separated by one space
};

constexpr std::array k_groups = {
    Group{"posix", Becomes::harmless,
          "WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WSTOPSIG WTERMSIG "
          "confstr cpu_count ctermid fspath getegid geteuid getgid getgroups getresgid getresuid "
          "getuid major makedev minor register_at_fork sched_yield strerror sysconf uname "
          "waitstatus_to_exitcode _path_normpath _path_splitroot _path_splitroot_ex stat_result "
          "statvfs_result terminal_size times_result uname_result sched_param DirEntry error "
          "sched_get_priority_max sched_get_priority_min _supports_virtual_terminal "
          "waitid_result _emscripten_log _is_inputhook_installed"},
    Group{"posix", Becomes::file,
          "stat lstat access listdir scandir readlink _path_isdir _path_isfile _path_islink "
          "_path_exists _path_lexists _path_isdevdrive _path_isjunction DirEntry.stat "
          "DirEntry.is_dir DirEntry.is_file"},
    Group{"posix", Becomes::folder, "getcwd getcwdb"},
    Group{"posix", Becomes::mask, "umask"},
    Group{"posix", Becomes::affinity, "sched_getaffinity"},
    Group{"posix", Becomes::terminal, "isatty"},
    Group{"posix", Becomes::terminal_size, "get_terminal_size"},
    Group{"posix", Becomes::copies_descriptor, "dup"},
    Group{"posix", Becomes::blocking, "get_blocking"},
    Group{"posix", Becomes::own_descriptor,
          "close fstat lseek read write pread readv preadv get_inheritable set_inheritable"},
    Group{"posix", Becomes::makes_folder, "mkdir"},
    Group{"posix", Becomes::harmless, "open"},  // an audit event tells the same, and how
    Group{"posix", Becomes::environment, "putenv unsetenv"},
    Group{"posix", Becomes::template_stops,
          "getpid urandom getrandom pipe pipe2 memfd_create eventfd"},
    Group{"posix", Becomes::clock, "times"},
    Group{"_io", Becomes::terminal, "FileIO.isatty"},
    Group{"_io", Becomes::seekable, "FileIO.seekable"},
    Group{"_io", Becomes::stream_setting, "TextIOWrapper.reconfigure"},
    Group{"_io", Becomes::own_stream, "TextIOWrapper.write BufferedWriter.write FileIO.write"},
    Group{"_signal", Becomes::harmless,
          "getsignal strsignal valid_signals default_int_handler struct_siginfo ItimerError"},
    Group{"_thread", Becomes::harmless,
          "allocate_lock allocate get_ident _get_main_thread_ident stack_size RLock lock LockType "
          "_local _localdummy error exit exit_thread _excepthook _ExceptHookArgs _count "
          "_is_main_interpreter _make_thread_handle _ThreadHandle daemon_threads_allowed "
          "_set_sentinel _shutdown set_name"},
    Group{"_thread", Becomes::template_stops, "get_native_id"},
    Group{"_thread", Becomes::harmless, "interrupt_main"},
    Group{"time", Becomes::stop, "sleep clock_settime clock_settime_ns pthread_getcpuclockid"},
    Group{"time", Becomes::clock,
          "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time "
          "process_time_ns thread_time thread_time_ns clock_gettime clock_gettime_ns localtime "
          "gmtime ctime asctime strftime"},
    Group{"_datetime", Becomes::clock, "datetime.now datetime.utcnow date.today"},
    Group{"_random", Becomes::renewed, "Random.seed"},
    Group{"_random", Becomes::template_stops, "Random.random Random.getrandbits Random.getstate"},
    Group{"_uuid", Becomes::template_stops, "generate_time_safe"},
    Group{
        "sys", Becomes::stop,
        "argv orig_argv __dict__ monitoring settrace setprofile addaudithook _setprofileallthreads "
        "_settraceallthreads activate_stack_trampoline set_asyncgen_hooks remote_exec"},
    Group{"resource", Becomes::harmless, "getrlimit getpagesize struct_rusage error"},
    Group{"resource", Becomes::clock, "getrusage"},
    Group{"select", Becomes::template_stops, "epoll poll"},
    Group{"_socket", Becomes::harmless,
          "gethostname htonl htons ntohl ntohs inet_aton inet_ntoa inet_ntop inet_pton "
          "getdefaulttimeout "
          "setdefaulttimeout CMSG_LEN CMSG_SPACE error gaierror herror timeout"},
    Group{"_socket", Becomes::harmless, "socket SocketType"},  // audit events tell
    Group{"_socket", Becomes::stop,
          "socket.send socket.sendall socket.recv socket.recv_into socket.recvfrom "
          "socket.recvfrom_into socket.recvmsg socket.recvmsg_into socket.accept socket._accept "
          "socket.listen socket.shutdown socket.connect_ex"},
    Group{"_socket", Becomes::trial_tells,
          "getaddrinfo gethostbyname gethostbyname_ex gethostbyaddr getnameinfo getservbyname "
          "getservbyport getprotobyname"},
    Group{"_posixsubprocess", Becomes::stop, "fork_exec"},
    Group{"_multiprocessing", Becomes::own_semaphore, "SemLock"},
    Group{"pwd", Becomes::harmless, "getpwuid getpwnam getpwall struct_passwd"},
    Group{"grp", Becomes::harmless, "getgrgid getgrnam getgrall struct_group"},
    Group{"_ssl", Becomes::template_stops, "RAND_bytes RAND_pseudo_bytes RAND_add"},
    Group{"_ssl", Becomes::stop,
          "_SSLContext.load_verify_locations _SSLContext.set_default_verify_paths "
          "_SSLContext.load_cert_chain _SSLContext.load_dh_params _SSLContext._wrap_socket "
          "get_default_verify_paths _test_decode_cert"},
    Group{"_locale", Becomes::stop, "gettext dgettext dcgettext"},
    Group{"_imp", Becomes::harmless, "create_dynamic create_builtin exec_dynamic exec_builtin"},
    Group{"gc", Becomes::all_objects,
          "collect get_objects get_referrers get_freeze_count freeze unfreeze"},
    Group{"_ctypes", Becomes::stop, "CFuncPtr"},  // its calls
    // Of the events that audit hooks hear, those that something may follow which nobody else tells
    // of.
    Group{"audit", Becomes::stop,
          "cpython._PySys_ClearAuditHooks sys.addaudithook sys._current_frames "
          "socket.bind socket.connect socket.sendto socket.sendmsg "
          "socket.sethostname subprocess.Popen os.system "
          "os.exec os.fork os.forkpty os.posix_spawn os.spawn os.startfile os.kill os.killpg "
          "os.rename os.remove os.rmdir os.link os.symlink os.chmod os.chown os.lchown "
          "os.truncate os.utime os.chdir os.fchdir os.lockf os.setxattr os.removexattr "
          "os.getxattr os.listxattr os.add_dll_directory shutil.chown signal.pthread_kill "
          "syslog.openlog syslog.syslog syslog.setlogmask syslog.closelog fcntl.fcntl fcntl.flock "
          "fcntl.ioctl fcntl.lockf resource.setrlimit resource.prlimit sqlite3.connect "
          "ctypes.call_function ctypes.dlopen "
          "ctypes.string_at ctypes.wstring_at "
          "ctypes.seh_exception _posixsubprocess.fork_exec "
          "_thread.start_new_thread _thread.start_joinable_thread mmap.__new__ builtins.input "
          "builtins.breakpoint cpython.run_interactivehook cpython.run_startup "
          "pty.spawn os.unshare os.setns gc.get_objects gc.get_referrers gc.get_referents"},
    Group{"audit", Becomes::template_stops, "socket.__new__"},
    // Attributes of the standard streams and of what lies below them; all others stop.
    Group{"stream", Becomes::harmless,
          "encoding errors name mode closed newlines isatty fileno readable writable buffer raw "
          "write flush reconfigure seekable __class__ __init__ __doc__ __hash__ __eq__ __repr__ "
          "__module__ "
          "__reduce_ex__ "
          "_CHUNK_SIZE closefd write_through __enter__ softspace"},
    Group{"stream", Becomes::terminal, "line_buffering"},
};

constexpr std::array<std::string_view, 25> k_watched = {"posix",
                                                        "_curses",
                                                        "_signal",
                                                        "_thread",
                                                        "fcntl",
                                                        "select",
                                                        "termios",
                                                        "resource",
                                                        "_socket",
                                                        "syslog",
                                                        "_posixshmem",
                                                        "_multiprocessing",
                                                        "_posixsubprocess",
                                                        "pwd",
                                                        "grp",
                                                        "spwd",
                                                        "nis",
                                                        "faulthandler",
                                                        "stream",
                                                        "_uuid",
                                                        "_interpreters",
                                                        "_interpchannels",
                                                        "_interpqueues",
                                                        "_xxsubinterpreters",
                                                        "ossaudiodev"};

/// Compiled modules of the standard library whose import and whose use concern nobody else, or
/// whose functions are in the table above.
constexpr std::string_view k_plain_modules =
    " _abc _ast _asyncio _bisect _blake2 _bz2 _codecs _codecs_cn _codecs_hk _codecs_iso2022 "
    "_codecs_jp _codecs_kr _codecs_tw _collections _contextvars _crypt _csv _ctypes _curses "
    "_datetime "
    "_decimal _elementtree _functools _hashlib _heapq _hmac _imp _interpreters _io _json _locale "
    "_lsprof _lzma _math_integer "
    "_md5 _multibytecodec _multiprocessing _opcode _operator _pickle _posixshmem _posixsubprocess "
    "_queue _random _sha1 _sha2 _sha256 _sha3 _sha512 _signal _socket _sqlite3 _sre _ssl _stat "
    "_statistics _string _struct _suggestions _symtable _sysconfig _thread _tokenize _tracemalloc "
    "_types _typing _uuid _warnings _weakref _zoneinfo _zstd array atexit audioop binascii "
    "builtins cmath errno faulthandler fcntl gc grp itertools marshal math mmap parser posix pwd "
    "pyexpat resource select sys syslog termios time unicodedata xxsubtype zlib _bootlocale "
    "_peg_parser ";

bool lists(std::string_view names, std::string_view name) noexcept {
  while (!names.empty()) {
    const std::size_t end = names.find(' ');
    if (names.substr(0, end) == name) return true;
    if (end == std::string_view::npos) return false;
    names.remove_prefix(end + 1);
  }
  return false;
}

bool under(std::string_view path, std::string_view folder) noexcept {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

std::optional<Becomes> what_becomes_of(std::string_view module, std::string_view name) noexcept {
  for (const Group& group : k_groups)
    if (group.module == module && lists(group.names, name)) return group.becomes;
  if (is_watched(module)) return Becomes::stop;
  return std::nullopt;
}

std::vector<std::string_view> methods_in(std::string_view module) {
  std::vector<std::string_view> methods;
  for (const Group& group : k_groups) {
    if (group.module != module || module == "audit") continue;
    for (std::string_view names = group.names; !names.empty();) {
      const std::size_t end = names.find(' ');
      const std::string_view name = names.substr(0, end);
      if (name.find('.') != std::string_view::npos) methods.push_back(name);
      names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
    }
  }
  return methods;
}

bool is_watched(std::string_view module) noexcept {
  return std::find(k_watched.begin(), k_watched.end(), module) != k_watched.end();
}

Becomes import_of(std::string_view module) noexcept {
  const std::string name = " " + std::string(module) + " ";
  return k_plain_modules.find(name) != std::string_view::npos ? Becomes::harmless : Becomes::stop;
}

Place place_of(std::string_view path) noexcept {
  if (path == "/dev/null" || path == "/dev/zero") return Place::nothing;
  if (path == "/dev/urandom" || path == "/dev/random") return Place::random;
  if (under(path, "/proc/self") || under(path, "/proc/thread-self")) return Place::own;
  if (under(path, "/proc") || under(path, "/sys") || under(path, "/dev")) return Place::system;
  return Place::ordinary;
}

std::string_view public_name(std::string_view module) noexcept {
  if (module == "posix") return "os";
  if (module == "_signal" || module == "_socket" || module == "_thread" || module == "_random" ||
      module == "_ssl" || module == "_locale" || module == "_imp")
    module.remove_prefix(1);
  return module;
}

}  // namespace pml::ahead
