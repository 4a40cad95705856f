"""pml-trial: a program is run as far as nobody but itself could notice.

Each program here would leave a mark; none must be left. The program under test is that of $PML_TEST_PREFIX, /usr/local where
that is not set.
"""

import json
import os
import pathlib
import platform
import socket
import subprocess
import time

import pytest

TRIAL = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local")) / "libexec/pml/pml-trial"
PYTHON = "/usr/bin/python3"
GETRANDOM = 318 if platform.machine() == "x86_64" else 278  # its number

pytestmark = pytest.mark.skipif(
    subprocess.run([TRIAL, "--check"], stderr=subprocess.DEVNULL).returncode != 0, reason="no process can be observed here")


def observe(folder, code, *options, words=(), **more):
    more.setdefault("stdin", subprocess.DEVNULL)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    if "PML_RECORDER_LIBRARY" in os.environ:
        environment["PML_RECORDER_LIBRARY"] = os.environ["PML_RECORDER_LIBRARY"]
    done = subprocess.run([TRIAL, *options, "--", PYTHON, "-c", code, *words], capture_output=True, text=True, timeout=60,
                          cwd=folder, env={**environment, **more.pop("env", {})}, **more)
    assert done.returncode in (0, 69), done.stderr
    return json.loads(done.stdout)


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


LIBRARY = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
# What the program does, and the system calls of which one has to be its stop.
EFFECTS = {
    "write": ("open('new', 'w')", {"openat", "open"}),
    "append": ("open('kept', 'a')", {"openat", "open"}),
    "truncate": ("import os; os.truncate('kept', 0)", {"truncate"}),
    "mkdir": ("import os; os.mkdir('new')", {"mkdir", "mkdirat"}),
    "unlink": ("import os; os.unlink('kept')", {"unlink", "unlinkat"}),
    "rename": ("import os; os.rename('kept', 'new')", {"rename", "renameat", "renameat2"}),
    "link": ("import os; os.link('kept', 'new')", {"link", "linkat"}),
    "symlink": ("import os; os.symlink('kept', 'new')", {"symlink", "symlinkat"}),
    "chmod": ("import os; os.chmod('kept', 0o777)", {"chmod", "fchmodat"}),
    "utime": ("import os; os.utime('kept', (0, 0))", {"utimensat"}),
    "fifo": ("import os; os.mkfifo('new')", {"mknod", "mknodat"}),
    "temporary": ("import tempfile; tempfile.NamedTemporaryFile(dir='.', delete=False)", {"openat", "open"}),
    "process": ("import subprocess; subprocess.run(['touch', 'new'])", {"vfork", "fork", "clone", "clone3"}),
    "shell": ("import os; os.system('touch new')", {"vfork", "fork", "clone", "clone3"}),
    "spawn": ("import os; os.posix_spawnp('touch', ['touch', 'new'], os.environ)", {"vfork", "clone", "clone3"}),
    "fork": ("import os; os.fork() or open('new', 'w')", {"fork", "clone", "clone3"}),
    "exec": ("import os; os.execvp('touch', ['touch', 'new'])", {"execve"}),
    "signal": ("import os; os.kill(os.getpid(), 9)", {"kill"}),
    "signal-parent": ("import os; os.kill(int(open('/proc/self/stat').read().split()[3]), 9)", {"kill"}),
    "raise": ("import signal; signal.raise_signal(9)", {"tkill", "tgkill"}),
    "print": ("print('seen')", {"write"}),
    "error": ("import sys; sys.stderr.write('seen')", {"write"}),
    "input": ("input()", {"read"}),
    "pipe": ("import os; r, w = os.pipe(); os.write(w, b'x')", {"write"}),
    "lock": ("import fcntl; fcntl.flock(open('kept'), fcntl.LOCK_EX)", {"flock"}),
    "lock-record": ("import fcntl; fcntl.lockf(open('kept'), fcntl.LOCK_SH)", {"fcntl"}),
    "chdir": ("import os; os.chdir('/'); open('new', 'w')", {"chdir"}),
    "umask": ("import os; os.umask(0)", {"umask"}),
    "limit": ("import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", {"prlimit64", "setrlimit"}),
    "nice": ("import os; os.nice(1)", {"setpriority"}),
    "alarm": ("import signal; signal.alarm(1); open('new', 'w')", {"alarm", "setitimer"}),
    "session": ("import os; os.setsid()", {"setsid"}),
    "parent": ("import os; os.getppid()", {"getppid"}),
    "terminal": ("open('/dev/tty')", {"openat", "open"}),
    "device": ("open('/dev/ptmx', 'rb')", {"openat", "open"}),
    "map": ("import mmap; mmap.mmap(open('kept', 'r+b').fileno(), 0)", {"openat", "open"}),
    "thread": ("import threading; t = threading.Thread(target=lambda: open('new', 'w')); t.start(); t.join()", {"openat", "open"}),
    "library-open": (LIBRARY + "libc.creat(b'new', 0o644)", {"creat", "openat", "open"}),
    "library-mkdir": (LIBRARY + "libc.mkdir(b'new', 0o755)", {"mkdir", "mkdirat"}),
    "library-unlink": (LIBRARY + "libc.unlink(b'kept')", {"unlink", "unlinkat"}),
    "library-write": (LIBRARY + "libc.write(1, b'seen', 4)", {"write"}),
    "library-system": (LIBRARY + "libc.system(b'touch new')", {"vfork", "clone", "clone3"}),
    "library-kill": (LIBRARY + "libc.kill(libc.getpid(), 9)", {"kill"}),
    "library-fork": (LIBRARY + "libc.fork() or open('new', 'w')", {"fork", "clone", "clone3"}),
    "library-socket": (LIBRARY + "libc.socket(16, 3, 0)", {"socket"}),
    "library-syscall": (LIBRARY + "libc.syscall(425, 1, 0)", {""}),  # io_uring_setup
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_side_effect_is_not_had(tmp_path, effect):
    code, calls = EFFECTS[effect]
    (tmp_path / "kept").write_text("kept\n")
    before = os.stat(tmp_path / "kept")
    result = observe(tmp_path, code)
    assert result["outcome"] == "stopped", result
    assert result["stop"]["call"] in calls, result["stop"]
    assert contents(tmp_path) == ["kept"] and (tmp_path / "kept").read_text() == "kept\n"
    after = os.stat(tmp_path / "kept")
    assert (after.st_mode, after.st_mtime_ns, after.st_ctime_ns, after.st_nlink) == (
        before.st_mode, before.st_mtime_ns, before.st_ctime_ns, before.st_nlink)


def test_nobody_is_connected_to(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        result = observe(tmp_path, f"import socket; socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}))")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert (result["outcome"], result["stop"]["call"]) == ("stopped", "connect")


def test_no_local_service_is_connected_to(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "service"))
        listener.listen()
        result = observe(tmp_path, f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'service')!r})")
    assert (result["outcome"], result["stop"]["path"]) == ("stopped", str(tmp_path / "service"))


