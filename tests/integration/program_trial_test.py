"""Programs whose compiled code nobody hears: tried once under observation, and then run ahead as far as that allows.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import contextlib
import os
import signal
import subprocess
import time

import pytest

from programs_test import BIN, Service, until

PYTHON = "/usr/bin/python3"
EXTENSION = """
#define _GNU_SOURCE
#include <Python.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
static long long number;
static void *sleeper(void *none) { for (;;) sleep(1000); }
static PyObject *value(PyObject *self, PyObject *none) { return PyLong_FromLongLong(number); }
static PyObject *make(PyObject *self, PyObject *path) { return PyLong_FromLong(mkdir(PyUnicode_AsUTF8(path), 0700)); }
static PyObject *later(PyObject *self, PyObject *none) { pthread_t thread; char text[4096]; int f; (void)thread; (void)text; (void)f; LATER; return PyLong_FromLongLong(number); }
static PyMethodDef methods[] = {{"later", later, METH_NOARGS, 0}, {"value", value, METH_NOARGS, 0}, {"make", make, METH_O, 0}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "asks", 0, -1, methods};
PyMODINIT_FUNC PyInit_asks(void) { pthread_t thread; char text[4096]; int f; (void)thread; (void)text; (void)f; (void)sleeper; ASK; return PyModule_Create(&definition); }
"""
# What it asks when it is imported, and what the program then stops before.
ASKS = {
    "nothing": ('number = 7; if (getenv("NEVER")) write(1, text, 1)', "sys.argv"),
    "variable": ('const char *t = getenv("MY_LEVEL"); number = t ? atoi(t) : -1', "sys.argv"),
    "random": ("if (getrandom(&number, 4, 0) < 0) abort()", "sys.argv"),
    "device": ('f = open("/dev/urandom", O_RDONLY); if (read(f, &number, 4) < 0) abort(); close(f)', "sys.argv"),
    "folder": ("number = getcwd(text, sizeof text) ? text[strlen(text) - 1] : 0", "sys.argv"),
    "file": ('f = open("FOLDER/data", O_RDONLY); number = f < 0 ? -1 : read(f, text, sizeof text); close(f)', "sys.argv"),
    "missing": ('number = access("FOLDER/nothing", F_OK)', "sys.argv"),
    "processors": ("cpu_set_t set; sched_getaffinity(0, sizeof set, &set); number = CPU_COUNT(&set)", "sys.argv"),
    "thread": ("number = pthread_create(&thread, 0, sleeper, 0)", "sys.argv"),
    "pid": ("number = getpid()", "sys.argv"),
    "write": ('f = open("FOLDER/left", O_WRONLY | O_CREAT, 0600); close(f)', "import asks"),
    "makes": ('mkdir("FOLDER/left", 0700)', "import asks"),
    "says": ('number = write(1, "said\\\\n", 5)', "import asks"),
    "terminal": ("number = isatty(0)", "import asks"),
    "sets": ('setenv("MY_OWN", "1", 1)', "import asks"),
    "parent": ("number = getppid() > 0", "import asks"),
    # What no trial sees: the answer lies in memory.
    "words": ("wchar_t **words; Py_GetArgcArgv(&f, &words); number = f", "runs compiled code"),
    "list": ('number = PyList_Size(PySys_GetObject("argv"))', "runs compiled code"),
    "environment": ('for (char **one = environ; *one; ++one) if (!strncmp(*one, "MY_LEVEL=", 9)) number = atoi(*one + 9)', "runs compiled code"),
    "process": ("if ((f = fork()) == 0) _exit(0)", "import asks"),
}
PROGRAM = """
import os, sys
sys.path.insert(0, FOLDER)
import asks
if sys.argv[1:]:
    value = asks.value()
    if sys.argv[1] == "pid":
        value = value == os.getpid()
    print(value, os.popen("echo $MY_OWN").read(), sys.argv)
