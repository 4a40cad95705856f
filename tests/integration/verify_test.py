"""Verification: what jobs share is compared, module by module, with what python3 imports.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import json
import os
import pathlib
import subprocess

import pytest

from test_standalone import BIN, until
from trial_test import not_shared, serve, service, status  # noqa: F401: a fixture

PMLCTL = str(BIN / "pmlctl")

# What a module can leave behind. Whether pml takes it back or not: verification looks there.
TRACES = {
    "names": "value = 1",
    "modules": "import sys; sys.modules['alias_of_trace'] = sys.modules['json']",
    "path": "import sys; sys.path.append('/nowhere')",
    "meta_path": "import sys\nclass Finder:\n    @staticmethod\n    def find_spec(*words): return None\nsys.meta_path.append(Finder)",
    "path_hooks": "import sys\ndef hook(path): raise ImportError\nsys.path_hooks.append(hook)",
    "atexit": "import atexit; atexit.register(print, end='')",
    "warnings": "import warnings; warnings.filterwarnings('ignore', message='of a trace')",
    "logging": "import logging; logging.getLogger('trace').addHandler(logging.NullHandler())",
    "copyreg": "import copyreg\nclass Thing: pass\ncopyreg.pickle(Thing, lambda thing: (Thing, ()))",
    "abc": "import collections.abc\nclass Thing: pass\ncollections.abc.Sized.register(Thing)",
    "codecs": "import codecs; codecs.register_error('trace', lambda error: ('', error.end))",
    "singledispatch": "import functools\nimport pprint\nimport reprlib",
    "signal": "import signal; signal.signal(signal.SIGUSR1, lambda *words: None)",
    "environment": "import os; os.environ['LEFT_BY_TRACE'] = '1'",
    "patch": "import json; json.dumps_of_trace = len",
    "module_kept_by_another": "import json; json.kept_by_trace = json.decoder",
    "collector": "import gc; gc.set_debug(gc.DEBUG_SAVEALL); gc.callbacks.append(lambda *words: None)",
    "linking": "import sys; sys.setdlopenflags(sys.getdlopenflags() | 256)",
    "origins": "import sys; sys.set_coroutine_origin_tracking_depth(2)",
    "limit": "import sys; sys.setrecursionlimit(sys.getrecursionlimit() + 1)",
    "digits": "import sys; sys.set_int_max_str_digits(5000)",
    "generators": "import sys; sys.set_asyncgen_hooks(print)",
    "timeout": "import socket; socket.setdefaulttimeout(7)",
    "stack": "import _thread; _thread.stack_size(1048576)",
    "fields": "import csv; csv.field_size_limit(10**9)",
}


def look(module, folder, code=None):
    """The rows of a cold interpreter after the import."""
    source = subprocess.run(["sed", "-n", '/R"python(/,/^)python/p', pathlib.Path(__file__).parents[2] / "src/trial/snapshot_code.hpp"],
                            check=True, capture_output=True, text=True).stdout.split("\n", 1)[1].rsplit("\n)python", 1)[0]
    done = subprocess.run(["/usr/bin/python3", "-c", source, module], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})
    return dict(line.split("\t", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("trace", [name for name in TRACES if name not in ("names", "singledispatch", "abc")])
def test_each_kind_of_trace_is_looked_at(tmp_path, trace):
    """A trace that a job lacked, or had too much, would be seen: the rows tell it from a module without one. (A class that is registered goes with
    the function that made it, so the registration is no trace here.)"""
    imports = "import abc, atexit, codecs, collections.abc, copyreg, csv, functools, json, logging, os, signal, socket, sys, warnings\n"
    (tmp_path / "trace.py").write_text(imports)
    without, again = look("trace", tmp_path), look("trace", tmp_path)
    steady = {key for key in without if without[key] == again.get(key)}  # the clock and chance are no trace
    (tmp_path / "trace.py").write_text(imports + "def leave():\n" + "".join(f"    {line}\n" for line in TRACES[trace].splitlines()) + "leave()\ndel leave\n")
    traced = look("trace", tmp_path)
    assert traced.keys() - again.keys() or {key for key in steady if traced.get(key) != without[key]}


def hurry():
    """A verification runs at idle priority: on a busy machine that is never."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.sched_getscheduler(int(entry.name)) == os.SCHED_IDLE and b"verify" in (entry / "cmdline").read_bytes():
                os.sched_setscheduler(int(entry.name), os.SCHED_OTHER, os.sched_param(0))
        except OSError:
            pass


def until_verified(service, seconds=240):  # noqa: F811
    def done():
        hurry()
        return status(service).get("unverified") == "0"
    until(done, seconds)


def verify(service, *words):  # noqa: F811
    return subprocess.run([PMLCTL, "--json", "verify", "drawn", *words], env=service.environment, capture_output=True, text=True, timeout=300)


def test_modules_with_every_kind_of_trace_are_found_or_are_alike(service):  # noqa: F811
    for name, code in TRACES.items():
        (service.modules / f"trace_{name}.py").write_text(code + "\n")
    serve(service, "json", *(f"trace_{name}" for name in TRACES))
    done = verify(service)
    assert done.returncode in (0, 1), done.stderr
    rows = json.loads(done.stdout)
    differing = {row["module"] for row in rows if row["differences"]}
    assert done.returncode == (1 if differing else 0)
    # Whatever differs is named, and is not shared any more.
    until_verified(service)
    left = {line.split(" ", 1)[0] for line in not_shared(service)}
    assert differing <= left
    again = json.loads(verify(service).stdout)
    assert [row for row in again if row["differences"]] == []


def test_a_module_that_differs_is_named_and_not_shared_any_more(service):  # noqa: F811
    """It looks for a file by its whole path, which pml takes no note of."""
    (service.modules / "counter.py").write_text(
        "import os\nif not os.path.exists('%s'):\n    hot = 1\n" % (service.folder / "cold"))
    serve(service, "json", "counter")
    (service.folder / "cold").touch()
    done = verify(service, "counter")
    assert done.returncode == 1
    assert json.loads(done.stdout) == [{"module": "counter", "differences": ["name counter.hot is there under pml only"]}]
    until(lambda: any(line.startswith("counter ") for line in not_shared(service)), 120)
    assert "counter.hot" in "".join(not_shared(service))
    until(lambda: service.run("-c", "import counter; print(hasattr(counter, 'hot'))").stdout == "False\n")
    assert verify(service, "counter").returncode == 0


def test_the_table_names_the_counts(service):  # noqa: F811
    serve(service, "json")
    done = subprocess.run([PMLCTL, "verify", "drawn"], env=service.environment, capture_output=True, text=True, timeout=120)
    count = len([line for line in ask(service, "modules") if line])
    assert (done.stdout, done.stderr, done.returncode) == (f"{count} of {count} modules are as under python3.\n", "", 0)


def ask(service, question):  # noqa: F811
    import socket
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(service.socket))
        peer.sendall(f"{question}\n".encode())
        text = b""
        while data := peer.recv(65536):
            text += data
    return text.decode().splitlines()


def test_the_modules_of_no_service(service):  # noqa: F811
    service.environment["XDG_CONFIG_HOME"] = str(service.folder / "config")
    assert subprocess.run([PMLCTL, "verify", "nope"], env=service.environment, capture_output=True).returncode in (3, 4)
