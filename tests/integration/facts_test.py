"""Preloads that ask, when they are imported, for what is another thing in each process.

Each is a module of one pool. A job must find in it what an import of its own would have brought; where
the answer is the same one, it is the pool's. The programs under test are those of $PML_TEST_PREFIX,
/usr/local where that is not set; with the system's interpreter and those in $PML_TEST_OTHERS.
"""

import os
import re
import subprocess
import typing

import pytest

from failures_test import not_preloaded, profile
from failures_test import service as own_service  # noqa: F401
from test_standalone import PML, Service, until


class Case(typing.NamedTuple):
    text: str  # of the module, whose name in programs is m
    check: str  # an expression
    shell: str = ""  # before the program, in bash
    options: str = ""  # of the interpreter
    kept: bool = False  # whether it is the pool's all the same


CASES = {
    "pid": Case("import os; X = os.getpid()", "m.X == os.getpid()"),
    "pid by name": Case("from os import getpid; X = getpid()", "(m.X == os.getpid(), m.getpid is os.getpid)"),
    "pid by a class": Case("import os\nclass C:\n    get = os.getpid\nX = C.get()", "(m.X == os.getpid(), m.C.get is os.getpid)"),
    "parent": Case("import os; X = os.getppid()", "m.X == os.getppid()"),
    "group": Case("import os; X = os.getpgrp()", "m.X == os.getpgrp()"),
    "chance": Case("import os; X = os.urandom(8)", "len(m.X)"),
    "numbers": Case("import random; X = random.random()", "type(m.X)"),
    "seeded": Case("import random; random.seed(3)", "random.random()"),
    "seeded by name": Case("from random import seed, randint; seed(3); X = randint(1, 1000)", "(m.X, random.random())"),
    "seeded for a while": Case("import random; s = random.getstate(); random.seed(3); X = random.random(); random.setstate(s)", "m.X"),
    "own generator": Case("import random; X = random.Random(3)", "m.X.random()", kept=True),
    "own generator that was used": Case("import random; X = random.Random(3); Y = X.random()", "(m.X.random(), m.Y)", kept=True),
    "lent generator": Case("import random; X = random.Random(3)", "m.X.random()"),
    "own generator that others use": Case("import lent_generator_1 as o; Y = o.X.random()", "(m.o.X.random(), m.Y)"),
    "own generator of chance": Case("import random; X = random.Random()", "type(m.X.random())", kept=True),
    "own generator of chance that was used": Case("import random; X = random.Random().random()", "type(m.X)"),
    "chance by a name": Case("import uuid; X = uuid.uuid4()", "len(m.X.hex)"),
    "temporary file": Case("import tempfile; tempfile.TemporaryFile().close()", "0", kept=True),
    "numpy": Case("import numpy.random", "type(numpy.random.random()).__name__ if 'numpy' in sys.modules else 0", kept=True),
    "numpy seeded": Case("import numpy.random; numpy.random.seed(3)", "m.numpy.random.random()"),
    "numpy used": Case("import numpy.random; X = numpy.random.random()", "type(m.X).__name__"),
    "folder": Case("import os; X = os.getcwd()", "m.X == os.getcwd()", "mkdir -p other; cd other;"),
    "same folder": Case("import os; X = os.getcwd()", "m.X == os.getcwd()"),
    "relative path": Case("import os; X = os.path.abspath('y')", "m.X", "mkdir -p other; cd other;"),
    "path": Case("import pathlib; X = pathlib.Path.cwd()", "m.X", "mkdir -p other; cd other;"),
    "file that is there": Case("import os; X = os.path.exists('setting')", "m.X", "mkdir -p two; touch two/setting; cd two;"),
    "file that is not there": Case("import os; X = os.path.exists('setting')", "m.X", "mkdir -p other; cd other;", kept=True),
    "file that is read": Case("try: X = open('setting').read()\nexcept OSError: X = 0", "m.X", "mkdir -p two; echo 1 > two/setting; cd two;"),
    "file at a full path": Case("import os; X = os.path.exists('/setting')", "m.X", "mkdir -p other; cd other;", kept=True),
    "file that is written": Case("with open('out', mode='w') as f: f.write('x')", "open('out').read()", "rm -f out;"),
    "file that is written, by number": Case("import os; os.close(os.open('out', os.O_CREAT | os.O_WRONLY))", "os.path.exists('out')", "rm -f out;"),
    "listing": Case("import os; X = os.listdir()", "m.X", "mkdir -p two; touch two/setting; cd two;"),
    "arguments": Case("import sys; X = sys.argv[0]; L = sys.argv", "(m.X, m.L is sys.argv)"),
    "arguments by name": Case("from sys import argv", "(m.argv, m.argv is sys.argv)"),
    "default argument": Case("import sys\ndef f(out=sys.stdout): print('text', file=out)", "(print(1), m.f(), print(2))", kept=True),
    "default argument, unbuffered": Case("import sys\ndef f(out=sys.stdout): print('text', file=out)", "(print(1), m.f(), print(2))", "export PYTHONUNBUFFERED=1;", kept=True),
    "standard streams": Case("import sys; X = sys.stdin, sys.stdout, sys.stderr", "[a is b for a, b in zip(m.X, (sys.stdin, sys.stdout, sys.stderr))]", kept=True),
    "buffers": Case("import sys; X = sys.stdout.buffer", "(m.X is sys.stdout.buffer, m.X.write(b'x'), print(1))", kept=True),
    "buffers, unbuffered": Case("import sys; X = sys.stdout.buffer", "(m.X is sys.stdout.buffer, type(m.X), m.X.write(b'x'))", "export PYTHONUNBUFFERED=1;"),
    "files": Case("import sys; X = sys.stdout.buffer.raw", "(m.X is sys.stdout.buffer.raw, m.X.name)", kept=True),
    "closed stream": Case("import sys; X = sys.stdin", "m.X is sys.stdin", "exec <&-;"),
    "handler": Case("import logging; X = logging.StreamHandler()", "(m.X.stream is sys.stderr, m.X.emit(logging.makeLogRecord({'msg': 'x'})))", kept=True),
    "main thread": Case("import threading", "threading.main_thread()._stderr is sys.stderr", kept=True),
    "main thread, closed stream": Case("import threading", "threading.main_thread()._stderr is sys.stderr", "exec 2<&-;", kept=True),
    "wrapped stream": Case("import sys, io; sys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'latin-1', write_through=True)", "print('\\xe4')", kept=True),
    "terminal": Case("import sys; X = sys.stdout.isatty()", "m.X", "exec script -qec \"$0 $*\" /dev/null;"),
    "terminal by number": Case("import os; X = os.isatty(1)", "m.X", "exec script -qec \"$0 $*\" /dev/null;"),
    "no terminal": Case("import sys; X = sys.stdout.isatty()", "m.X", kept=True),
    "text at the import": Case("print('imported')", "0"),
    "text at the import, on the other": Case("import sys; sys.stderr.write('imported')", "0"),
    "text at the import, to the number": Case("import os; os.write(1, b'imported')", "0"),
    "encoding": Case("import sys; X = sys.stdout.encoding", "m.X", "export PYTHONIOENCODING=latin-1;"),
    "same encoding": Case("import sys; X = sys.stdout.encoding", "m.X", kept=True),
    "other encoding by the import": Case("import sys; sys.stdout.reconfigure(encoding='latin-1')", "sys.stdout.encoding"),
    "warning": Case("import warnings; warnings.warn('old', DeprecationWarning)", "0", options="-W error"),
    "warning that is ignored": Case("import warnings; warnings.warn('old', DeprecationWarning)", "0", kept=True),
    "warning that is shown": Case("import warnings; warnings.warn('odd')", "0"),
    "warning from C": Case("compile('0 is 0', 'x', 'exec')", "0", options="-W error"),
    "ignored warning from C": Case("class I(int): pass\nclass C:\n    def __int__(self): return I(1)\nint(C())", "0", options="-W error"),
    "filters": Case("import sys; X = list(sys.warnoptions)", "m.X", options="-W ignore"),
    "no filters": Case("import sys; X = list(sys.warnoptions)", "m.X", kept=True),
    "option": Case("import sys; X = dict(sys._xoptions)", "m.X", options="-X faulthandler"),
    "flag": Case("import sys; X = sys.flags.quiet", "m.X", options="-q"),
    "another flag": Case("import sys; X = sys.flags.optimize", "m.X", options="-q", kept=True),
    "bytecode": Case("import sys; X = sys.dont_write_bytecode", "m.X"),
    "same bytecode": Case("import sys; X = sys.dont_write_bytecode", "m.X", "unset PYTHONDONTWRITEBYTECODE;", kept=True),
    "after a wrapped stream": Case("import wrapped_stream_1, sys; X = sys.stdout", "m.X is sys.stdout", kept=True),
    "without a wrapped stream": Case("import sys; X = sys.stdout", "m.X is sys.stdout", kept=True),
    "umask": Case("import os; X = os.umask(0o22); os.umask(X)", "m.X", "umask 7;"),
    "same umask": Case("import os; X = os.umask(0o22); os.umask(X)", "m.X", kept=True),
    "processors": Case("import os; X = os.sched_getaffinity(0)", "m.X", "taskset -cp 0 $BASHPID > /dev/null;", kept=len(os.sched_getaffinity(0)) == 1),
    "signal": Case("import signal; X = signal.getsignal(signal.SIGHUP)", "m.X", "trap '' HUP;"),
    "same signal": Case("import signal; X = signal.getsignal(signal.SIGHUP)", "m.X", kept=True),
    "main": Case("import __main__", "m.__main__ is sys.modules['__main__']"),
    "name of main": Case("try: from __main__ import NAME\nexcept ImportError: NAME = 0", "m.NAME", kept=True),
    "asked later": Case("import os\ndef f(): return os.getpid()", "m.f() == os.getpid()", kept=True),
    "asked by who asks it": Case("import pid_1", "(m.pid_1.X == os.getpid())"),
    "asked by who does not": Case("import re", "0", kept=True),
    "local time": Case("import time; X = time.localtime()", "0"),
    "local time of a moment": Case("import time; X = time.localtime(0)", "m.X", kept=True),
    "local time of a moment elsewhere": Case("import time; X = time.localtime(0)", "m.X", "export TZ=Asia/Tokyo;"),
    "now in words": Case("import time; X = time.strftime('%Y')", "0"),
    "a moment in words": Case("import time; X = time.strftime('%Y', (2020, 1, 1, 0, 0, 0, 0, 1, 0))", "m.X", kept=True),
    "now by ctime": Case("import time; X = time.ctime()", "0"),
    "now by asctime": Case("import time; X = time.asctime()", "0"),
    "a clock by its number": Case("import time; X = time.clock_gettime(time.CLOCK_MONOTONIC)", "0"),
    "its own time": Case("import time; X = time.thread_time()", "0"),
    "its own time in nanoseconds": Case("import time; X = time.process_time_ns()", "0"),
    "times": Case("import os; X = os.times()", "0"),
    "usage": Case("import resource; X = resource.getrusage(resource.RUSAGE_SELF)", "0"),
    "load": Case("import os; X = os.getloadavg()", "0"),
    "day of a moment": Case("import datetime; X = datetime.datetime.fromtimestamp(0)", "m.X", kept=True),
    "day of a moment elsewhere": Case("import datetime; X = datetime.datetime.fromtimestamp(0)", "m.X", "export TZ=Asia/Tokyo;"),
    "date of a moment elsewhere": Case("import datetime; X = datetime.date.fromtimestamp(72000)", "m.X", "export TZ=Asia/Tokyo;"),
    "moment of a day elsewhere": Case("import datetime; X = datetime.datetime(2020, 1, 1).timestamp()", "m.X", "export TZ=Asia/Tokyo;"),
    "day in the zone elsewhere": Case("import datetime; X = datetime.datetime(2020, 1, 1).astimezone()", "m.X", "export TZ=Asia/Tokyo;"),
    "limit": Case("import resource; X = resource.getrlimit(resource.RLIMIT_CPU)", "m.X", kept=True),
    "other limit": Case("import resource; X = resource.getrlimit(resource.RLIMIT_NOFILE)", "m.X", "ulimit -n 300;"),
    "limit of a process": Case("import resource; X = resource.prlimit(0, resource.RLIMIT_NOFILE)", "m.X", "ulimit -n 300;"),
    "limit by sysconf": Case("import os; X = os.sysconf('SC_OPEN_MAX')", "m.X", "ulimit -n 300;"),
    "sysconf": Case("import os; X = os.sysconf('SC_PAGESIZE')", "m.X", kept=True),
    "priority": Case("import os; X = os.getpriority(os.PRIO_PROCESS, 0)", "m.X", "renice -n 1 $$ >/dev/null;"),
    "group by number": Case("import os; X = os.getpgid(0)", "m.X == os.getpgid(0)"),
    "locale": Case("import locale; X = locale.setlocale(locale.LC_CTYPE)", "m.X", "export LC_ALL=C;"),
    "locale of times": Case("import locale; X = locale.setlocale(locale.LC_TIME)", "m.X", kept=True),
    "standard output by number": Case("import os; X = os.fstat(1)", "m.X == os.fstat(1)"),
    "its words by path": Case("X = open('/proc/self/cmdline').read()", "m.X == open('/proc/self/cmdline').read()"),
    "its folder by path": Case("import os; X = os.readlink('/proc/self/cwd')", "m.X"),
    "its program by path": Case("import os; X = os.readlink('/proc/self/exe')", "m.X", kept=True),
}  # fmt: skip
NAMES = {name: re.sub(r"\W+", "_", name) + "_1" for name in CASES}