"""


@pytest.fixture
def service(tmp_path):
    if subprocess.run([BIN.parent / "libexec/pml/pml-trial", "--check"]).returncode:
        pytest.skip("no process can be observed here")
    made = Service(tmp_path)
    (tmp_path / "data").write_text("content")
    yield made
    made.close()


def build(folder, ask, later=""):
    source = folder / "asks.c"
    source.write_text(EXTENSION.replace("ASK", ask.replace("FOLDER", str(folder))).replace("LATER", later.replace("FOLDER", str(folder))))
    include, suffix = subprocess.run([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('include'), sysconfig.get_config_var('EXT_SUFFIX'))"],
                                     check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-pthread", "-I", include, "-o", folder / ("asks" + suffix), source], check=True)


def serve(service, ask):
    build(service.folder, ask)
    service.tool.write_text(PROGRAM.replace("FOLDER", repr(str(service.folder))))
    service.declare_tool().start()


def ahead(service):
    """Waits until it has run ahead as far as it will."""
    service.ask("ahead tool")
    return until(lambda: (program := service.program())["state"] in ("ready", "given-up") and program)


@pytest.mark.parametrize("name", ASKS)
def test_what_compiled_code_asks_is_the_callers(service, name):
    ask, stop = ASKS[name]
    serve(service, ask)
    service.run(service.tool)
    program = ahead(service)
    assert program.get("stops-before", program.get("reason", "")).startswith(stop), program
    assert not (service.folder / "left").exists() or name in ("write", "makes")
    left = service.folder / "left"
    for environment in ({}, {"MY_LEVEL": "3"}):
        for _ in range(2):
            if left.exists():
                left.rmdir() if left.is_dir() else left.unlink()
            ahead(service)
            assert not left.exists()
            warm = service.run(service.tool, name, environment=environment)
            cold = service.cold(service.tool, name, environment=environment)
            if name in ("random", "device"):
                assert warm.stdout != cold.stdout and warm.returncode == cold.returncode == 0
            else:
                assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)
    assert service.warm_launches() > 0


@pytest.mark.parametrize("name, use", {
    "Py_GetArgcArgv": "n, w = c_int(), POINTER(c_wchar_p)()\npythonapi.Py_GetArgcArgv(byref(n), byref(w))\nprint(w[:n.value])",
    "PySys_GetObject": "get = pythonapi.PySys_GetObject\nget.restype = py_object\nprint(len(get(b'argv')))",
    "environ": "all = POINTER(c_char_p).in_dll(CDLL(None), 'environ')\nprint(any(all[i].startswith(b'MY_LEVEL') for i in range(len(os.environ))))",
}.items(), ids=["words", "list", "environment"])  # fmt: skip
def test_what_memory_tells_by_ctypes_is_the_callers(service, name, use):
    service.tool.write_text(f"import os\nfrom ctypes import *\n{use}\n")
    service.declare_tool().start()
    service.run(service.tool)
    assert ahead(service)["stops-before"] == f"looks up C's {name}"
    for environment in ({}, {"MY_LEVEL": "3"}):
        warm, cold = (run(service.tool, "a", "b", environment=environment) for run in (service.run, service.cold))
        assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)
        ahead(service)
    assert service.warm_launches() > 0


# The same, past its arguments: in an import that comes there, or in a call of what was imported before.
PAST = """
import os, sys
sys.path.insert(0, FOLDER)
BEFORE
words = sys.argv[1:]
import argparse, decimal, email.message, json, unittest, xml.dom.minidom
PAST
if words == ["pid"]:
    value = value == os.getpid()
