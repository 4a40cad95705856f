"""Jobs in place, in the process that the caller has started: the service with a real interpreter, without systemd.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import os
import platform
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from programs_test import BIN, DEADLINE, Service, until

# The memory that a sanitizer keeps its notes in would be mapped over.
SANITIZED = b"__asan_" in (BIN / "pml").read_bytes()
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64" or SANITIZED, reason="clients restore images on x86-64 only, and not under a sanitizer")

PYTHON = "/usr/bin/python3"

# glibc draws random numbers with memory that is wiped at forks, which images do not take, and a libffi of its age keeps a
# file open. Jobs run in workers there.
WIPED = tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split("."))) >= (2, 41)


class Place(Service):
    """A pmld of a profile whose jobs run in place."""

    def begin(self, more="", launch="in-place"):
        self.profile.write_text(f'[python]\ninterpreter = "{PYTHON}"\n[pool]\nlaunch = "{launch}"\nworkers = 2\nspare = 1\n'
                                f'[learn]\nprograms = "none"\n{more}')
        self.start()
        until(lambda: self.marker.exists() or "jobs run in workers" in (self.folder / "log").read_text())
        if WIPED and "the interpreter cannot be imaged" in (self.folder / "log").read_text():
            assert self.run("-c", "print(1)").stdout == "1\n"
            pytest.skip("with this C library no interpreter can be imaged: workers serve")
        return self

    @property
    def marker(self):
        return self.socket.with_name("test.sock.in-place")

    def shell(self, line, command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(["/bin/bash", "-c", line], env={**self.environment, "P": command}, cwd=self.folder, capture_output=True,
                              text=True, timeout=DEADLINE, **options)

    @property
    def pml(self):
        return f"{BIN}/pml -p test"

    def way(self, *words, **options):
        """What the trace says of a launch: in place, or which way else and why."""
        done = self.run(*words, fallback=True, environment={"PML_TRACE": "1"}, **options)
        if other := re.search("^pml: (by a worker: .*|cold: .*)", done.stderr, re.M):
            return other[1]
        return "in place" if "image " in done.stderr else done.stderr

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    service = Place(tmp_path_factory.mktemp("place"))
    try:
        yield service.begin('[preload]\nmodules = ["json", "argparse", "random", "threading", "subprocess", "uuid"]\noptional = ["numpy"]\n')
    finally:
        service.stop()


@pytest.fixture
def own(tmp_path):
    service = Place(tmp_path)
    try:
        yield service
    finally:
        if service.process:
            service.stop()


SAME = {
    "status": "raise SystemExit(3)",
    "text of the end": "raise SystemExit('no')",
    "trace": "def f():\n    1/0\nf()",
    "input": "import sys; print(sys.stdin.read()[::-1]); print('x', file=sys.stderr)",
    "environment": "import os; print(sorted(os.environb.items()), os.getenv('COLOUR'))",
    "words": "import sys; print(sys.argv, sys.orig_argv, sys.path, sys.flags, sys.executable, sys.modules.keys())",
    "kernel": "print(*(open(f'/proc/self/{n}', 'rb').read() for n in ('cmdline', 'environ', 'comm')))",
    "signals": "import signal; print([signal.getsignal(n) for n in range(1, 65) if n not in (32, 33)], signal.pthread_sigmask(0, []))",
    "kernel's signals": "print([l for l in open('/proc/self/status') if l.startswith(('Sig', 'Shd', 'Threads', 'Seccomp', 'NoNew', 'Cap'))])",
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1], os.fstat(0).st_ino)",
    "limits": "import resource; print([resource.getrlimit(n) for n in range(16)])",
    "children": "import subprocess, os; print(subprocess.run(['sh', '-c', 'exit 7']), os.waitstatus_to_exitcode(os.system('exit 3')))",
    "fork": "import os\npid = os.fork()\nif not pid: os._exit(5)\nprint(os.waitpid(pid, 0)[1])",
    "threads": "import threading, os\nt = threading.Thread(target=lambda: print(threading.get_native_id() != os.getpid()))\nt.start(); t.join()\n"
               "print(threading.main_thread().native_id == os.getpid() == threading.get_native_id())",
    "thread at the end": "import threading, time; threading.Thread(target=lambda: (time.sleep(.05), print('late'))).start()",
    "exit calls": "import atexit; atexit.register(print, 'bye')",
    "depth": "import sys\ndef f(n): return n and 1 + f(n - 1)\nsys.setrecursionlimit(30000); print(f(20000))",
    "depth's limit": "def f(): f()\nf()",
    "C stack": "import re; print(len(repr(eval('[' * 80 + ']' * 80)))); [].sort(key=None)\nx = []\nfor _ in range(5000): x = [x]\ntry: print(repr(x))\n"
               "except RecursionError as e: print(e)",
    "memory": "x = [bytes(1 << 20) for _ in range(200)]; y = ' ' * (1 << 27); print(len(x), len(y))",
    "forked pool": "import multiprocessing as m\nwith m.get_context('fork').Pool(2) as p: print(p.map(abs, range(-9, 0)))",
    "asyncio": "import asyncio\nasync def f(): await asyncio.sleep(.01); return 4\nprint(asyncio.run(f()))",
    "exception of C++": "import numpy; print(numpy.float64(2) ** .5, numpy.linalg.inv(numpy.eye(3)).sum())\ntry: numpy.linalg.inv(numpy.zeros((2, 2)))\n"
                        "except Exception as e: print(e)",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "segmentation fault": "import ctypes; ctypes.string_at(0)",
    "stack's limit of C": "import ctypes\nprint(ctypes.CDLL(None).getauxval(6), ctypes.CDLL(None).getauxval(23))",
    "broken pipe": "import sys, os; r, w = os.pipe(); os.close(r); os.write(w, b'x')",
    "interrupt": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
}


@pytest.mark.parametrize("name", SAME)
def test_as_python3_does_it(place, name):
    words = ["-c", SAME[name], "a", "b"]
    environment = {"COLOUR": "grün"}
    cold = place.cold(*words, stdin=None, input="abc", environment=environment) if name == "input" else place.cold(*words, environment=environment)
    until(lambda: place.way("-c", "") == "in place")  # but for a stack that lies in the way
    here = place.run(*words, stdin=None, input="abc", fallback=True, environment=environment) if name == "input" else \
        place.run(*words, fallback=True, environment=environment)
    assert (here.returncode, here.stdout, here.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_it_is_the_process_that_the_shell_started(place):
    done = place.shell('$P -c "import os; print(os.getpid(), os.getppid())" & echo $! $$; wait', place.pml)
    assert sorted(done.stdout.split()) == sorted(2 * done.stdout.splitlines()[0].split()), done


def test_the_file_that_runs_is_the_interpreter(place):
    if os.geteuid() != 0:
        pytest.skip("the kernel lets nobody else say so")
    done = place.run("-c", "import os; print(os.readlink('/proc/self/exe'))", fallback=True)
    assert done.stdout.strip() == os.path.realpath(PYTHON)


def test_time_counts_the_program(place):
    done = place.shell('time $P -c "for _ in range(10 ** 7): pass"', place.pml)
    assert float(re.search(r"user\s+0m([0-9.]+)s", done.stderr)[1]) > 0.05, done


def test_limits_and_signals_are_the_callers(place):
    for line in ("ulimit -n 77; ulimit -c 0; trap '' USR1 INT; umask 027; $P -c \"import os, signal, resource; print(resource.getrlimit(7), "
                 "signal.getsignal(10), signal.getsignal(2), os.umask(0))\"", "ulimit -s 4096; $P -c 'import resource; print(resource.getrlimit(3))'",
                 "ulimit -v 4000000; $P -c 'import resource; print(resource.getrlimit(9))'", "exec 5</dev/null 9>&1; $P -c 'import os; os.write(9, b\"9\")'",
                 "exec 0<&-; $P -c 'import sys; print(sys.stdin)'", "$P -c 'print(1)' | cat", "cd /; $P -c 'import os; print(os.getcwd())'"):
        assert (one := place.shell(line, place.pml)).stdout == (other := place.shell(line, PYTHON)).stdout and one.stderr == other.stderr, (line, one)


def test_random_numbers_are_its_own(place):
    code = "import random, uuid, os, tempfile; print(random.random(), uuid.uuid4(), next(tempfile._get_candidate_names()))"
    lines = [place.run("-c", code, fallback=True).stdout.split() for _ in range(20)]
    assert len({word for line in lines for word in line}) == 60


def test_declined_is_python3_in_the_same_process(place):
    done = place.shell(f'PYTHONHASHSEED=7 PML_TRACE=1 $P -c "print(hash(str()), hash(\'a\'))" a', place.pml)
    assert done.stdout == place.shell('PYTHONHASHSEED=7 $P -c "print(hash(str()), hash(\'a\'))" a', PYTHON).stdout
    (place.folder / "json.py").write_text("mine = 4")
    done = place.shell(f'$P -c "import json, os; print(json.mine, os.getpid())" & echo $!; wait', place.pml)
    (place.folder / "json.py").unlink()
    numbers = done.stdout.split()
    assert "4" in numbers and len(set(numbers)) == 2, done


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, place, python):
        self.pid, self.number = pty.fork()
        if self.pid == 0:
            os.chdir(place.folder)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                      {**place.environment, "PS1": "", "TERM": "dumb", "P": python, "BASH_SILENCE_DEPRECATION_WARNING": "1"})
        self.text = ""
        self.count = 0
        self.say("stty -echo")
        self.ask("true")

    def say(self, line):
        os.write(self.number, line.encode() + b"\n")

    def until(self, pattern):
        deadline = time.monotonic() + DEADLINE
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < deadline, (pattern, self.text)
            if select.select([self.number], [], [], 1)[0]:
                self.text += os.read(self.number, 65536).decode().replace("\r\n", "\n")
        self.text = self.text[found.end():]
        return found

    def ask(self, line):
        """What it prints until it is done."""
        self.count += 1
        self.say(f"{line}; echo done-{self.count}-$?")
        return self.until(rf"(?s)(.*?)done-{self.count}-(\d+)\n").groups()

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.number)
        os.waitpid(self.pid, 0)


@pytest.fixture(params=["python3", "in place"])
def terminal(place, request):
    shell = Terminal(place, PYTHON if request.param == "python3" else place.pml)
    yield shell
    shell.close()


GROUPS = "import os; print(os.tcgetpgrp(2) == os.getpgrp(), os.getpgrp() == os.getpid(), os.isatty(0), os.ttyname(2)[:8], file=__import__('sys').stderr)"


def test_on_a_terminal(terminal):
    assert terminal.ask(f'$P -c "{GROUPS}"') == ("True True True /dev/pts\n", "0")
    assert terminal.ask(f'true | $P -c "{GROUPS}" | cat') == ("True False False /dev/pts\n", "0")
    assert terminal.ask("$P -c 'import os, signal; os.killpg(0, signal.SIGTERM)'")[1] == "143"


def test_stopped_and_continued_on_a_terminal(terminal):
    terminal.say("$P -c 'import sys; print(\"ready\"); print(sys.stdin.readline())'")
    terminal.until("ready\n")
    os.write(terminal.number, b"\x1a")
    terminal.until("Stopped.*\n")
    assert terminal.ask("jobs -r") == ("", "0")
    terminal.say("fg")
    terminal.until("import sys")
    os.write(terminal.number, b"hello\n")
    terminal.until("hello\n")
    terminal.say("$P -c 'import time; print(\"ready\"); time.sleep(60)'")
    terminal.until("ready\n")
    os.write(terminal.number, b"\x03")
    terminal.until("KeyboardInterrupt")
    terminal.until("\n")
    assert terminal.ask("true")[1] == "0"


def test_reading_in_the_background_stops_it(terminal):
    terminal.say("$P -c 'import sys; print(len(sys.stdin.readline()))' &")
    until(lambda: "Stopped" in terminal.ask("jobs")[0])
    terminal.say("fg")
    terminal.until("import sys")
    os.write(terminal.number, b"abc\n")
    terminal.until("4\n")


def jobs(place):
    return [line.split(" ", 3) for line in place.ask("jobs").splitlines() if line]


def test_the_service_knows_its_jobs(place):
    job = subprocess.Popen([BIN / "pml", "-p", "test", "-c", "import time; print(1, flush=True); time.sleep(60)"], env=place.environment,
                           stdout=subprocess.PIPE, cwd=place.folder)
    assert job.stdout.readline() == b"1\n"
    until(lambda: any(line[0].startswith(f"{job.pid}-") and line[1] == "running" for line in jobs(place)))
    name = jobs(place)[0][0]
    assert place.ask(f"kill {name} SIGTERM") == "done\n"
    assert job.wait(DEADLINE) == -signal.SIGTERM
    job.stdout.close()
    until(lambda: not jobs(place))


def test_no_more_jobs_than_may_run(own):
    own.begin()
    own.profile.write_text(own.profile.read_text().replace("workers", "max-jobs = 1\nworkers"))
    own.stop()
    own.start()
    until(own.marker.exists)
    job = subprocess.Popen([BIN / "pml", "-p", "test", "-c", "print(1, flush=True); input()"], env=own.environment, stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, cwd=own.folder)
    assert job.stdout.readline() == b"1\n"
    second = subprocess.Popen([BIN / "pml", "-p", "test", "-c", "pass"], env={**own.environment, "PML_TRACE": "1"}, stderr=subprocess.PIPE)
    assert b"by a worker: as many jobs run as may" in second.stderr.readline() + second.stderr.readline()
    job.communicate(b"\n", DEADLINE)
    second.communicate(timeout=DEADLINE)
    assert (job.returncode, second.returncode) == (0, 0)


def test_it_outlives_the_service(own):
    own.begin()
    job = subprocess.Popen([BIN / "pml", "-p", "test", "-c", "print(1, flush=True); input(); raise SystemExit(4)"], env=own.environment,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=own.folder)
    assert job.stdout.readline() == b"1\n"
    own.stop()
    assert not own.marker.exists()
    job.communicate(b"\n", DEADLINE)
    assert job.returncode == 4


def test_workers_serve_unless_asked_otherwise(own):
    own.declare().start()
    assert not own.marker.exists()
    assert "image" not in own.run("-c", "", fallback=True, environment={"PML_TRACE": "1"}).stderr


@pytest.mark.parametrize("more", ['[preload]\nafter-fork = ["json"]', '[python]\npath = ["/nowhere"]', '[job]\ncgroup = "scope"'])
def test_what_cannot_be_imaged_is_served_by_workers(own, more):
    own.profile.write_text(f'{more}\n[pool]\nlaunch = "in-place"\nworkers = 2\nspare = 1\n[learn]\nprograms = "none"\n')
    own.start()
    done = own.run("-c", "print(1)", environment={"PML_TRACE": "1"})
    assert (done.returncode, done.stdout) == (0, "1\n") and "image" not in done.stderr and not own.marker.exists()


def test_programs_that_run_ahead_come_first_where_it_is_automatic(own):
    own.begin(f'[program.tool]\nscript = "{own.tool}"\n', launch="auto")
    assert own.way("-c", "") == "in place"
    assert own.way(own.tool).startswith("by a worker: the program runs ahead")
    own.check()


def test_detached_jobs_have_workers(place):
    assert "image" not in place.run("--detach", "-c", "", fallback=True, environment={"PML_TRACE": "1"}).stderr


def test_many_launches(place):
    command = [BIN / "pml", "-p", "test", "-c", "import json, random; raise SystemExit(3)"]
    for _ in range(50):
        running = [subprocess.Popen(command, env=place.environment, cwd=place.folder) for _ in range(8)]
        assert [job.wait(DEADLINE) for job in running] == [3] * 8
