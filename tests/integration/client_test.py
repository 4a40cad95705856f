"""The client alone, against a stand-in for the service.

The client under test is $PML_TEST_PREFIX/bin/pml, /usr/local/bin/pml where that is not set; or
$PML_TEST_CLIENT.
"""

import contextlib
import os
import pathlib
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import fake_service as fake

CLIENT = os.environ.get("PML_TEST_CLIENT") or os.path.join(os.environ.get("PML_TEST_PREFIX", "/usr/local"), "bin/pml")
PYTHON = "/usr/bin/python3"


class World:
    """A service, a cold helper that says what it was given, and the client's environment."""

    def __init__(self, folder):
        self.started = threading.Event()
        self.folder = folder
        self.socket = folder / "pml" / "default.sock"
        self.socket.parent.mkdir(mode=0o700)
        self.service = fake.FakeService(self.socket)
        helpers = folder / "helpers"
        helpers.mkdir()
        self.cold = helpers / "pml-cold"
        self.cold.write_text('#!/bin/sh\nprintf "<%s>" cold "$@"\nexit 5\n')
        self.cold.chmod(0o755)
        self.environment = {
            "XDG_RUNTIME_DIR": str(folder),
            "PML_HELPER_DIR": str(helpers),
            "PATH": "/usr/bin:/bin",
        }

    def start(self, *words, client=CLIENT, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        environment = {**self.environment, **options.pop("env", {})}
        self.started.clear()
        self.process = subprocess.Popen([client, *words], env=environment, **options)
        self.started.set()
        return self.process

    def child(self):
        """The client; for the service's script, which may run before `start` has returned."""
        assert self.started.wait(10)
        return self.process

    def run(self, *words, script=None, **options):
        """Runs the client to its end while `script` is the service; returns status and output."""
        if script is not None:
            self.service.serve(*(script if isinstance(script, (list, tuple)) else [script]))
        process = self.start(*words, **options)
        try:
            out, err = process.communicate(timeout=15)
        finally:
            process.kill()
        if script is not None:
            self.service.finish()
        return process.returncode, out, err


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.service.listener.close()


@contextlib.contextmanager
def job(conversation):
    """A process that stands for the job; it holds none of the request's descriptors."""
    process = subprocess.Popen(["/bin/sleep", "60"], stdin=subprocess.DEVNULL)
    try:
        conversation.receive_request()
        conversation.reply(fake.STARTED, process.pid)
        yield process
    finally:
        process.kill()
        process.wait()


def ends_with(kind, value):
    def script(conversation):
        with job(conversation):
            conversation.reply(kind, value)
            assert conversation.at_end()

    return script


def refuses(number, text=b"", interpreter=b""):
    def script(conversation):
        conversation.receive_request()
        conversation.reply(fake.REFUSED, number, text, interpreter)

    return script


# How it ends


@pytest.mark.parametrize("status", [0, 1, 5, 120, 255])
def test_exits_as_the_service_says(world, status):
    assert world.run("s.py", script=ends_with(fake.EXITED, status)) == (status, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, 34])
def test_dies_by_the_jobs_signal(world, number):
    status, out, err = world.run("s.py", script=ends_with(fake.KILLED, number), cwd=world.folder)
    assert (status, out, err) == (-number, b"", b"")
    assert not list(world.folder.glob("core*"))


def test_dies_by_an_ignored_and_blocked_signal(world):
    def prepare():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    assert world.run("s.py", script=ends_with(fake.KILLED, signal.SIGTERM), preexec_fn=prepare)[0] == -signal.SIGTERM


def test_exits_at_the_jobs_own_report(world):
    def script(conversation):
        conversation.receive_request()
        conversation.reply(fake.STARTED, os.getpid())
        conversation.report(fake.EXITED, 7)
        assert conversation.receive_signal() == (0, 0)  # the end was seen
        assert conversation.at_end()

    assert world.run("s.py", script=script)[0] == 7


def test_believes_no_other_process_report(world):
    def script(conversation):
        with job(conversation):
            conversation.report(fake.EXITED, 7)
            time.sleep(0.1)
            conversation.reply(fake.EXITED, 8)
            assert conversation.at_end()

    assert world.run("s.py", script=script)[0] == 8


def test_writes_are_the_jobs(world):
    def script(conversation):
        request = conversation.receive_request()
        conversation.reply(fake.STARTED, os.getpid())
        os.write(request.files[1], b"out")
        os.write(request.files[2], b"err")
        conversation.reply(fake.EXITED, 0)

    assert world.run("s.py", script=script) == (0, b"out", b"err")