import cmd
print(value, os.popen("echo $MY_OWN").read(), words, "asks" in sys.modules)
"""
CLOCK = "struct timespec t; clock_gettime(CLOCK_REALTIME, &t); number = t.tv_sec * 1000000000LL + t.tv_nsec"
RUNS_FURTHER = ("nothing", "variable", "random", "device", "folder", "file", "missing", "processors", "pid")


@pytest.mark.parametrize("place", ["import", "call"])
@pytest.mark.parametrize("name", [*ASKS, "clock"])
def test_what_compiled_code_asks_past_the_arguments_is_the_callers(service, name, place):
    ask = ASKS.get(name, (CLOCK,))[0]
    build(service.folder, *([ask] if place == "import" else ["number = 0", ask]))
    text = PAST.replace("FOLDER", repr(str(service.folder)))
    if place == "import":
        text = text.replace("BEFORE", "").replace("PAST", "import asks\nvalue = asks.value()")
    else:
        text = text.replace("BEFORE", "import asks").replace("PAST", "value = asks.later()")
    service.tool.write_text(text)
    service.declare_tool().start()
    left = service.folder / "left"

    def remove():
        if left.exists():
            left.rmdir() if left.is_dir() else left.unlink()

    def launch(run, **options):
        remove()
        return run(service.tool, name, **options)

    def further():
        """Where the worker stops that has gone on; it is made, and tried, behind its launches."""
        ahead(service)
        with contextlib.suppress(AssertionError):
            until(lambda: service.program().get("repeated-stops"), 1)
        ahead(service)
        return service.program().get("repeated-stops", "")

    for _ in range(3):
        launch(service.run)
        further()
    remove()
    if name in RUNS_FURTHER:
        until(lambda: further().startswith(("os.popen", "standard output", "subprocess.Popen", "import subprocess", "_posixsubprocess")))
    assert not left.exists()
    for environment in ({}, {"MY_LEVEL": "3"}, {}):
        began = time.time_ns()
        warm = launch(service.run, environment=environment)
        cold = launch(service.cold, environment=environment)
        if name == "clock":
            assert began < int(warm.stdout.split()[0]) < int(cold.stdout.split()[0])
        elif name in ("random", "device"):
            assert warm.stdout != cold.stdout and warm.returncode == cold.returncode == 0
        else:
            assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)
        remove()
        further()
        assert not left.exists()
    assert service.warm_launches() > 0
    warm, cold = (run(service.tool, "other", "words") for run in (service.run, service.cold))
    assert name in ("random", "device", "clock", "pid", "parent") or (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_a_file_that_compiled_code_reads_has_changed(service):
    serve(service, ASKS["file"][0])
    service.run(service.tool)
    ahead(service)
    (service.folder / "data").write_text("other, longer content")
    service.check("file")
    until(lambda: service.program().get("missed", "").endswith("data has changed"))
    ahead(service)
    before = service.warm_launches()
    until(lambda: (service.check("file"), ahead(service), service.warm_launches() > before)[2])


def test_a_folder_that_compiled_code_asks_for_is_another(service):
    (service.folder / "elsewhere").mkdir()
    serve(service, ASKS["folder"][0])
    service.run(service.tool)
    ahead(service)
    service.check("folder", cwd=service.folder / "elsewhere")
    assert service.program()["missed"].endswith("folder")


def test_each_draws_numbers_of_its_own(service):
    serve(service, ASKS["random"][0])
    service.run(service.tool)
    told = set()
    for _ in range(4):
        ahead(service)
        told.add(service.run(service.tool, "random").stdout)
    assert len(told) == 4 and service.warm_launches() > 0


def test_processors_are_the_callers(service):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor")
    serve(service, ASKS["processors"][0])
    service.environment["MY_LEVEL"] = "1"
    one = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    cold = subprocess.run([*one, PYTHON, service.tool, "processors"], env=service.environment, cwd=service.folder, capture_output=True, text=True)
    for _ in range(4):
        warm = subprocess.run([*one, BIN / "pml", "-p", "test", service.tool, "processors"], env=service.environment, cwd=service.folder,
                              capture_output=True, text=True)
        assert (warm.stdout, warm.stderr) == (cold.stdout, cold.stderr)
        ahead(service)
    assert service.warm_launches() > 0


def test_a_library_that_ctypes_loads(service):
    service.tool.write_text("import ctypes, sys\nm = ctypes.CDLL('libm.so.6')\nm.floor.restype = ctypes.c_double\nx = m.floor(ctypes.c_double(2.5))\n"
                            "t = ctypes.CDLL(None).strlen(b'four')\nif sys.argv[1:]: print(x, t, sys.argv)\n")
    service.declare_tool().start()
    service.check("a")
    assert ahead(service)["stops-before"] == "sys.argv"
    service.check("a")
    assert service.warm_launches() == 1


def test_what_must_not_be_done_is_not_done_after_a_reload(service):
    left = service.folder / "aside/left"  # not beside the modules: that would be a change
    left.parent.mkdir()
    (service.folder / "deed.py").write_text(f"import asks\nasks.make({str(left)!r})\n")
    build(service.folder, ASKS["variable"][0])
    service.tool.write_text(PROGRAM.replace("FOLDER", repr(str(service.folder))).replace("import asks", "import asks\nimport deed"))
    service.declare_tool().start()
    service.run(service.tool)
    before = ahead(service)
    assert before["stops-before"].startswith("import deed"), before
    left.rmdir()
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.program().get("pid", before["pid"]) != before["pid"])
    assert ahead(service)["stops-before"].startswith("import deed") and not left.exists()


def test_a_trial_leaves_no_process(service):
    serve(service, ASKS["thread"][0])
    service.run(service.tool)
    ahead(service)
    children = subprocess.run(["ps", "-o", "comm=", "--ppid", str(service.process.pid)], capture_output=True, text=True).stdout.split()
    assert "pml-trial" not in children