SYSTEM = "/usr/bin/python3"
# Those of the others have no numpy.
EVERYWHERE = [(python, name) for python in [SYSTEM, *os.environ.get("PML_TEST_OTHERS", "").split()]
              for name, case in CASES.items() if python == SYSTEM or "numpy" not in case.text]  # fmt: skip


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    """A function that gives the pool of an interpreter."""
    made = {}

    def pool(python):
        if python in made:
            return made[python]
        service = made[python] = Service(tmp_path_factory.mktemp("facts"))
        service.environment["PYTHONDONTWRITEBYTECODE"] = "1"
        library = service.folder / "lib"
        library.mkdir()
        names = [name for other, name in EVERYWHERE if other == python]
        for name in names:
            (library / f"{NAMES[name]}.py").write_text("import os\nBY = os.readlink('/proc/self')\n" + CASES[name].text)
        keys = ", ".join(f'"{NAMES[name]}"' for name in names)
        profile(service, "", timeout="20s", keys=f"modules = [{keys}]\n", path=library, interpreter=python)
        return service

    yield pool
    for service in made.values():
        service.end()


def run(service, case, command, code):
    line = f'set -e; {case.shell} exec "$0" "$@"'
    program = service.folder / "elsewhere" / "t.py"
    program.parent.mkdir(exist_ok=True)
    program.write_text(code)
    done = subprocess.run(["/bin/bash", "-c", line, *command, *case.options.split(), program, "word"], cwd=service.folder, stdin=subprocess.DEVNULL,
                          capture_output=True, env={**service.environment, "PYTHONPATH": ""}, timeout=30)  # fmt: skip
    return done.stdout, done.stderr, done.returncode