def test_lets_go_of_descriptors_once_started(world):
    seen = []
    started = threading.Event()

    def script(conversation):
        with job(conversation):
            conversation.request.close()
            started.wait(15)
            seen.append(process.stdout.read())  # the end of file, while the client still runs
            seen.append(process.stderr.read())
            assert process.poll() is None
            conversation.reply(fake.EXITED, 0)

    world.service.serve(script)
    process = world.start("s.py", pass_fds=[world.service.listener.fileno()])
    started.set()
    assert process.wait(15) == 0
    world.service.finish()
    assert seen == [b"", b""]


def test_detached_it_returns_at_once(world):
    def script(conversation):
        with job(conversation):
            assert conversation.request.flags & 2
            assert conversation.at_end()

    assert world.run("--detach", "s.py", script=script) == (0, b"", b"")


# What it asks for


def request_of(world, *words, **options):
    """The request a client sends; its descriptors' states are under `found`."""
    seen = []

    def script(conversation):
        request = conversation.receive_request()
        request.found = {number: os.readlink(f"/proc/self/fd/{fd}") for number, fd in request.files.items()}
        seen.append(request)
        conversation.reply(fake.STARTED, os.getpid())
        conversation.reply(fake.EXITED, 0)

    assert world.run(*words, script=script, **options)[0] == 0
    return seen[0]


@pytest.mark.parametrize(
    "words, kind, target, options, rest",
    [
        (["s.py", "a", "-b"], 0, b"s.py", [], [b"a", b"-b"]),
        (["-u", "-m", "mod", "x"], 1, b"mod", [b"-u"], [b"x"]),
        (["-Wignore", "--wait", "-c", "1"], 2, b"1", [b"-Wignore"], []),
        (["-"], 3, b"-", [], []),
        ([], 3, b"", [], []),
        (["-e", "a:b", "x"], 4, b"a:b", [], [b"x"]),
    ],
)
def test_request_names_the_program(world, words, kind, target, options, rest):
    request = request_of(world, *words)
    assert (request.kind, request.target, request.options, request.arguments) == (kind, target, options, rest)


def test_called_python_it_takes_no_options_of_its_own(world):
    link = world.folder / "python3"
    link.symlink_to(CLIENT)
    request = request_of(world, "-u", "s.py", "--wait", client=str(link))
    assert (request.target, request.options, request.arguments) == (b"s.py", [b"-u"], [b"--wait"])
    assert world.run("--wait", client=str(link)) == (5, b"<cold><default><--wait>", b"")
    assert world.run("-p", "x", client=str(link)) == (5, b"<cold><default><-p><x>", b"")


def test_environment_in_bytes(world):
    environment = [b"A=\xff\xfe", b"B=", b"no equals sign", b"=x", b"A=again"]
    seen = []

    def script(conversation):
        seen.append(conversation.receive_request().environment)
        conversation.reply(fake.STARTED, os.getpid())
        conversation.reply(fake.EXITED, 0)

    world.service.serve(script)
    code = "import ctypes,sys; a=ctypes.c_char_p; l=ctypes.CDLL(None); e=%r; l.execve(a(%r),(a*5)(%s,None),(a*(len(e)+1))(*e,None))"
    words = b",".join(repr(os.fsencode(w)).encode() for w in [CLIENT, "--socket", str(world.socket), "s.py"]).decode()
    assert subprocess.call([PYTHON, "-c", code % (environment, os.fsencode(CLIENT), words)], timeout=15) == 0
    world.service.finish()
    assert seen == [environment]


def test_two_mebibytes_of_arguments(world):
    resource_limit = resource.getrlimit(resource.RLIMIT_STACK)

    def prepare():
        resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource_limit[1]))

    words = ["%0100000d" % number for number in range(21)]
    assert request_of(world, "s.py", *words, preexec_fn=prepare).arguments == [word.encode() for word in words]


def test_three_hundred_descriptors(world):
    files = {}
    for number in range(300):
        path = world.folder / f"file{number}"
        files[os.open(path, os.O_CREAT | os.O_RDWR)] = str(path)
    high = max(files) + 400  # below the usual limit of 1024
    os.dup2(min(files), high)
    files[high] = files[min(files)]
    request = request_of(world, "s.py", pass_fds=list(files))
    for number in files:
        os.close(number)
    assert set(request.found) == {-1, 0, 1, 2, *files}
    assert {number: request.found[number] for number in files} == files


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_standard_descriptors(world, closed):
    def prepare():
        for number in closed:
            os.close(number)

    request = request_of(world, "s.py", preexec_fn=prepare)
    assert set(request.found) == {-1, 0, 1, 2} - set(closed)


