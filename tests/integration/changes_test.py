"""Preloads that change, when they are imported, the interpreter or other modules.

Each is a module of one pool. A job that imports it must find the change, one that does not must not.
The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import os
import re
import subprocess
import sys

import pytest

from failures_test import not_preloaded, profile
from failures_test import service as own_service  # noqa: F401
from test_standalone import PML, Service, until

SYSTEM = "/usr/bin/python3"
INTERPRETERS = [SYSTEM, *os.environ.get("PML_TEST_OTHERS", "").split()]

# The module, and what a program is to look at. A module finds the functions that one before it has
# replaced, so those come last.
CASES = {
    "numpy": ("import numpy; numpy.set_printoptions(precision=2)", "module('numpy').get_printoptions()['precision']"),
    "variable": ("import os; os.environ['ADDED'] = 'x'", "os.environ.get('ADDED'), os.popen('echo $ADDED').read()"),
    "variable_unless_there": ("import os; os.environ.setdefault('ADDED_TOO', 'x')", "os.environ.get('ADDED_TOO')"),
    "variable_removed": ("import os; os.environ.pop('TO_REMOVE', None)", "os.environ.get('TO_REMOVE')"),
    "folder": ("import os; os.chdir('/')", "os.getcwd()"),
    "umask": ("import os; os.umask(0o77)", "oct(os.umask(0o77))"),
    "nice": ("import os; os.nice(3)", "os.nice(0)"),
    "limit": ("import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", "module('resource').getrlimit(4)"),
    "locale": ("import locale; locale.setlocale(locale.LC_NUMERIC, '')", "module('locale').setlocale(1)"),
    "timer": ("import signal; signal.setitimer(signal.ITIMER_REAL, 1000)", "module('signal').getitimer(0)[0] > 0"),
    "blocked_signal": ("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])", "module('signal').pthread_sigmask(0, [])"),
    "recursion": ("import sys; sys.setrecursionlimit(5000)", "sys.getrecursionlimit()"),
    "switches": ("import sys; sys.setswitchinterval(0.5)", "sys.getswitchinterval()"),
    "profile": ("import sys\ndef f(*a): pass\nsys.setprofile(f)", "sys.getprofile() is not None"),
    "trace": ("import sys\ndef f(*a): pass\nsys.settrace(f)", "sys.gettrace() is not None"),
    "digits": ("import sys; sys.set_int_max_str_digits(0)", "sys.get_int_max_str_digits()"),
    "origins": ("import sys; sys.set_coroutine_origin_tracking_depth(3)", "sys.get_coroutine_origin_tracking_depth()"),
    "linking": ("import os, sys; sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL)", "sys.getdlopenflags()"),
    "monitoring": ("import sys\nif sys.version_info >= (3, 12): sys.monitoring.use_tool_id(3, 'mine')", "sys.version_info >= (3, 12) and [sys.monitoring.get_tool(i) for i in range(6)]"),
    "generators": ("import sys; sys.set_asyncgen_hooks(print)", "sys.get_asyncgen_hooks().firstiter is print"),
    "collector": ("import gc; gc.disable()", "module('gc').isenabled()"),
    "thresholds": ("import gc; gc.set_threshold(9999)", "module('gc').get_threshold()"),
    "collector_tells": ("import gc; gc.set_debug(gc.DEBUG_STATS)", "module('gc').get_debug(), module('gc').set_debug(0)"),
    "collector_calls": ("import gc\ndef f(*a): pass\ngc.callbacks.append(f)", "len(module('gc').callbacks)"),
    "allocations": ("import tracemalloc; tracemalloc.start()", "module('tracemalloc').is_tracing()"),
    "timeout": ("import socket; socket.setdefaulttimeout(7)", "module('socket').getdefaulttimeout()"),
    "stack": ("import threading; threading.stack_size(1048576)", "module('threading').stack_size()"),
    "precision": ("import decimal; decimal.getcontext().prec = 50", "module('decimal').getcontext().prec"),
    "context": ("import contextvars; v = contextvars.ContextVar('mine'); v.set(3)", "[(v.name, x) for v, x in module('contextvars').copy_context().items()]"),
    "types": ("import mimetypes; mimetypes.add_type('x/y', '.xyz')", "module('mimetypes').guess_type('a.xyz')"),
    "dialect": ("import csv; csv.register_dialect('mine', delimiter=';')", "module('csv').list_dialects()"),
    "field_size": ("import csv; csv.field_size_limit(10**9)", "module('csv').field_size_limit()"),
    "namespace": ("import xml.etree.ElementTree as E; E.register_namespace('q', 'http://q')", "module('xml.etree.ElementTree')._namespace_map.get('http://q')"),
    "function_of_all": ("import os; os.getuid = lambda: 'patched'", "os.getuid()"),
    "builtin": ("import builtins; builtins.ADDED = 3", "'ADDED' in dir(module('builtins'))"),
    "name_in_main": ("import __main__; __main__.X = 3", "globals().get('X')"),
    "lazy_name": ("import platform; platform.uname()", "module('platform')._uname_cache is None"),
    "module_kept_by_another": ("import sys, decimal; decimal.kept_module = sys", "getattr(module('decimal'), 'kept_module', None)"),
    "own_module_kept_by_another": ("import sys, decimal; decimal.kept_by = sys.modules[__name__]", "hasattr(module('decimal'), 'kept_by')"),
    "hook": ("import sys; sys.displayhook = print", "sys.displayhook is print"),
    "hook_of_threads": ("import threading; threading.excepthook = print", "module('threading').excepthook is print"),
    "policy": ("import asyncio; asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())", "module('asyncio.events')._event_loop_policy is None"),
    "start_method": ("import multiprocessing as m; m.set_start_method('spawn')", "module('multiprocessing').get_start_method(allow_none=True)"),
    "log": ("import logging; logging.basicConfig(level=10)", "len(module('logging').root.handlers), module('logging').root.level"),
    "log_switched_off": ("import logging; logging.disable(50)", "module('logging').root.manager.disable"),
    "log_level": ("import logging; logging.getLogger('elsewhere').setLevel(50)", "module('logging').getLogger('elsewhere').level"),
    "log_level_name": ("import logging; logging.addLevelName(5, 'TRACE')", "module('logging').getLevelName(5)"),
    "opener": ("import urllib.request as u; u.install_opener(u.build_opener())", "module('urllib.request')._opener is None"),
    "temporary": ("import tempfile; tempfile.tempdir = '/var/tmp'", "module('tempfile').gettempdir()"),
    "function": ("import json; json.dumps = repr", "module('json').dumps('1')"),
    "method": ("import json.decoder; json.decoder.JSONDecoder.decode = repr", "str(module('json').JSONDecoder().decode('1'))[:9]"),
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    made = Service(tmp_path_factory.mktemp("changes"))
    made.environment.update(PYTHONDONTWRITEBYTECODE="1", TO_REMOVE="x")
    library = made.folder / "lib"
    library.mkdir()
    for name, (text, _) in CASES.items():
        (library / f"changes_{name}.py").write_text(text)
    names = ", ".join(f'"changes_{name}"' for name in CASES)
    profile(made, "", timeout="20s", keys=f"modules = [{names}]\n", path=library)
    yield made
    made.end()


@pytest.mark.parametrize("imports", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_who_imports_it_finds_the_change_and_others_do_not(service, name, imports):
    assert not not_preloaded(service)
    script = service.folder / "elsewhere" / "t.py"
    script.parent.mkdir(exist_ok=True)
    first = f"import changes_{name}" if imports else ""
    script.write_text(f"import importlib, os, sys\nsys.path.append({str(service.folder / 'lib')!r})\n{first}\nmodule = importlib.import_module\nprint({CASES[name][1]})\n")
    environment = {**service.environment, "PYTHONPATH": ""}
    cold, warm = (
        subprocess.run([*command, script], env=environment, cwd=service.folder, capture_output=True, text=True, timeout=30)
        for command in ([SYSTEM], [PML, "--no-fallback", "--socket", service.socket])
    )
    assert re.sub("0x[0-9a-f]+", "", warm.stdout + warm.stderr) == re.sub("0x[0-9a-f]+", "", cold.stdout + cold.stderr)
    assert warm.returncode == cold.returncode == 0


def same(service, script, interpreter=SYSTEM):
    """That the program says the same under both, and what."""
    cold, warm = (
        subprocess.run([*command, script], env=service.environment, cwd=service.folder, capture_output=True, text=True, timeout=30)
        for command in ([interpreter], [PML, "--no-fallback", "--socket", service.socket])
    )
    assert (warm.stdout, warm.stderr, warm.returncode) == (cold.stdout, cold.stderr, cold.returncode)
    return warm.stdout


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_what_a_replaced_function_held_ends_with_it(own_service, interpreter):
    library = own_service.folder / "lib"
    library.mkdir()
    (library / "holder.py").write_text(
        "class Held:\n def __del__(self): print('gone', type(hook).__name__)\n"
        "def make():\n held = Held()\n def hook(): return held\n return hook\n"
        "hook = make()\ndef other(held=Held()): pass\n"
    )
    (library / "replacer.py").write_text("import holder\nholder.hook = holder.other = print\n")
    profile(own_service, "", timeout="20s", keys='modules = ["holder", "replacer"]\n', path=library, interpreter=interpreter)
    script = own_service.folder / "t.py"
    script.write_text(f"import sys\nsys.path.append({str(library)!r})\nimport holder\nprint(1)\nimport replacer\nprint(2)\n")
    seen = "gone builtin_function_or_method\n"
    assert same(own_service, script, interpreter) == f"1\n{seen}{seen}2\n"


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_failed_end_of_threading_is_told_of_in_the_interpreters_words(own_service, interpreter):
    profile(own_service, "", timeout="20s", keys='modules = ["threading"]\n', interpreter=interpreter)
    script = own_service.folder / "t.py"
    script.write_text("import threading\ndef bad(): raise ValueError\nthreading._register_atexit(bad)\nprint(1)\n")
    assert same(own_service, script, interpreter) == "1\n"


# Of a .pth file: what is there at the interpreter's start is nobody's change.
ENDS_OF_THREADING = {
    "none": "def end(): pass",
    "its own, and more": "own = threading._shutdown\ndef end(): own(); print('ended', flush=True)",
    "one that fails": "def end(): raise ValueError",
}


@pytest.mark.parametrize("end", ENDS_OF_THREADING)
def test_a_replaced_end_of_threading_is_the_jobs(own_service, end):
    world = own_service.folder / "world"
    site = world / f"lib/python3.{sys.version_info.minor}/site-packages"
    site.mkdir(parents=True)
    (world / "bin").mkdir()
    (world / "bin/python").symlink_to(SYSTEM)
    (world / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (site / "ends.pth").write_text("import ends\n")
    (site / "ends.py").write_text(f"import threading\n{ENDS_OF_THREADING[end]}\nthreading._shutdown = end\n")
    profile(own_service, "", timeout="20s", keys='modules = ["logging"]\n', interpreter=world / "bin/python")
    script = own_service.folder / "t.py"
    script.write_text("import logging, threading\nmain = threading.main_thread()\nprint(main.is_alive(), threading._SHUTTING_DOWN, len(getattr(threading, '_shutdown_locks', '1')))\n")
    assert same(own_service, script, world / "bin/python").startswith("True False 1\n")


def test_who_waits_for_the_main_thread_waits_until_the_job_ends(own_service):
    (own_service.folder / "watch.py").write_text(
        "import threading\ndef watch():\n threading.main_thread().join()\n print('main ended', flush=True)\n"
        "thread = threading.Thread(target=watch)\nthread.start()\n"
    )
    profile(own_service, "", timeout="20s", keys='modules = ["threading"]\nafter-fork = ["watch"]\n')
    script = own_service.folder / "t.py"
    script.write_text("import watch, threading\nprint(threading.main_thread().is_alive(), threading._SHUTTING_DOWN, flush=True)\n")
    assert {same(own_service, script) for _ in range(6)} == {"True False\nmain ended\n"}


def test_what_a_module_draws_after_the_fork_no_other_job_draws(own_service):
    (own_service.folder / "drawn.py").write_text("import random\nvalue, normal = random.random(), random.gauss(0, 1)\n")
    profile(own_service, "", keys='modules = ["random"]\nafter-fork = ["drawn"]\n')
    text = "import drawn, random; print(drawn.value, drawn.normal, random.random(), random.gauss(0, 1))"
    draws = zip(*(own_service.run("-c", text).stdout.split() for _ in range(6)))
    assert [len(set(column)) for column in draws] == [6, 6, 6, 6]


def test_a_seed_given_after_the_fork_is_not_the_other_jobs(own_service):
    (own_service.folder / "seeds.py").write_text("import random\nrandom.seed(42)\nrandom.gauss(0, 1)\n")
    profile(own_service, "", keys='modules = ["random"]\nafter-fork = ["seeds"]\n')
    assert len({own_service.run("-c", "import random; print(random.random(), random.gauss(0, 1))").stdout for _ in range(6)}) == 6
    assert own_service.run("-c", "import random; print(random.getstate()[2])").stdout == "None\n"


def test_a_key_kept_after_the_fork_is_the_jobs(own_service):
    (own_service.folder / "key.py").write_text("import multiprocessing\nkey = bytes(multiprocessing.current_process().authkey)\n")
    profile(own_service, "", keys='modules = ["multiprocessing"]\nafter-fork = ["key"]\n')
    text = "import key, multiprocessing; print(key.key == multiprocessing.current_process().authkey, key.key)"
    seen = {own_service.run("-c", text).stdout for _ in range(4)}
    assert len(seen) == 4 and all(line.startswith("True ") for line in seen)


ASKING = {
    "arguments": "import sys\nANSWER = list(sys.argv)\n",
    "folder": "import os\nANSWER = os.getcwd()\n",
    "variable": "import os\nANSWER = os.environ.get('ASKED_FOR')\n",
    "home": "import os\nANSWER = os.path.expanduser('~')\n",
    "path": "import sys\nANSWER = sys.path[0]\n",
    "terminal": "import sys\nANSWER = sys.stdout.isatty(), sys.argv[1:]\n",
    "below": "import asks_below\nANSWER = asks_below.ANSWER\n",
    "preload": "import asked_before\nANSWER = asked_before.ANSWER\n",
}


@pytest.mark.parametrize("what", ASKING)
def test_what_a_module_asks_that_is_imported_before_its_program_is_the_programs_answer(own_service, what):
    (own_service.folder / "asks.py").write_text(ASKING[what])
    for name in ("asks_below", "asked_before"):
        (own_service.folder / f"{name}.py").write_text(ASKING["variable"])
    own_service.serves = lambda: own_service.socket.exists() and own_service.status().get("idle", "0") != "0"  # with some answers, nobody
    profile(own_service, "", keys='modules = ["asked_before"]\nafter-fork = ["asks"]\n')
    script = own_service.folder / "elsewhere/t.py"
    script.parent.mkdir()
    script.write_text("import asks\nprint(asks.ANSWER)\n")
    own_service.environment |= {"ASKED_FOR": "mine", "HOME": "/nowhere", "PYTHONPATH": str(own_service.folder)}
    done = [subprocess.run([*words, script, "a"], env=own_service.environment, cwd="/usr", stdin=subprocess.DEVNULL, capture_output=True, text=True)
            for words in ([SYSTEM], [PML, "--socket", own_service.socket])]  # fmt: skip
    assert done[0].stdout == done[1].stdout and done[0].stdout != "" and done[1].stderr == ""


def test_a_module_that_is_imported_before_its_program_and_asks_nothing_of_it_is_warm(own_service):
    (own_service.folder / "asks.py").write_text("import os, random, time\nANSWER = os.getpid(), random.random(), time.time(), os.environ.get('NOT_THERE')\n")
    profile(own_service, "", keys='after-fork = ["asks"]\n')
    done = own_service.run("-c", "import sys; there = 'asks' in sys.modules; import asks, os; print(there, asks.ANSWER[0] == os.getpid())")
    assert (done.stdout, done.returncode) == ("True True\n", 0), done.stderr


def test_a_module_of_the_program_wins_over_one_that_was_imported_before_it(own_service):
    (own_service.folder / "asks.py").write_text("WHOSE = 'pool'\n")
    profile(own_service, "", keys='after-fork = ["asks"]\n')
    script = own_service.folder / "elsewhere/t.py"
    script.parent.mkdir()
    script.write_text("import asks\nprint(asks.WHOSE)\n")
    (script.parent / "asks.py").write_text("WHOSE = 'program'\n")
    done = subprocess.run([PML, "--socket", own_service.socket, script], env=own_service.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.stdout == "program\n"


def test_a_pool_does_without_a_module_whose_answers_are_none_of_its_programs(own_service):
    (own_service.folder / "asks.py").write_text("import sys\nANSWER = sys.argv[1:]\n")
    own_service.serves = lambda: own_service.socket.exists() and own_service.status().get("idle", "0") != "0"
    profile(own_service, "", keys='after-fork = ["asks"]\n')
    text = "import asks, sys; print(asks.ANSWER == sys.argv[1:])"
    for _ in range(6):
        assert own_service.run("-c", text, "a", fallback=True).stdout == "True\n"
    until(lambda: own_service.run("-c", text, "a").stdout == "True\n")


def test_a_process_that_such_a_module_leaves_behind_keeps_nobody_waiting(own_service):
    end = own_service.folder / "end"
    (own_service.folder / "asks.py").write_text(f"import os, time\nif os.fork() == 0:\n    while not os.path.exists({str(end)!r}): time.sleep(.05)\n    os._exit(0)\n")
    try:
        profile(own_service, "", keys='after-fork = ["asks"]\n')
        assert own_service.run("-c", "print(1)").stdout == "1\n"
    finally:
        end.touch()