def shows_c_stack(python):
    """Where faulthandler shows it, pml's own frames would be seen: such a job is python3's."""
    done = subprocess.run([python, "-c", "import faulthandler; print(hasattr(faulthandler, 'dump_c_stack'))"], capture_output=True, text=True, timeout=30)
    return done.stdout == "True\n"


def warm(service):
    return [PML, "--no-fallback", "--socket", str(service.socket)]


@pytest.mark.parametrize("python, name", EVERYWHERE)
def test_a_job_finds_what_its_own_import_would_have_brought(pools, python, name):
    service = pools(python)
    assert not not_preloaded(service)
    case = CASES[name]
    code = f"import logging, os, random, sys, threading\nsys.path.append({str(service.folder / 'lib')!r})\nimport {NAMES[name]} as m\nprint({case.check})\n"
    cold, served = run(service, case, [python], code), run(service, case, warm(service), code)
    if "faulthandler" in case.options and shows_c_stack(python):
        assert served[2] == 69 and b"(faulthandler)" in served[1], served
        return
    assert served == cold
    kept = service.folder / "kept"
    kept.unlink(missing_ok=True)
    run(service, case, warm(service), f"import os, {NAMES[name]} as m\nprint(m.BY != str(os.getpid()), file=open({str(kept)!r}, 'w'))")
    assert (kept.read_text() if kept.exists() else "False\n") == f"{case.kept}\n"