def test_trace_is_no_descriptor_of_the_job(world):
    assert set(request_of(world, "s.py", env={"PML_TRACE": "1"}).found) == {-1, 0, 1, 2}


def test_context(world):
    def prepare():
        os.umask(0o027)
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
        os.nice(3)
        os.sched_setaffinity(0, [0])
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, 64])
        os.setsid()

    request = request_of(world, "s.py", cwd=world.folder, preexec_fn=prepare)
    assert request.umask == 0o027
    assert request.limits[resource.RLIMIT_NOFILE] == (200, 300)
    assert request.nice == min(os.getpriority(os.PRIO_PROCESS, 0) + 3, 19)
    assert int.from_bytes(request.affinity, "little") == 1
    assert request.ignored & 1 << signal.SIGHUP - 1
    assert request.blocked == 1 << signal.SIGUSR1 - 1 | 1 << 63
    assert request.flags & 0b11000 == 0b11000
    assert request.found[-1] == str(world.folder) == request.cwd.decode()
    assert request.oom_score_adjust == int(pathlib.Path("/proc/self/oom_score_adj").read_text())


def test_trace_without_standard_error(world):
    request = request_of(world, "s.py", env={"PML_TRACE": "1"}, preexec_fn=lambda: os.close(2))
    assert set(request.found) == {-1, 0, 1}


def test_few_descriptors_allowed(world):
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (12, 300))

    assert set(request_of(world, "s.py", preexec_fn=prepare).found) == {-1, 0, 1, 2}


def test_removed_folder(world):
    folder = world.folder / "gone"
    folder.mkdir()
    request = request_of(world, "s.py", cwd=folder, preexec_fn=folder.rmdir)
    assert request.cwd == b"" and request.found[-1] == f"{folder} (deleted)"


# Stepping aside


COLD = (5, b"<cold><default><-u><s.py><a>", b"")


def test_refused(world):
    assert world.run("-u", "--wait", "s.py", "a", script=refuses(11)) == COLD


def test_refused_runs_the_interpreter_that_the_service_names(world):
    assert world.run("-c", "print(42)", script=refuses(11, b"X", PYTHON.encode())) == (0, b"42\n", b"")


def test_refused_after_an_interpreter_that_is_gone(world):
    assert world.run("-u", "s.py", "a", script=refuses(11, b"", b"/no/such/python")) == COLD


def test_end_of_file_before_the_start(world):
    def script(conversation):
        conversation.receive_request()

    assert world.run("-u", "s.py", "a", script=script) == COLD


def test_end_of_file_with_the_request_unread(world):
    assert world.run("-u", "s.py", "a", script=lambda conversation: None) == COLD


def test_refused_unread(world):
    words = ["x" * 100000] * 15
    status, out, err = world.run(
        "--no-fallback", "s.py", *words, script=lambda conversation: conversation.reply(fake.REFUSED, 2)
    )
    assert (status, err) == (75, b"pml: too many requests are waiting; see pmlctl doctor default\n")


def test_garbage(world):
    assert world.run("-u", "s.py", "a", script=lambda c: c.connection.sendall(b"error what\n" * 9)) == COLD


def test_no_service(world):
    world.service.listener.close()
    assert world.run("-u", "s.py", "a") == COLD
    world.socket.unlink()
    assert world.run("-u", "s.py", "a") == COLD
    assert world.run("-p", "qt", "-u", "s.py") == (5, b"<cold><qt><-u><s.py>", b"")


def test_nobody_accepts(world):
    world.service.listener.listen(0)
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(world.socket))
        status, out, err = world.run("--no-fallback", "s.py")
    assert (status, err) == (75, b"pml: too many callers wait for the service; see pmlctl doctor default\n")


@pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
def test_another_users_socket(world):
    world.socket.unlink()
    code = "import os,socket,sys;s=socket.socket(1);s.bind(sys.argv[1]);os.setuid(65534);s.listen();print(flush=True);k=[s.accept() for _ in range(2)]"
    with subprocess.Popen([PYTHON, "-c", code, str(world.socket)], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert world.run("-u", "s.py", "a") == COLD
        assert world.run("--no-fallback", "s.py") == (77, b"", b"pml: the socket belongs to another user; see pmlctl doctor default\n")
        other.kill()


def test_switched_off(world):
    assert world.run("-uc", "print(6 * 7)", env={"PML": "0"}) == (0, b"42\n", b"")
    assert not world.service.listener in select.select([world.service.listener], [], [], 0)[0]


def test_keeps_mask_and_descriptors_for_python(world):
    def prepare():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])

    code = "import os,signal;print(sorted(os.listdir('/proc/self/fd'))[:-1],*map(int,signal.pthread_sigmask(0,[])))"
    status, out, err = world.run("-c", code, script=refuses(11, b"", PYTHON.encode()), preexec_fn=prepare)
    assert (status, out, err) == (0, b"['0', '1', '2'] 12\n", b"")


def test_lost_workers(world):
    def lost(conversation):
        conversation.receive_request()
        conversation.reply(fake.RETRY)

    assert world.run("s.py", script=[lost] * 5 + [ends_with(fake.EXITED, 3)])[0] == 3


def test_lost_workers_without_end(world):
    def lost(conversation):
        conversation.receive_request()
        conversation.reply(fake.RETRY)

    assert world.run("-u", "s.py", "a", script=[lost] * 6) == COLD


@pytest.mark.parametrize(
    "number, status", [(1, 69), (2, 75), (6, 77), (7, 77), (8, 77), (11, 69), (999, 69)]
)
def test_no_fallback(world, number, status):
    found, out, err = world.run("--no-fallback", "s.py", script=refuses(number, b"detail"))
    assert (found, out) == (status, b"")
    assert err.startswith(b"pml: ") and err.endswith(b" (detail); see pmlctl doctor default\n") and err.count(b"\n") == 1


def test_no_fallback_without_service(world):
    world.service.listener.close()
    for words in (["s.py"], ["-I", "s.py"]):
        status, out, err = world.run("--no-fallback", *words)
        assert (status, out, err[:5], err.count(b"\n")) == (69, b"", b"pml: ", 1)


def test_trace_says_why(world):
    status, out, err = world.run("s.py", script=refuses(12, b"json.py"), env={"PML_TRACE": "1"})
    assert status == 5 and b"pml: cold: shadowed: " in err and b"json.py" in err


def test_entry_points_without_service(world):
    world.service.listener.close()
    world.cold.write_text(f'#!/bin/sh\nshift\nexec {PYTHON} "$@"\n')
    package = world.folder / "lib" / "thing-1.5.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.5\n")
    (package / "entry_points.txt").write_text("[console_scripts]\nthing = thing:Main.run\n[other]\nthing = thing:other\n")
    (package.parent / "thing.py").write_text(
        "import sys\nclass Main:\n  def run():\n    print(sys.argv, sys.path[0]); return 3\ndef other(): return 'no'\n"
    )
    script = world.folder / "bin" / "thing"
    script.parent.mkdir()
    environment = {"PYTHONPATH": str(package.parent), "PATH": f"{script.parent}:/usr/bin"}
    for name in ("thing", "thing:thing", "thing==1.5:console_scripts:thing"):
        status, out, err = world.run("-e", name, "-x", env=environment)
        assert (status, out, err) == (3, f"['thing', '-x'] {package.parent}\n".encode(), b"")
    script.write_text("")
    script.chmod(0o755)
    status, out, err = world.run("-e", "thing", env=environment)
    assert (status, out, err) == (3, f"['{script}'] {script.parent}\n".encode(), b"")
    assert world.run("-e", ":other:thing", env=environment) == (1, b"", b"no\n")
    for name in ("nothing", "thing==2:thing", "nope:thing", "thing:other:nothing"):
        status, out, err = world.run("-e", name, env=environment)
        assert (status, out, err.count(b"\n")) == (1, b"", 1) and b" not found" in err.replace(b"was found for", b"not found")


@pytest.mark.parametrize("words", [["-p"], ["-p", "a/b", "s.py"], ["-e", ""], ["--socket"]])
def test_wrong_usage(world, words):
    status, out, err = world.run(*words)
    assert (status, out, err[:5], err.count(b"\n")) == (64, b"", b"pml: ", 1)


def test_interactive_is_pythons(world):
    master, slave = os.openpty()
    assert world.run(stdin=slave) == (5, b"<cold><default>", b"")
    os.close(master)
    os.close(slave)