def test_no_port_is_taken(tmp_path):
    result = observe(tmp_path, "import socket; socket.socket().bind(('0.0.0.0', 0))")
    assert (result["outcome"], result["stop"]["call"]) == ("stopped", "bind")


def test_looking_whether_there_is_ipv6_is_allowed(tmp_path):
    code = "import socket\ntry:\n socket.socket(socket.AF_INET6).bind(('::1', 0))\nexcept OSError: pass\nopen('new', 'w')"
    result = observe(tmp_path, code)
    assert result["stop"]["call"] in ("open", "openat") and any(one["call"] == "bind" for one in result["own"])


def test_the_output_stays_empty(tmp_path):
    read, write = os.pipe()
    done = subprocess.run([TRIAL, "--result-fd", str(write), "--", PYTHON, "-c", "print('seen', flush=True)"], capture_output=True,
                          text=True, pass_fds=[write], stdin=subprocess.DEVNULL)
    os.close(write)
    with open(read) as file:
        result = json.load(file)
    assert (done.stdout, done.stderr, result["stop"]["what"]) == ("", "", "writes to standard output")


def test_the_marker_ends_the_trial_well(tmp_path):
    result = observe(tmp_path, "import os; os.write(777, b'here'); open('new', 'w')", "--marker-fd", "777")
    assert (result["outcome"], result["text"], contents(tmp_path)) == ("ended", "here", [])


def test_a_descriptor_given_on_purpose_may_be_used(tmp_path):
    read, write = os.pipe()
    code = f"import os; os.write({write}, b'here'); open('new', 'w')"
    observe(tmp_path, code, "--allow-fd", str(write), pass_fds=[write])
    os.close(write)
    with open(read) as file:
        assert file.read() == "here"


@pytest.mark.parametrize("code, call", [
    ("import os; os.getpid()", "getpid"),
    ("import threading; threading.Thread(target=int).start()", "clone"),
    # Past the C library, which may know the numbers without asking the kernel.
    (f"import ctypes; ctypes.CDLL(None).syscall({GETRANDOM}, ctypes.create_string_buffer(4), 4, 0)", "getrandom"),
    ("open('/dev/urandom', 'rb').read(1)", "openat"),
    ("import os; os.pipe()", "pipe2"),
    ("import socket; socket.socket()", "socket"),
    ("open('/proc/self/status').read()", "openat"),
])
def test_what_is_the_processes_own_is_told_with_the_module(tmp_path, code, call):
    (tmp_path / "asker.py").write_text(code + "\n")
    noted = "import ctypes; ctypes.CDLL(None).pml_recorder_note(b'asker'); import sys; sys.path.insert(0, '.'); import asker; open('new', 'w')"
    result = observe(tmp_path, noted)
    assert result["recorded"]
    asked = [one for one in result["own"] if one["module"] == "asker" and one["call"].startswith(call)]
    assert asked, result["own"]
    assert result["stop"]["module"] == "asker"


