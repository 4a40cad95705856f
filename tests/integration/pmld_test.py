"""The service alone, with a stand-in for the interpreter and a client of the test's own.

The service under test is $PML_TEST_PREFIX/bin/pmld (/usr/local where that is not set), or
$PML_TEST_PMLD.
"""

import array
import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

import pytest

from fake_service import (
    CONTINUED,
    EXITED,
    HEADER,
    KILLED,
    MAGIC,
    REFUSED,
    RETRY,
    SIGNAL,
    STARTED,
    STOPPED,
    Reader,
    pack_text,
)

PMLD = os.environ.get("PML_TEST_PMLD") or os.path.join(os.environ.get("PML_TEST_PREFIX", "/usr/local"), "bin/pmld")
FAKE = str(pathlib.Path(__file__).resolve().parent / "fake_zygote.py")
WARMING_UP, OVERLOADED, STOPPING, PROTOCOL, MALFORMED = range(1, 6)
SHADOWED, STALE, BROKEN = 12, 14, 15
FLAG_WAIT, FLAG_DETACH = 1, 2
DEADLINE = 10


def request_body(target, flags=0, numbers=()):
    texts = lambda items: struct.pack("=I", len(items)) + b"".join(map(pack_text, items))  # noqa: E731
    return b"".join(
        [
            struct.pack("=BI", 2, flags),
            pack_text(target.encode()),
            texts([]) + texts([]) + texts([b"A=1"]),
            pack_text(b"") + pack_text(b"/"),
            struct.pack("=I", 0o22) + struct.pack("=32Q", *range(32)),
            struct.pack("=5i", os.getpriority(os.PRIO_PROCESS, 0), 0, 0, 0, 0),
            pack_text(b"\xff"),
            struct.pack("=QQ", 0, 0),
            struct.pack("=I", len(numbers)) + b"".join(struct.pack("=i", number) for number in numbers),
            struct.pack("=iQii", -1, 0, 0, -1),
        ]
    )