# Signals


def test_signals_are_passed_on(world):
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH, signal.SIGALRM, 40]
    seen = []

    def script(conversation):
        with job(conversation):
            time.sleep(0.05)
            for number in numbers:
                world.child().send_signal(number)
                seen.append(conversation.receive_signal())
            world.child().send_signal(signal.SIGCONT)
            assert conversation.receive_signal() == (signal.SIGCONT, 1)
            conversation.reply(fake.KILLED, signal.SIGINT)

    world.service.serve(script)
    process = world.start("s.py")
    assert process.wait(15) == -signal.SIGINT
    world.service.finish()
    assert seen == [(number, 0) for number in numbers]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_ending_signals_before_the_start(world, number):
    def script(conversation):
        conversation.receive_request()
        world.child().send_signal(number)
        assert conversation.at_end()

    world.service.serve(script)
    process = world.start("s.py")
    assert process.wait(15) == -number
    world.service.finish()


def test_other_signals_before_the_start_wait_for_it(world):
    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def script(conversation):
        conversation.receive_request()
        for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGTSTP):
            world.child().send_signal(number)
        time.sleep(0.1)
        conversation.reply(fake.STARTED, os.getpid())
        seen = [conversation.receive_signal()[0] for _ in range(3)]
        assert sorted(seen) == [signal.SIGINT, signal.SIGUSR1, signal.SIGTSTP]
        conversation.reply(fake.EXITED, 0)

    world.service.serve(script)
    process = world.start("s.py", preexec_fn=ignore)
    assert process.wait(15) == 0
    world.service.finish()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN])
def test_stops_with_the_job(world, number):
    started = threading.Event()

    def script(conversation):
        with job(conversation):
            started.wait(10)  # the client may be faster than this test
            conversation.reply(fake.STOPPED, number)
            pid, status = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == number
            world.child().send_signal(signal.SIGCONT)
            assert conversation.receive_signal() == (signal.SIGCONT, 1)
            conversation.reply(fake.CONTINUED)
            conversation.reply(fake.EXITED, 0)

    world.service.serve(script)
    process = world.start("s.py", process_group=0) if sys.version_info >= (3, 11) else None
    started.set()
    assert process.wait(15) == 0
    world.service.finish()


def test_does_not_stop_where_nobody_could_continue_it(world):
    def script(conversation):
        with job(conversation):
            conversation.reply(fake.STOPPED, signal.SIGTSTP)
            assert conversation.receive_signal() == (signal.SIGCONT, 1)
            conversation.reply(fake.EXITED, 0)

    assert world.run("s.py", script=script, start_new_session=True)[0] == 0


# When the service is lost


def test_service_lost_after_the_start(world):
    def script(conversation):
        with job(conversation) as process:
            conversation.connection.close()
            time.sleep(0.1)
            process.kill()

    status, out, err = world.run("s.py", script=script, env={"PML_TRACE": "1"})
    assert status == 70 and b"not known" in err


def test_the_job_reports_after_the_service_was_lost(world):
    def script(conversation):
        conversation.receive_request()
        conversation.reply(fake.STARTED, os.getpid())
        conversation.connection.close()
        time.sleep(0.1)
        conversation.report(fake.EXITED, 9)

    assert world.run("s.py", script=script)[0] == 9


def test_signals_reach_the_job_after_the_service_was_lost(world):
    def script(conversation):
        with job(conversation) as process:
            conversation.connection.close()
            time.sleep(0.05)
            client.send_signal(signal.SIGTERM)
            assert process.wait(5) == -signal.SIGTERM

    world.service.serve(script)
    client = world.start("s.py")
    assert client.wait(15) == 70
    world.service.finish()


def test_a_silent_service(world):
    def script(conversation):
        conversation.receive_request()
        with pytest.raises(BrokenPipeError):
            while True:  # a worker's `started` must fail from the moment the client has given up
                time.sleep(0.2)
                if process.poll() is None and not gave_up():
                    continue
                conversation.reply(fake.STARTED, 1)

    def gave_up():
        return time.monotonic() > begin + 10.5

    world.service.serve(script)
    begin = time.monotonic()
    process = world.start("-u", "s.py", "a")
    out, err = process.communicate(timeout=15)
    assert (process.returncode, out, err) == COLD
    assert 9.5 < time.monotonic() - begin < 12
    world.service.finish()