@pytest.mark.parametrize("code, call", [
    ("import os; os.getcwd()", "getcwd"),
    ("import os; os.uname()", "uname"),
    ("import os; os.sched_getaffinity(0)", "sched_getaffinity"),
    ("open('/proc/meminfo').read()", "openat"),
    ("import os; os.stat('kept')", "newfstatat"),
    ("open('kept').read()", "openat"),
])
def test_what_another_process_may_be_told_otherwise_is_a_fact(tmp_path, code, call):
    (tmp_path / "kept").write_text("kept\n")
    result = observe(tmp_path, f"import ctypes; ctypes.CDLL(None).pml_recorder_note(b'asker'); {code}")
    assert any(one["call"] in (call, "stat", "open") and one["module"] == "asker" for one in result["facts"]), result["facts"]


def test_files_are_named_and_so_are_those_that_were_not_there(tmp_path):
    (tmp_path / "kept").write_text("kept\n")
    result = observe(tmp_path, f"import os; open({str(tmp_path / 'kept')!r}).read(); os.listdir({str(tmp_path)!r}); os.path.exists('/no/such')")
    assert str(tmp_path / "kept") in result["files"]
    assert str(tmp_path) in result["folders"]
    assert "/no/such" in result["missing"]


def test_variables_read_by_compiled_code_are_told(tmp_path):
    result = observe(tmp_path, "import _hashlib")
    assert any(one["kind"] == "variable" and one["name"] == "OPENSSL_CONF" for one in result["library"]), result["library"]


@pytest.mark.parametrize("code, outcome, status", [
    ("pass", "exited", 0), ("raise SystemExit(4)", "exited", 4), ("import os; os._exit(5)", "exited", 5),
    ("import ctypes; ctypes.string_at(0)", "died", 11)])
def test_an_end_is_told(tmp_path, code, outcome, status):
    result = observe(tmp_path, code)
    assert (result["outcome"], result["status"]) == (outcome, status)


@pytest.mark.parametrize("code, option, outcome", [
    ("while True: pass", ("--cpu-seconds", "0.3"), "timed-out"),
    ("import time; time.sleep(1000)", ("--seconds", "0.3"), "timed-out"),
    ("import threading; threading.Thread(target=lambda: [0 for i in iter(int, 1)]).start()", ("--cpu-seconds", "0.3"), "timed-out"),
    ("all = [bytearray(1 << 20) for _ in iter(int, 1)]", ("--memory", str(200 << 20)), "too-large")])
def test_nothing_goes_on_for_ever(tmp_path, code, option, outcome):
    assert observe(tmp_path, code, *option)["outcome"] == outcome


def test_nothing_is_left_when_the_observer_is_killed(tmp_path):
    process = subprocess.Popen([TRIAL, "--", PYTHON, "-c", "import time; time.sleep(1000)", str(tmp_path)], stdin=subprocess.DEVNULL)

    def left():
        return [entry for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit() and str(tmp_path) in words_of(entry)
                and int(entry.name) != process.pid]

    def words_of(entry):
        try:
            return (entry / "cmdline").read_text(errors="replace")
        except OSError:
            return ""

    deadline = time.monotonic() + 20
    while not left():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    while left():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_command_that_is_not_there(tmp_path):
    done = subprocess.run([TRIAL, "--", "/no/such"], capture_output=True, text=True)
    assert done.returncode == 69 and json.loads(done.stdout)["outcome"] == "unavailable"


def test_wrong_words():
    assert subprocess.run([TRIAL], capture_output=True).returncode == 64
    assert subprocess.run([TRIAL, "--seconds", "soon", "--", "true"], capture_output=True).returncode == 64


def test_where_nobody_may_be_observed_it_says_so(tmp_path):
    """Under a filter that forbids ptrace, as in some containers."""
    code = f"""
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
# ld [0] (the number); jeq ptrace: errno EPERM; else allow
rows = [(0x20, 0, 0, 0), (0x15, 0, 1, {101 if os.uname().machine == 'x86_64' else 117}), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7fff0000)]
program = b"".join(struct.pack("HBBI", *row) for row in rows)
buffer = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure): _fields_ = [("count", ctypes.c_ushort), ("rows", ctypes.c_void_p)]
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(rows), ctypes.addressof(buffer)))) == 0
os.execv({str(TRIAL)!r}, ["pml-trial", "--check"])
"""
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
    assert done.returncode == 69 and "pml-trial: " in done.stderr