def wait_for(condition):
    """For what has no event of its own to wait for."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def exists(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Caller:
    """A client that speaks the wire format by hand."""

    def __init__(self, path):
        self.begun = False
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(path))

    def ask(self, target, flags=0, files=None, **changes):
        files = files or {}
        body = request_body(target, flags, list(files))
        magic, version = changes.get("magic", MAGIC), changes.get("version", 2)
        data = HEADER.pack(magic, version, 0, len(files), len(body)) + body
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files.values()))] if files else []
        sent = self.socket.sendmsg([data], control)
        if sent < len(data):
            self.socket.sendall(data[sent:])
        return self

    def read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                return None
            data += part
        return data

    def reply(self):
        """The next reply as (kind, value), or None at the end of the connection."""
        head = self.read(4)
        if head is None:
            return None
        read = Reader(self.read(*struct.unpack("=I", head)))
        kind, value = read.number("B"), read.number("i")
        self.text, self.interpreter = read.text(), read.text()
        if kind == RETRY and self.begun:
            return self.reply()  # the worker was killed after `started`, before its verdict
        self.begun = self.begun or kind == STARTED
        return kind, value

    def started(self):
        kind, pid = self.reply()
        assert kind == STARTED
        return pid

    def signal(self, number, group=False):
        self.socket.sendall(SIGNAL.pack(number, int(group)))

    def rest(self):
        data = b""
        while part := self.socket.recv(4096):
            data += part
        return data

    def close(self):
        self.socket.close()


class Service:
    def __init__(self, folder):
        self.folder = folder
        (folder / "run").mkdir(mode=0o700)
        self.profile_file = folder / "config/pml/profiles/test.toml"
        self.profile_file.parent.mkdir(parents=True)
        self.socket = folder / "run/pml/test.sock"
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notes.bind(str(folder / "notify"))
        self.notes.settimeout(DEADLINE)
        self.process = None
        self.callers = []

    def profile(self, modules=(), pool="", env="", interpreter=FAKE):
        names = ", ".join(f'"{name}"' for name in modules)
        self.profile_file.write_text(
            f'[python]\ninterpreter = "{interpreter}"\nenv = {{ {env} }}\n'
            f"[preload]\nmodules = [{names}]\n[pool]\n{pool}\n"
        )
        return self

    def start(self, *words, ready=True, **options):
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "LANG": "C.UTF-8",
        }
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen(
            [PMLD, "--profile", "test", *words], env=environment, stdin=subprocess.DEVNULL, stderr=self.log, **options
        )
        if ready:
            self.ready = self.told("READY=1")
        return self

    def told(self, what):
        """Waits until the service tells its manager `what`; returns all it said in that message."""
        while True:
            note = self.notes.recv(1 << 16).decode()
            if what in note:
                return note

    def call(self, target=None, flags=0, **named):
        caller = Caller(self.socket)
        self.callers.append(caller)
        return caller.ask(target, flags, **named) if target is not None else caller

    def text(self, line):
        caller = self.call()
        caller.socket.sendall(line.encode())
        return caller

    def status(self):
        lines = self.text("status\n").rest().decode().splitlines()
        return dict(line.split(" ", 1) for line in lines if line)

    def wait_status(self, **wanted):
        wanted = {name: str(value) for name, value in wanted.items()}
        wait_for(lambda: wanted.items() <= self.status().items())

    def children(self, pid=None):
        pid = pid or self.process.pid
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(word) for word in text.split()]

    def zygote(self):
        return int(self.status()["zygote"])

    def family(self):
        """All processes of the service, by their ancestors."""
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            try:
                left += self.children(pid)
            except OSError:
                pass
        return found

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def close(self):
        for caller in self.callers:
            caller.close()
        if self.process and self.process.poll() is None:
            family = self.family()
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                for pid in family:
                    os.kill(pid, signal.SIGKILL)
                self.process.wait()
        self.notes.close()


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    made.close()


@pytest.fixture
def warm(service):
    return service.profile().start()


def test_job_exits(warm):
    caller = warm.call("exit 7")
    assert caller.started() > 0
    assert caller.reply() == (EXITED, 7)
    assert caller.reply() is None


def test_job_is_killed(warm):
    caller = warm.call("kill 9")
    caller.started()
    assert caller.reply() == (KILLED, 9)


def test_descriptors_reach_the_job_and_nobody_keeps_them(warm):
    reader, writer = os.pipe()
    warm.call("print hello", files={1: writer}).started()
    os.close(writer)
    with open(reader) as stream:
        assert stream.read() == "hello\n"


def test_hundreds_of_descriptors(warm):
    reader, writer = os.pipe()
    null = os.open("/dev/null", os.O_RDONLY)
    caller = warm.call()
    body = request_body("print many", 0, [1, *range(100, 700)])
    caller.socket.sendall(b"")
    numbers = [writer] + [null] * 600
    data = HEADER.pack(MAGIC, 2, 0, len(numbers), len(body)) + body
    while numbers:
        part, numbers = numbers[:250], numbers[250:]
        chunk, data = (data[:1], data[1:]) if numbers else (data, b"")
        caller.socket.sendmsg([chunk], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", part))])
    caller.started()
    os.close(writer)
    with open(reader) as stream:
        assert stream.read() == "many\n"
    os.close(null)


def test_a_large_request(warm):
    caller = warm.call("exit 0 " + "x" * (3 << 20))
    caller.started()
    assert caller.reply() == (EXITED, 0)


def test_a_request_byte_by_byte(warm):
    caller = warm.call()
    body = request_body("exit 4")
    for byte in HEADER.pack(MAGIC, 2, 0, 0, len(body)) + body:
        caller.socket.sendall(bytes([byte]))
    caller.started()
    assert caller.reply() == (EXITED, 4)


def test_signals_are_passed_on(warm):
    caller = warm.call("wait")
    caller.started()
    caller.signal(signal.SIGSTOP)
    caller.signal(signal.SIGTERM, group=True)
    caller.signal(signal.SIGCONT)
    assert caller.reply() == (KILLED, signal.SIGTERM)


def test_signals_sent_early_wait_for_the_job(warm, tmp_path):
    caller = warm.call(f"hesitate {tmp_path}/go")
    caller.signal(signal.SIGTERM)
    wait_for(lambda: warm.status()["running"] == "1")
    (tmp_path / "go").touch()
    caller.started()
    assert caller.reply() == (KILLED, signal.SIGTERM)


def test_a_worker_that_does_not_answer_cannot_begin_later(warm, tmp_path):
    caller = warm.call(f"hesitate {tmp_path}/go")
    assert caller.reply() is None  # the client runs python3 now
    (tmp_path / "go").touch()
    warm.wait_status(running=0, served=0)


def test_a_verdict_behind_another_word_is_read_though_the_job_has_ended(warm, tmp_path):
    caller = warm.call(f"hesitate {tmp_path}/go unrehearsed")
    wait_for(lambda: warm.status()["running"] == "1")
    idle = warm.children(warm.zygote())[0]
    warm.process.send_signal(signal.SIGSTOP)
    # The zygote's word of another worker comes first, that of the job's end behind it.
    os.kill(idle, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{idle}"))
    (tmp_path / "go").touch()
    job = caller.started()
    assert job != idle
    wait_for(lambda: not os.path.exists(f"/proc/{job}"))
    warm.process.send_signal(signal.SIGCONT)
    assert caller.reply() == (EXITED, 7)
    warm.wait_status(running=0, served=1)
    assert "launch-p50-usec" in warm.status()


def test_wrong_version_and_garbage_are_refused(warm):
    caller = warm.call("exit 0", version=9)
    assert caller.reply() == (REFUSED, PROTOCOL)
    assert caller.interpreter == FAKE.encode()
    assert warm.call("exit 0", magic=b"\x7fXYZ").reply() == (REFUSED, MALFORMED)
    caller = warm.call()
    caller.socket.sendall(HEADER.pack(MAGIC, 2, 0, 0, 3) + b"abc")
    assert caller.reply() == (REFUSED, MALFORMED)
    assert warm.call("exit 0").started()


def test_refusal_by_the_worker(warm):
    caller = warm.call("decline")
    assert caller.reply() == (REFUSED, SHADOWED)
    assert caller.reply() is None
    warm.wait_status(**{"refused.shadowed": 1, "served": 0})


def test_worker_lost_before_the_job_began(warm):
    assert warm.call("vanish").reply() == (RETRY, 0)
    assert warm.call("exit 0").started()


def test_idle_workers_that_die_are_replaced(warm):
    warm.wait_status(idle=5)
    for pid in warm.children(warm.zygote()):
        os.kill(pid, signal.SIGKILL)
    while (reply := warm.call("exit 1").reply()) == (RETRY, 0):
        pass
    assert reply[0] == STARTED
    wait_for(lambda: int(warm.status()["idle"]) >= 3)


def test_who_comes_while_it_warms_up(service):
    service.profile(["hang"]).start(ready=False)
    service.told("importing hang")
    assert service.call("exit 0").reply() == (REFUSED, WARMING_UP)
    waiting = service.call("exit 5", FLAG_WAIT)
    service.wait_status(queued=1)
    os.kill(service.children()[0], signal.SIGKILL)
    waiting.started()
    assert waiting.reply() == (EXITED, 5)


@pytest.mark.parametrize("name", ["crash", "leave"])
def test_a_preload_that_ends_the_interpreter_is_given_up(service, name):
    service.profile(["good", name, "other"]).start()
    status = service.status()
    assert status["state"] == "warm"
    assert status["quarantined"].startswith(name + " ")
    assert service.call("exit 0").started()


def test_a_preload_that_hangs_is_given_up(service):
    service.profile(["hang"], 'preload-timeout = "1s"').start()
    assert service.status()["quarantined"].startswith("hang ")


def test_a_preload_that_raises_is_named(service):
    service.profile(["raise", "good"]).start()
    assert service.status()["failed-preload"] == "raise ValueError: broken"
    assert "preloads that failed: raise" in service.ready


def test_zygote_dies_while_jobs_run(warm):
    running = [warm.call("wait"), warm.call("wait")]
    pids = [caller.started() for caller in running]
    old = warm.zygote()
    os.kill(old, signal.SIGKILL)
    warm.wait_status(state="warm", generation=2)
    assert warm.call("exit 3").started()
    running[0].signal(signal.SIGTERM)
    assert running[0].reply() == (KILLED, signal.SIGTERM)
    os.kill(pids[1], signal.SIGUSR1)
    assert running[1].reply() == (KILLED, signal.SIGUSR1)
    wait_for(lambda: not any(exists(pid) for pid in (old, *pids)))


def test_idle_workers_serve_on_without_a_zygote(service, tmp_path):
    service.profile(env=f'FAKE_NO_FORK = "{tmp_path}/nofork"').start()
    service.wait_status(idle=5)
    (tmp_path / "nofork").touch()
    for _ in range(5):
        caller = service.call("exit 2")
        caller.started()
        assert caller.reply() == (EXITED, 2)


def test_a_zygote_that_does_not_fork_is_replaced(service, tmp_path):
    service.profile(pool="workers = 1\nspare = 1", env=f'FAKE_NO_FORK = "{tmp_path}/nofork"').start()
    (tmp_path / "nofork").touch()
    service.call("exit 0").started()
    caller = service.call("exit 0")
    assert caller.reply() == (REFUSED, WARMING_UP)
    (tmp_path / "nofork").unlink()
    service.wait_status(generation=2, state="warm", idle=1)


def test_workers_that_end_by_themselves_are_not_forked_for_ever(service, tmp_path):
    service.profile(env=f'FAKE_WORKERS_END = "{tmp_path}/end"').start()
    (tmp_path / "end").touch()
    for pid in service.children(service.zygote()):
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself meanwhile
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: "end by themselves" in (service.folder / "log").read_text())
    assert service.call("exit 0").reply() in ((REFUSED, WARMING_UP), (RETRY, 0))
    (tmp_path / "end").unlink()
    wait_for(lambda: service.call("exit 0").reply()[0] == STARTED)
    wait_for(lambda: int(service.status()["idle"]) >= 3)


def test_client_that_vanishes_hangs_up_on_its_job(warm):
    caller = warm.call("wait")
    pid = caller.started()
    caller.close()
    wait_for(lambda: not exists(pid))


def test_detached_job_outlives_its_client(warm):
    caller = warm.call("wait", FLAG_DETACH)
    pid = caller.started()
    caller.close()
    time.sleep(0.5)
    assert exists(pid)
    os.kill(pid, signal.SIGKILL)
    warm.wait_status(running=0)


def test_max_jobs_and_queue(service):
    service.profile(pool="workers = 2\nspare = 1\nmax-jobs = 1\nmax-queue = 1").start()
    first = service.call("wait")
    first.started()
    second = service.call("exit 6")
    service.wait_status(queued=1, running=1)
    assert service.call("exit 0").reply() == (REFUSED, OVERLOADED)
    first.signal(signal.SIGKILL)
    second.started()
    assert second.reply() == (EXITED, 6)


def test_a_burst(service):
    service.profile(pool="max-queue = 1000").start()
    callers = [service.call(f"exit {i % 200}") for i in range(300)]
    for i, caller in enumerate(callers):
        caller.started()
        assert caller.reply() == (EXITED, i % 200)
    service.wait_status(running=0, queued=0, served=300)


def test_slow_and_silent_peers_delay_nobody(warm):
    slow = [warm.call() for _ in range(400)]
    for caller in slow[:200]:
        with contextlib.suppress(BrokenPipeError):  # of so many, the first may be cut off already
            caller.socket.sendall(MAGIC)
    begin = time.monotonic()
    assert warm.call("exit 0").started()
    assert time.monotonic() - begin < 1
    assert slow[-1].reply() is None  # cut off; the socket's time-out would raise
    assert time.monotonic() - begin < 7


def test_text_dialect(warm, tmp_path):
    caller = warm.text("module exit 0")  # no newline, no end: as echo -n | nc -U does
    # The fake takes the whole target for its orders, and "exit" alone is none.
    assert caller.rest().decode().startswith("started ")
    caller = warm.text("file 'script.sh' a 'b c'\n")
    answer = caller.rest().decode().splitlines()
    assert answer[0].startswith("started ") and answer[1] == "exited 0"
    wait_for(lambda: f"{os.getcwd()} a b c" in (warm.folder / "log").read_text())


@pytest.mark.parametrize("line", ["bogus", "", "\n", "file", "module 'x", "entrypoint x"])
def test_wrong_text(warm, line):
    caller = warm.text(line)
    if not line.endswith("\n"):
        caller.socket.shutdown(socket.SHUT_WR)
    answer = caller.rest().decode()
    assert not line or answer.startswith("error ")
    assert warm.status()["state"] == "warm"


def test_text_job_goes_on_without_its_peer(warm):
    caller = warm.text("module wait\n")
    line = b""
    while not line.endswith(b"\n"):
        line += caller.socket.recv(100)
    pid = int(line.split()[1])
    caller.close()
    time.sleep(0.4)
    assert exists(pid)
    os.kill(pid, signal.SIGKILL)


def test_jobs_are_listed_and_killed(warm):
    caller = warm.call("wait")
    pid = caller.started()
    wait_for(lambda: b" running " in warm.text("jobs\n").rest())
    name, state, _, command = warm.text("jobs\n").rest().decode().splitlines()[0].split(" ", 3)
    assert name.startswith(f"{pid}-") and (state, command) == ("running", "-c wait")
    assert warm.text("kill 1-1\n").rest().startswith(b"error ")
    assert warm.text(f"kill {name} USR2\n").rest() == b"done\n"
    assert caller.reply() == (KILLED, signal.SIGUSR2)
    assert f"killed:{int(signal.SIGUSR2)}" in warm.status()["last-job"]
    assert int(warm.status()["launch-p50-usec"]) > 0


def test_reload_by_request(warm):
    assert warm.text("reload\n").rest() == b"done\n"
    warm.wait_status(generation=2, state="warm")


def test_text_job_that_is_declined(warm):
    answer = warm.text("module decline\n").rest().decode()
    assert answer.startswith("error ") and "json" in answer


def test_stop_leaves_nothing(warm):
    caller = warm.call("wait")
    caller.started()
    family = warm.family()
    assert len(family) > 2
    assert warm.stop() == 0
    assert caller.reply() == (KILLED, signal.SIGTERM)
    wait_for(lambda: not any(exists(pid) for pid in family))
    assert not warm.socket.exists()


def test_stop_kills_the_stubborn_when_asked_twice(warm):
    caller = warm.call("stubborn")
    pid = caller.started()
    wait_for(lambda: int(next(x for x in open(f"/proc/{pid}/status") if x.startswith("SigIgn")).split()[1], 16) & 0x4000)
    warm.process.terminate()
    warm.told("STOPPING=1")
    assert exists(pid)
    warm.process.terminate()
    assert warm.process.wait(DEADLINE) == 0
    assert caller.reply() == (KILLED, signal.SIGKILL)


def test_reload(warm):
    caller = warm.call("wait")
    caller.started()
    old = warm.zygote()
    warm.profile(["other"])
    warm.process.send_signal(signal.SIGHUP)
    warm.told("RELOADING=1")
    warm.told("READY=1")
    warm.wait_status(generation=2, idle=5)
    wait_for(lambda: not exists(old))
    assert warm.call("exit 0").started()
    caller.signal(signal.SIGTERM)
    assert caller.reply() == (KILLED, signal.SIGTERM)


def test_reload_of_a_bad_profile_keeps_the_pool(warm):
    warm.profile_file.write_text("[pool]\nworker = 5\n")
    warm.process.send_signal(signal.SIGHUP)
    warm.told("RELOADING=1")
    assert "workers" in warm.told("READY=1")
    assert warm.status()["generation"] == "1"
    assert "test.toml:2" in warm.status()["profile-error"]
    assert warm.call("exit 0").started()


def test_changed_file_makes_a_new_zygote(service, tmp_path):
    source = tmp_path / "preloaded.py"
    source.write_text("1")
    service.profile(env=f'FAKE_FILES = "{source}"').start()
    assert service.call("exit 0").started()
    source.write_text("2 and more")
    assert service.call("exit 0").reply() == (REFUSED, STALE)
    patient = service.call("exit 8", FLAG_WAIT)
    patient.started()
    assert patient.reply() == (EXITED, 8)
    assert service.status()["generation"] == "2"
    source.unlink()
    assert service.call("exit 0").reply() == (REFUSED, STALE)
    service.wait_status(generation=3, state="warm")


def test_idle_exit(service):
    service.profile(pool='idle-exit = "1s"').start()
    caller = service.call("exit 0")
    caller.started()
    assert service.process.wait(DEADLINE) == 0
    assert not service.socket.exists()


def test_bad_profile_is_78(service):
    service.profile_file.write_text("[pool]\nworker = 5\n")
    service.start(ready=False)
    assert service.process.wait(DEADLINE) == 78
    message = (service.folder / "log").read_text()
    assert "test.toml:2" in message and message.count("\n") == 1


def test_interpreter_that_does_not_exist_is_78(service):
    service.profile(interpreter="/nonexistent/python3").start(ready=False)
    assert service.process.wait(DEADLINE) == 78


def test_interpreter_that_never_gets_warm_is_78(service):
    service.profile(env='FAKE_STOPS_EARLY = "1"').start(ready=False)
    assert service.process.wait(DEADLINE) == 78


def test_live_socket_is_refused_and_stale_one_replaced(warm):
    again = subprocess.run(
        [PMLD, str(warm.socket)], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=DEADLINE
    )
    assert again.returncode == 73
    assert "served by another process" in again.stderr
    warm.process.kill()
    warm.process.wait()
    assert warm.socket.exists()
    warm.start()
    assert warm.call("exit 0").started()


def test_daemon(service):
    pid_file = service.folder / "pid"
    service.profile().start("-d", "-p", str(pid_file), ready=False, stdout=subprocess.PIPE)
    # The pipe would stay open if anything of the daemon held it.
    assert service.process.communicate(timeout=DEADLINE) == (b"", None)
    assert service.process.returncode == 0
    assert service.call("exit 0").started()  # already warm
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not exists(pid))
    assert not pid_file.exists() and not service.socket.exists()


def test_daemon_that_cannot_start(service):
    service.profile(interpreter="/nonexistent/python3").start("-d", ready=False)
    assert service.process.wait(DEADLINE) == 78


def test_nothing_of_the_service_leaks_into_text_jobs(warm):
    warm.text("module environment\n").rest()
    wait_for(lambda: "PATH=" in (warm.folder / "log").read_text())
    assert "NOTIFY_SOCKET" not in (warm.folder / "log").read_text()


def test_the_service_wakes_up_for_nothing(warm):
    warm.call("exit 0").started()
    time.sleep(1.5)  # the status line may follow once

    def switches():
        text = pathlib.Path(f"/proc/{warm.process.pid}/status").read_text()
        return [line for line in text.splitlines() if "ctxt_switches" in line]

    before = switches()
    time.sleep(1.5)
    assert switches() == before
