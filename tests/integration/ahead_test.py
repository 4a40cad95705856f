"""Programs that at import do what others could notice: the same as cold, and nothing left where no caller comes."""

import os
import py_compile
import shutil
import socket
import subprocess
import sys
import zipapp

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import ahead_driver as driver

MODULES = driver.module_folder()

# Each is written behind `import sys, os` and before what a caller is told; FOLDER is a folder of the test's own.
WEAK_DEED = "exec('import functools, types, weakref\\nclass A: pass\\na = A(); w = {}', m.__dict__)"
# In a module whose code has come to its end.
WEAK = "import types\nm = types.ModuleType('m'); sys.modules['m'] = m\n" + WEAK_DEED
DEEDS = {
    "write": "open('FOLDER/left', 'w').write('x')",
    "append": "open('FOLDER/left', 'a').close()",
    "os-open": "os.close(os.open('FOLDER/left', os.O_WRONLY | os.O_CREAT))",
    "file-io": "import _io\n_io.FileIO('FOLDER/left', 'w').close()",
    "pathlib": "import pathlib\npathlib.Path('FOLDER/left').write_text('x')",
    "folder": "os.mkdir('FOLDER/left')",
    "folder-there": "try: os.mkdir('FOLDER')\nexcept FileExistsError as e: print(e.errno)\nos.makedirs('FOLDER', exist_ok=True)",
    "folders": "os.makedirs('FOLDER/left/one/two')\nif sys.argv[1:]: print(os.listdir('FOLDER/left'))",
    "folders-looked-at": "os.makedirs('FOLDER/left/one')\nprint(os.listdir('FOLDER/left'), os.path.isdir('FOLDER/left/one'))",
    "folder-above": "os.mkdir('FOLDER/left')\nprint(sorted(os.listdir('FOLDER')))",
    "folder-mode": "import stat\nos.mkdir('FOLDER/left', 0o750)\nprint(stat.filemode(os.stat('FOLDER/left').st_mode))",
    "folder-written": "os.mkdir('FOLDER/left')\nopen('FOLDER/left/file', 'w').close()\nprint(os.listdir('FOLDER/left'))",
    "folder-used": "import tempfile\nd = tempfile.mkdtemp(dir='FOLDER')\nif sys.argv[1:]: open(d + '/x', 'w').close(); print(os.listdir(d))",
    "folder-ends": "import atexit, shutil, tempfile\nd = tempfile.mkdtemp(dir='FOLDER')\natexit.register(shutil.rmtree, d)",
    "folder-by-another-name": "os.mkdir('FOLDER/left')\nprint(os.path.exists('FOLDER/../' + os.path.basename('FOLDER') + '/left'))",
    "folder-twice": "os.mkdir('FOLDER/left')\ntry: os.mkdir('FOLDER/left')\nexcept FileExistsError as e: print(e.errno)",
    "folder-removed": "os.mkdir('FOLDER/left'); os.rmdir('FOLDER/left')",
    "folder-entered": "os.mkdir('FOLDER/left'); os.chdir('FOLDER/left'); print(os.getcwd())",
    "folder-relative": "os.mkdir('left'); print(os.path.isdir('left'))",
    "folder-below": "f = os.open('FOLDER', os.O_RDONLY); os.mkdir('left', dir_fd=f); os.close(f)",
    "folder-nowhere": "try: os.mkdir('FOLDER/nowhere/left')\nexcept OSError as e: print(e.errno)",
    "folder-refused": "try: os.mkdir('/proc/left')\nexcept OSError as e: print(e.errno)",
    "folder-by-c": "import ctypes\nos.mkdir('FOLDER/left'); print(ctypes.CDLL(None).access(b'FOLDER/left', 0))",
    "reconfigure": "sys.stdout.reconfigure(errors='replace', line_buffering=True, encoding='latin-1')\nprint(sys.stdout.errors, sys.stdout.line_buffering, sys.stdout.encoding, '\\u1234\\xe4')",
    "reconfigure-input": "sys.stdin.reconfigure(encoding='latin-1')\nprint(sys.stdin.encoding, sys.stdin.read())",
    "reconfigure-replaced": "f = sys.stdout.reconfigure\ncalls = []\nsys.stdout.reconfigure = lambda **k: (calls.append(k), f(**k))\n"
                            "sys.stdout.reconfigure(errors='replace')\nprint(calls, sys.stdout.errors)",
    "reconfigure-wrong": "try: sys.stdout.reconfigure(errors=3)\nexcept TypeError as e: print(e)",
    "write-kept": "w = sys.stdout.write\nw('at import')",
    "write-of-type": "import io\nio.TextIOWrapper.write(sys.stdout, 'at import'); io.BufferedWriter.write(sys.stderr.buffer, b'at import')",
    "write-replaced": "b = sys.stdout.buffer; w = b.write\nb.write = lambda data: w(data.upper())",
    "resolve": "import socket\nprint(socket.getaddrinfo('127.0.0.1', 80)[0][4], socket.gethostbyname('localhost'))",
    "syslog": "import syslog\nprint(syslog.LOG_INFO)",
    "link": "os.symlink('a', 'FOLDER/left')",
    "fifo": "os.mkfifo('FOLDER/left')",
    "mknod": "os.mknod('FOLDER/left')",
    "rename": "os.rename('FOLDER/data', 'FOLDER/left')",
    "remove": "os.remove('FOLDER/data')",
    "truncate": "os.truncate('FOLDER/data', 0)",
    "utime": "os.utime('FOLDER/data', (1, 1))",
    "chmod": "os.chmod('FOLDER/data', 0o600)",
    "temporary": "import tempfile\nf = tempfile.NamedTemporaryFile(dir='FOLDER', delete=False)\nf.write(b'x'); f.close()",
    "mkdtemp": "import tempfile\ntempfile.mkdtemp(dir='FOLDER')",
    "sqlite": "import sqlite3\nsqlite3.connect('FOLDER/left').execute('create table t (a)')",
    "dbm": "import dbm.dumb\ndbm.dumb.open('FOLDER/left', 'c').close()",
    "process": "import subprocess\nsubprocess.run(['touch', 'FOLDER/left'])",
    "system": "os.system('touch FOLDER/left')",
    "popen": "os.popen('touch FOLDER/left').close()",
    "spawn": "os.waitpid(os.posix_spawn('/bin/touch', ['touch', 'FOLDER/left'], os.environ), 0)",
    "fork": "if os.fork() == 0:\n    open('FOLDER/left', 'w').close(); os._exit(0)\nos.wait()",
    "exec": "if len(sys.argv) > 1: os.execv('/bin/echo', ['echo', 'executed'])",
    "exec-at-once": "os.execv('/bin/touch', ['touch', 'FOLDER/left'])",
    "multiprocessing": "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=os.mkdir, args=('FOLDER/left',))\np.start(); p.join()",
    "print": "print('at import')",
    "print-error": "print('at import', file=sys.stderr)",
    "stdout-write": "sys.stdout.write('at import')",
    "stdout-buffer": "sys.stdout.buffer.write(b'at import')",
    "kept-stream": "out = sys.stdout\nimport json\njson.dump({}, out)",
    "os-write": "os.write(1, b'at import')",
    "dup": "os.write(os.dup(1), b'at import')",
    "fdopen": "os.fdopen(1, 'w', closefd=False).write('at import')",
    "open-number": "open(1, 'w', closefd=False).write('at import')",
    "logging": "import logging\nlogging.warning('at import')",
    "warning": "import warnings\nwarnings.warn('at import')",
    "traceback": "import traceback\ntraceback.print_stack()",
    "faulthandler": "import faulthandler\nfaulthandler.enable(); print(faulthandler.is_enabled())",
    "read": "print(sys.stdin.read())",
    "read-line": "line = sys.stdin.readline()",
    "read-lines": "lines = list(sys.stdin)",
    "read-next": "line = next(sys.stdin)",
    "input": "line = input()",
    "os-read": "data = os.read(0, 3)",
    "fileinput": "import fileinput\nlines = list(fileinput.input('-'))",
    "connect": "import socket\ns = socket.create_connection(('127.0.0.1', PORT)); s.sendall(b'x'); s.close()",
    "datagram": "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', PORT))",
    "bind": "import socket\ns = socket.socket(socket.AF_UNIX); s.bind('FOLDER/left')",
    "urlopen": "import urllib.request\ntry: urllib.request.urlopen('http://127.0.0.1:PORT', timeout=1)\nexcept Exception as e: pass",
    "signal-self": "import signal\nsignal.signal(signal.SIGUSR1, lambda *a: print('signal'))\nos.kill(os.getpid(), signal.SIGUSR1)",
    "signal-parent": "os.kill(os.getppid(), 0)",
    "raise-signal": "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\nsignal.raise_signal(signal.SIGUSR1)",
    "handler": "import signal\nsignal.signal(signal.SIGTERM, lambda *a: None)\nprint(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)",
    "alarm": "import signal\nsignal.alarm(100)",
    "flock": "import fcntl\nf = open('FOLDER/data'); fcntl.flock(f, fcntl.LOCK_EX)",
    "lockf": "f = os.open('FOLDER/data', os.O_RDWR); os.lockf(f, os.F_LOCK, 0)",
    "thread": "import threading\nt = threading.Thread(target=open, args=('FOLDER/left', 'w')); t.start(); t.join()",
    "low-thread": "import _thread, time\n_thread.start_new_thread(os.mkdir, ('FOLDER/left',)); time.sleep(.3)",
    "executor": "from concurrent.futures import ThreadPoolExecutor\nlist(ThreadPoolExecutor().map(os.mkdir, ['FOLDER/left']))",
    "exit": "os._exit(7)",
    "sys-exit": "sys.exit(7)",
    "exit-text": "sys.exit('text')",
    "raise": "raise ValueError('at import')",
    "abort": "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.abort()",
    "chdir": "os.chdir('FOLDER'); print(os.getcwd())",
    "umask": "os.umask(0o77)\nopen('FOLDER/left', 'w').close()\nprint(oct(os.stat('FOLDER/left').st_mode))",
    "umask-read": "m = os.umask(0); os.umask(m); print(oct(m))",
    "limit": "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0)); print(resource.getrlimit(resource.RLIMIT_CORE))",
    "nice": "os.nice(1); print(os.nice(0))",
    "affinity": "print(len(os.sched_getaffinity(0)))",
    "ctypes": "import ctypes\nctypes.CDLL(None).mkdir(b'FOLDER/left', 0o755)",
    "ctypes-write": "import ctypes\nctypes.CDLL(None).write(1, b'at import\\n', 10)",
    "ctypes-type": "import ctypes\nctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int)(('mkdir', ctypes.CDLL(None)))(b'FOLDER/left', 0o755)",
    "ctypes-pid": "import ctypes\nassert ctypes.CDLL(None).getpid() == os.getpid()",
    "sleep": "import time\ntime.sleep(.2)",
    "file-read": "print(open('FOLDER/data').read())",
    "device": "f = open('/dev/tty') if os.path.exists('/nowhere') else open('/dev/full', 'rb')\nprint(len(f.read(1)))",
    "null-kept": "n = os.open(os.devnull, os.O_RDWR)\nr, w = os.pipe()\nprint(n, r, w, os.get_inheritable(n), os.fstat(n).st_rdev, os.write(n, b'x'), os.read(n, 1))",
    "null-and-pipe": "import subprocess\nprint(subprocess.run(['echo', 'x'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout)",
    "null": "print(open('/dev/null').read())",
    "own-status": "assert ('Pid:\\t%d\\n' % os.getpid()) in open('/proc/self/status').read()",
    "own-folder": "assert os.readlink('/proc/self') == str(os.getpid())",
    "own-descriptors": "print(sorted(map(int, os.listdir('/proc/self/fd'))))",
    "own-words": "print(open('/proc/self/cmdline').read().split('\\0')[1:])",
    "memory": "m = [l for l in open('/proc/meminfo')][0]; print(m)",
    "clock": "import time\nassert abs(time.time() - float(os.popen('date +%s.%N').read())) < 5",
    "pid": "assert os.getpid() == int(os.popen('echo $PPID').read())",
    "parent": "assert os.getppid() > 0",
    "random": "import random\nx = random.random(); print(0 <= x < 1)",
    "fixed-random": "import random\nrandom.seed(3); print(random.random())\nr = random.Random(4)\nprint(r.random(), r.getrandbits(9))",
    "half-fixed-random": "import random\nrandom.seed(3)\nimport tempfile, uuid\nif len(sys.argv) > 1: print(random.random())",
    "urandom": "assert len(os.urandom(3)) == 3",
    "uuid": "import uuid\nprint(len(str(uuid.uuid4())))",
    "environment": "os.environ['ADDED'] = '1'\nos.environ.pop('HOME', None)\nif sys.argv[1:]: os.system('echo $ADDED-$HOME')",
    "environment-all": "print(sorted(os.environ.items()))",
    "environment-bytes": "print(os.environb.get(b'HOME'), os.getenv('PATH'))",
    "putenv": "os.putenv('ADDED', '2')\nif sys.argv[1:]: os.system('echo $ADDED')\nprint(os.environ.get('ADDED'))",
    "arguments": "print(sys.argv, sys.orig_argv[1:])",
    "arguments-kept": "a = sys.argv\nif len(a) > 1: print(a[1])",
    "arguments-from": "from sys import argv\nprint(argv)",
    "arguments-by-name": "print(getattr(sys, 'argv'), vars(sys)['argv'], sys.__dict__['argv'])",
    "own-name": "name = sys.argv[0]\nsys.argv[0] = sys.argv[0] + 'x'\nprint(name, sys.argv)",
    "trace": "sys.settrace(None); print(sys.gettrace())",
    "audit": "sys.addaudithook(lambda *a: None)\nprint('audited')",
    "frames": "import inspect\nprint([f.function for f in inspect.stack()], sys._getframe().f_back)",
    "frames-after": "if sys.argv[1:]:\n    import inspect\n    print([f.function for f in inspect.stack()])",
    "types-after": "if sys.argv[1:]: print(type(os.environ._data), type(os.mkdir), os.mkdir.__qualname__, type(sys), type(sys.stdout))",
    "collector": "import gc\nclass A: pass\na = A(); a.a = a\nif sys.argv[1:]: print(gc.get_freeze_count(), any(o is a for o in gc.get_objects()), gc.is_tracked(a))",
    "collected": "import gc, weakref\ngc.disable()\nclass A: pass\na = A(); a.a = a; w = weakref.ref(a); del a\nif sys.argv[1:]: gc.collect(); print(w() is None)",
    "at-exit": "import atexit\natexit.register(print, 'at exit')",
    "finalizer": "class A:\n    def __del__(self): print('del', A)\na = A()",
    "finalizer-cycle": "class A:\n    def __del__(self): print('del', A)\na = A(); a.a = a",
    "finalizer-after": "class A:\n    def __del__(self): print('del', A)\nif sys.argv[1:]: a = A(); a.a = a",
    "weak-callback": "import weakref\nclass A: pass\na = A(); w = weakref.ref(a, lambda r: print('gone'))",
    "weak-callback-of-module": WEAK.format("weakref.ref(a, len)"),
    "weak-callback-partial": WEAK.format("weakref.ref(a, functools.partial(len, 1))"),
    "weak-callback-of-method": WEAK.format('weakref.WeakMethod(types.MethodType(len, a), eval("lambda r: print(1)", {}))'),
    "weak-callback-of-function": WEAK.format('weakref.ref(a, eval("lambda r: print(1)", {}))'),
    "weak-callback-of-class": WEAK.format('weakref.WeakMethod(types.MethodType(len, a), type("C", (), {{"__init__": eval("lambda self, r: print(1)", {{}})}}))').replace("{{", "{").replace("}}", "}"),
    "weak-callback-of-logging": "import logging\nlogging.basicConfig(format='%(levelname)s')\n" + WEAK.format("weakref.ref(a, __import__(\"logging\").warning)"),
    "weak-callback-of-logger": "import logging\nlogging.basicConfig(format='%(levelname)s')\n" + WEAK.format("weakref.ref(a, __import__(\"logging\").root.warning)"),
    # What was imported before the stop holds what is made behind it.
    "held-callback": "import types\nm = types.ModuleType('m'); sys.modules['m'] = m\nif sys.argv[1:]: " + WEAK_DEED.format('weakref.ref(a, eval("lambda r: print(1)", {}))'),
    "held-callback-in-a-cycle": "import types, weakref\nm = types.ModuleType('m'); sys.modules['m'] = m\nif sys.argv[1:]:\n    class A: pass\n    m.a = A(); m.w = weakref.ref(m.a, lambda r: print(1))",
    "held-callback-and-modules": "import atexit, types, weakref\nm = types.ModuleType('m'); sys.modules['m'] = m\natexit.register(lambda: print(sorted(sys.modules)))\nif sys.argv[1:]:\n    class A: pass\n    m.a = A(); m.w = weakref.ref(m.a, lambda r: print(1))",
    "held-finalizer": "import types\nm = types.ModuleType('m'); sys.modules['m'] = m\nif sys.argv[1:]: exec('X = 1\\nclass A:\\n def __del__(self): print(X)\\na = A()', m.__dict__)",
    "held-finalizer-of-program": "import types\nm = types.ModuleType('m'); sys.modules['m'] = m\nX = 1\nif sys.argv[1:]:\n    class A:\n        def __del__(self): print(X, os)\n    m.a = [A()]",
    "held-generator": "import types\nm = types.ModuleType('m'); sys.modules['m'] = m\nif sys.argv[1:]:\n    def g():\n        try: yield 1\n        finally: print('closed', os)\n    m.g = g(); next(m.g)",
    "generator": "def g():\n    try: yield 1\n    finally: print('closed')\nx = g(); next(x)",
    "expression": "x = (n for n in [1, 2])\nnext(x)\nif sys.argv[1:]: print(next(x))",
    "expression-over-generator": "def g():\n    try: yield from (1, 2)\n    finally: print('closed')\nx = (n for n in g())\nnext(x)",
    "file-left-open": "f = open('FOLDER/data'); f.read(1)\nif sys.argv[1:]: print(f.fileno(), f.read())",
    "folder-left-open": "s = os.scandir('FOLDER')\nif sys.argv[1:]: print(sorted(e.name for e in s))",
    "pipe": "r, w = os.pipe(); os.write(w, b'x'); print(os.read(r, 1), r, w)",
    "socket-pair": "import socket\na, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))",
    "event-loop": "import asyncio\nasyncio.run(asyncio.sleep(0)); print('ran')",
    "mmap": "import mmap\nm = mmap.mmap(-1, 10); m[0] = 65; print(m[0])",
    "shared-memory": "from multiprocessing import shared_memory\ns = shared_memory.SharedMemory(create=True, size=10); s.close(); s.unlink()",
    "semaphore": "import multiprocessing\nl = multiprocessing.Lock(); print(l.acquire())",
    "semaphore-spawn": "import multiprocessing\nl = multiprocessing.get_context('spawn').Lock(); print(l.acquire())",
    "terminal": "print(sys.stdout.isatty(), os.isatty(0), sys.stdin.isatty(), sys.stdout.line_buffering, sys.stderr.line_buffering)",
    "terminal-size": "import shutil\nprint(shutil.get_terminal_size())\ntry: print(os.get_terminal_size())\nexcept OSError as e: print(e)",
    "replaced-stream": "class W:\n    def __init__(self, s): self.s = s\n    def write(self, t): self.s.write(t.upper())\n    def flush(self): self.s.flush()\nsys.stdout = W(sys.stdout)",
    "stream-kept": "kept = sys.stdout, sys.stdout.buffer, sys.stdout.buffer.raw\nif sys.argv[1:]: print(kept[0] is sys.stdout, kept[1] is sys.stdout.buffer, kept[2] is sys.stdout.buffer.raw, kept[2].fileno())",
    "list-relative": "print(sorted(os.listdir('.')), os.path.exists('data'))",
    "locale": "import locale\nlocale.setlocale(locale.LC_ALL, ''); print(locale.getlocale())",
    "recursion": "def f(n):\n    try: return f(n + 1)\n    except RecursionError: return n\nprint(f(0))",
    "curses": "import curses\ncurses.setupterm('xterm', 1)",
    "readline": "import readline\nreadline.set_history_length(10)",
    "zone": "import time\nprint(time.localtime(0).tm_hour, time.tzname)",
    "names": "print(sorted(sys.modules)[:20], sorted(globals()))",
    "import-system": "import importlib\nm = importlib.import_module('FOLDERNAME_own'); print(m.X)",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").write_text("content")
    return tmp_path


def program(folder, deed, port=9):
    text = deed.replace("FOLDERNAME", "mod").replace("FOLDER", str(folder)).replace("PORT", str(port))
    (folder / "mod_own.py").write_text("X = 5\n")
    (folder / "program.py").write_text("import sys, os\n" + text + "\nprint('told', sys.argv[1:])\n")
    return driver.Program([str(folder / "program.py"), "one", "two"], cwd=str(folder))


def state(folder):
    return sorted((p.name, p.lstat().st_mode, p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.iterdir())


def names(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("tmp"))


def reset(folder):
    for path in folder.iterdir():
        if path.name not in ("program.py", "mod_own.py"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / "data").write_text("content")


def compare(name, folder, text, run_ahead):
    """`run_ahead` has a template's worker wait before a caller's part, or returns None where the program ends by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        one = program(folder, text, server.getsockname()[1])
        cold = driver.cold(one, stdin=b"first\nsecond\n")[:3]
        left_cold = names(folder)
        reset(folder)
        try:
            while True:
                server.accept()[0].close()
        except TimeoutError:
            pass
        before = state(folder)
        template = driver.Template(one, MODULES)
        worker = run_ahead(template, one)
        assert state(folder) == before, "something was done"
        assert template.said() == ""
        if worker is None:
            assert name in ("sys-exit", "exit-text", "raise")
            template.close()
            return
        with pytest.raises(TimeoutError):
            server.accept()
        kind, *warm = worker.run(one, stdin=b"first\nsecond\n")
        assert (kind, tuple(warm)) == ("started", cold)
        assert names(folder) == left_cold
        template.close()


@pytest.mark.parametrize("name", DEEDS)
def test_is_as_cold_and_leaves_nothing(name, folder):
    def run_ahead(template, _):
        if not template.wait():
            return None
        worker = template.worker()
        assert worker.wait(), worker.why
        return worker

    compare(name, folder, DEEDS[name], run_ahead)


@pytest.mark.parametrize("name", DEEDS)
def test_is_as_cold_past_its_arguments_and_leaves_nothing(name, folder):
    def run_ahead(template, one):
        assert template.wait(), template.why
        worker = template.worker()
        assert worker.wait(), worker.why
        assert worker.report["before arguments"] and worker.report["question"] == "sys.argv"
        return worker if worker.go_on(one.arguments) else None

    compare(name, folder, "words = sys.argv[1:]\n" + DEEDS[name], run_ahead)


CLOCKS = {
    "time.time": "import time|x = time.time()",
    "time.time_ns": "from time import time_ns|x = time_ns()",
    "time.monotonic": "import time|x = time.monotonic()",
    "time.perf_counter": "import timeit|x = timeit.default_timer()",
    "time.process_time": "import time|x = time.process_time()",
    "time.localtime": "import time|x = time.localtime()",
    "time.gmtime": "import time|x = time.gmtime(None)",
    "time.ctime": "import time|x = time.ctime()",
    "time.strftime": "import time|x = time.strftime('%H')",
    "time.clock_gettime": "import time|x = time.clock_gettime(time.CLOCK_REALTIME)",
    "_datetime.datetime.now": "import datetime|x = datetime.datetime.now()",
    "_datetime.datetime.utcnow": "from datetime import datetime|x = datetime.utcnow()",
    "_datetime.date.today": "import datetime\nclass D(datetime.date): pass|x = D.today()",
    "os.times": "|x = os.times()",
    "resource.getrusage": "import resource|x = resource.getrusage(resource.RUSAGE_SELF)",
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_past_its_arguments_nobody_looks_at_the_clock_before_there_is_a_caller(clock, folder):
    imports, _, deed = CLOCKS[clock].rpartition("|")
    one = program(folder, f"{imports}\nwords = sys.argv[1:]\n{deed}")
    template = driver.Template(one, MODULES)
    assert template.wait(), template.why
    worker = template.worker()
    assert worker.wait() and worker.go_on(one.arguments), worker.why
    assert worker.report["question"] == clock
    assert worker.run(one)[:3] == ("started", 0, b"told ['one', 'two']\n")
    template.close()


@pytest.mark.parametrize("deed", ["import time\nx = time.ctime(5), time.localtime(5), time.strftime('%H', time.gmtime(5))", "import importlib\nx = importlib.reload(logging)._startTime"])
def test_a_moment_that_is_given_and_what_a_module_takes_down_are_no_question(deed, folder):
    one = program(folder, "import time, logging, importlib\nwords = sys.argv[1:]\n" + deed)
    template = driver.Template(one, MODULES)
    assert template.wait(), template.why
    worker = template.worker()
    assert worker.wait() and worker.go_on(one.arguments), worker.why
    assert worker.report["question"] == "standard output: write"
    template.close()


def test_what_was_changed_just_now_is_read_when_there_is_a_caller(folder):
    one = program(folder, "words = sys.argv[1:]\nprint(open('FOLDER/data').read())")
    template = driver.Template(one, MODULES)
    assert template.wait(), template.why
    worker = template.worker()
    (folder / "data").write_text("changed")
    assert worker.wait() and worker.go_on(one.arguments), worker.why
    assert worker.report["question"].endswith("data, which was changed just now")
    (folder / "data").write_text("another")
    assert b"another" in worker.run(one)[2]
    template.close()


@pytest.mark.parametrize("deed", ["x = os.path.exists(F)", "x = os.path.lexists(F) and os.stat(F).st_size", "x = os.access(F, 0) and open(F).read()",
                                  "x = os.path.exists(F + '/below')", "sys.path.insert(0, 'FOLDER')\nimport part\nx = part.word"])
def test_what_changes_with_each_launch_is_looked_at_when_there_is_a_caller(deed, folder):
    changing = folder / ("part.py" if "part" in deed else "out")
    (folder / "part.py").write_text("word = 1")
    one = program(folder, f"import os\nF = 'FOLDER/out'\n{deed}\nprint(x, sorted(sys.modules))")
    template = driver.Template(one, MODULES, changing=[str(changing)])
    assert template.wait(), template.why
    assert template.report["question"].endswith(f"{'/below' if 'below' in deed else ''}, which changes with each launch")
    worker = template.worker()
    assert worker.wait(), worker.why
    assert str(changing) not in worker.report["files"]
    (folder / "part.py").write_text("word = 2")
    (folder / "out").write_text("later")
    assert worker.run(one)[2] == subprocess.run(one.command("/usr/bin/python3"), capture_output=True, cwd=folder).stdout
    template.close()


@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize("deed", ["import io\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, sys.stdout.encoding, 'replace', line_buffering=True)",
                                  "x = sys.stdout.seekable(), sys.stdout.buffer.raw.seekable(), sys.stdin.seekable()\nif sys.argv[1:]: print(x)",
                                  "x = getattr(sys.stdout, 'nowhere', 3), hasattr(sys.stderr, 'read2')\nif sys.argv[1:]: print(x)"])
def test_a_stream_that_is_wrapped(deed, seekable, folder):
    one = program(folder, deed)
    command = one.command("/usr/bin/python3")
    if seekable:
        expected = driver.cold(one)[1]
    else:
        expected = subprocess.run(command, cwd=folder, env=one.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE).stdout
    template = driver.Template(one, MODULES, seekable=seekable)
    assert template.wait(), template.why
    assert template.report["question"] == ("standard output: tell" if seekable and "io." in deed else "sys.argv")
    worker = template.worker()
    assert worker.wait(), worker.why
    facts = [(kind, number) for kind, number, _ in worker.report["facts"]]
    assert (("seekable", 1) in facts) == ("nowhere" not in deed)
    assert worker.run(one, pipes=not seekable)[2] == expected
    template.close()


@pytest.mark.parametrize("deed", ["while True: pass", "x = []\nwhile True: x.append('x' * 1000)"])
def test_too_much_is_given_up_or_stopped(deed, folder):
    one = program(folder, deed)
    template = driver.Template(one, MODULES, bounds=(300, 2000, 200))
    if template.wait(20):
        assert template.report["question"] == "takes long"
    else:
        assert "too" in template.why
    template.close()


def test_what_nobody_calls_goes_with_its_template(folder):
    one = program(folder, DEEDS["write"])
    template = driver.Template(one, MODULES)
    assert template.wait()
    workers = [template.worker() for _ in range(2)]
    assert all(worker.wait() for worker in workers)
    for worker in workers:
        worker.link.close()
        assert template.status(worker.pid) == 0
    template.close()
    assert not (folder / "left").exists()


def test_two_workers_have_chance_of_their_own(folder):
    one = program(folder, "import random, uuid, multiprocessing.process as p\nx = random\nif sys.argv[1:]: print(random.random(), uuid.uuid4(), bytes(p.current_process().authkey))")
    template = driver.Template(one, MODULES)
    assert template.wait()
    outputs = set()
    for _ in range(3):
        worker = template.worker()
        assert worker.wait()
        outputs.update(worker.run(one)[2].split())
    assert len(outputs) >= 9, outputs
    template.close()


KINDS = {
    "module": ["-m", "timeit", "--help"],
    "folder": ["fold", "a", "b"],
    "folder-as-module": ["-m", "fold", "a"],
    "archive": ["fold.pyz", "a"],
    "compiled": ["program.pyc", "a"],
    "relative": ["fold/../program.py", "a"],
    "entry-point": ["-e", "pytest", "--version"],
    "missing": ["missing.py"],
    "syntax-error": ["wrong.py"],
}


@pytest.mark.parametrize("options", [[], ["-O"], ["-I"], ["-W", "error"], ["-X", "dev"], ["-u", "-B"]])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_program(kind, options, tmp_path):
    text = "import sys, os\nprint(__name__, __file__, sys.argv, sys.orig_argv, sys.path[:2], sys.flags, sys.warnoptions, __debug__, sys._xoptions)\n"
    (tmp_path / "fold").mkdir()
    (tmp_path / "fold" / "__main__.py").write_text(text)
    (tmp_path / "program.py").write_text(text)
    (tmp_path / "wrong.py").write_text("a b c\n")
    zipapp.create_archive(tmp_path / "fold", tmp_path / "fold.pyz")
    py_compile.compile(str(tmp_path / "program.py"), str(tmp_path / "program.pyc"))
    one = driver.Program(KINDS[kind], options, cwd=str(tmp_path))
    cold = driver.cold(one)[:3]
    template = driver.Template(one, MODULES)
    if not template.wait():
        assert cold[0] != 0 and template.said() == "", template.why
        return
    worker = template.worker()
    assert worker.wait(), worker.why
    kind_of_reply, *warm = worker.run(one)
    assert (kind_of_reply, tuple(warm)) == ("started", cold)
    template.close()


def test_an_entry_point_that_stops_before_it_has_found_itself(tmp_path):
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    one = driver.Program(KINDS["entry-point"], environment=environment, cwd=str(tmp_path))
    template = driver.Template(one, MODULES, changing=[str(tmp_path / "pytest")])
    assert template.wait(), template.why
    assert template.report["question"].endswith("which changes with each launch")
    worker = template.worker()
    assert worker.wait(), worker.why
    assert worker.run(one) == ("started", *driver.cold(one)[:3])
    template.close()