@pytest.mark.parametrize("name", ["chance", "numbers", "own generator of chance", "chance by a name", "own generator of chance that was used", "numpy used"])
def test_each_job_has_its_own_chance(pools, name):
    service = pools(SYSTEM)
    code = f"import {NAMES[name]} as m; print(m.X.random() if hasattr(m.X, 'random') else m.X)"
    assert len({run(service, CASES[name], warm(service), code)[0] for _ in range(3)}) == 3


def test_what_another_asks_does_not_matter(pools):
    service = pools(SYSTEM)
    code = f"import os, {NAMES['asked later']} as m; print(m.BY != str(os.getpid()))"
    assert run(service, CASES["folder"], warm(service), code)[0] == b"True\n"


@pytest.mark.parametrize("there", [True, False])
def test_a_new_pool_is_made_when_a_file_changes_that_a_preload_has_read(own_service, there):
    setting = own_service.folder / "setting"
    if there:
        setting.write_text("1")
        os.utime(setting, (1_600_000_000, 1_600_000_000))
    profile(own_service, f"import os, pathlib\nBY = os.readlink('/proc/self')\ntry: X = pathlib.Path({str(setting)!r}).read_text()\nexcept OSError: X = 0\n", timeout="20s")
    program = own_service.folder / "elsewhere" / "t.py"
    program.parent.mkdir()
    program.write_text("import os, culprit; print(culprit.X, culprit.BY != str(os.getpid()))")
    assert own_service.run(program).stdout == ("1 True\n" if there else "0 True\n")
    setting.write_text("2")
    until(lambda: own_service.run(program).stdout == "2 True\n")


def test_a_file_that_a_preload_writes_makes_no_new_pool(own_service):
    written = own_service.folder / "written"
    profile(own_service, f"try: open({str(written)!r}).read()\nexcept OSError: pass\nopen({str(written)!r}, 'w').write('x')", timeout="20s")
    program = own_service.folder / "elsewhere" / "t.py"
    program.parent.mkdir()
    program.write_text("import culprit")
    generation = own_service.status()["generation"]
    for _ in range(3):
        assert own_service.run(program).returncode == 0
    assert own_service.status()["generation"] == generation
    assert "a file that it writes" in own_service.status()["not-shared"]


def test_nothing_of_a_module_that_is_not_shared_is_left_in_others(own_service):
    library = own_service.folder / "lib"
    library.mkdir()
    (library / "registry.py").write_text("names = []\ndef add(name):\n    if name in names: raise ValueError('twice: ' + name)\n    names.append(name)\n")
    (library / "asks.py").write_text("import os, registry; registry.add('asks'); X = os.getpid()")
    (library / "needs.py").write_text("import asks, registry; registry.add('needs')")
    profile(own_service, "", timeout="20s", keys='modules = ["needs", "json"]\nwarmup = ["needs:x", "json:dumps"]\n', path=library)
    case = Case("", "")
    code = f"import sys\nsys.path.append({str(library)!r})\n"
    for program in ("import needs, registry; print(registry.names)", "import registry; print(registry.names)", "import json; print(sorted(sys.modules))"):
        assert run(own_service, case, warm(own_service), code + program) == run(own_service, case, [SYSTEM], code + program)
    status = own_service.status()
    assert status["not-shared"] == "asks it uses os.getpid when it is imported" and status["preload"].startswith("json ")
    (library / "asks.py").write_text("import registry; registry.add('asks'); X = 1")
    until(lambda: "not-shared" not in own_service.status() and own_service.status()["state"] == "warm")


def test_a_name_that_main_has_is_found(pools):
    service = pools(SYSTEM)
    code = f"NAME = 7\nimport sys\nsys.path.append({str(service.folder / 'lib')!r})\nimport {NAMES['name of main']} as m\nprint(m.NAME)\n"
    case = CASES["name of main"]
    assert run(service, case, warm(service), code) == run(service, case, [SYSTEM], code) == (b"7\n", b"", 0)


def test_a_preload_in_the_folder_of_the_pool_is_the_pools(own_service):
    """Which the rehearsal of a worker takes for the program's own folder."""
    profile(own_service, "import os\nBY = os.readlink('/proc/self')\n", timeout="20s")
    program = own_service.folder / "elsewhere" / "t.py"
    program.parent.mkdir()
    program.write_text("import os, culprit; print(culprit.BY != str(os.getpid()))")
    assert {own_service.run(program).stdout for _ in range(12)} == {"True\n"}


def test_what_is_not_shared_is_not_proposed(own_service):
    """Each job imports it by itself, as it does what the pool could import for all."""
    profile(own_service, "import os; ME = os.getpid()\n", timeout="20s", keys='modules = ["culprit"]\n[watch]\nimports = true\n')
    assert "culprit" in own_service.status()["not-shared"]
    assert own_service.run("-c", "import culprit, colorsys, os; print(culprit.ME == os.getpid())").stdout == "True\n"
    until(lambda: "colorsys" in own_service.ask("imports"))
    assert "culprit" not in own_service.ask("imports")


@pytest.mark.skipif(subprocess.run([SYSTEM, "-c", "import isort.settings"], capture_output=True).returncode != 0, reason="isort is not installed")
def test_what_is_renewed_fails_where_its_import_would(own_service):
    profile(own_service, "", timeout="20s", keys='modules = ["isort.settings"]\n')
    case = Case("", "", "mkdir gone; cd gone; rmdir ../gone;")
    for code in ("import isort.settings", "print(1)"):
        assert run(own_service, case, warm(own_service), code) == run(own_service, case, [SYSTEM], code)
    here = Case("", "", "mkdir -p here; cd here;")
    code = "import isort.settings as s; print(s.DEFAULT_CONFIG.directory, s.DEFAULT_CONFIG.src_paths)"
    assert run(own_service, here, warm(own_service), code) == run(own_service, here, [SYSTEM], code)
