"""What goes wrong, with the real interpreter: preloads, zygotes and peers that fail.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import array
import contextlib
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from fake_service import HEADER, MAGIC
from pmld_test import request_body
from test_standalone import PML, PMLD, Service, processes_with, until

FRAME = HEADER.pack(MAGIC, 2, 0, 0, len(request_body("pass"))) + request_body("pass")


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    made.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    yield made
    made.end()


def profile(service, text, timeout="2s", keys='modules = ["culprit", "json"]\n', path=None, interpreter="/usr/bin/python3"):
    """Serves, as if started by systemd, a profile with a preload of this text and json behind it."""
    (service.folder / "culprit.py").write_text(text)
    folder = service.folder / "pml/profiles"
    folder.mkdir(parents=True)
    (folder / "failing.toml").write_text(
        f'[python]\ninterpreter = "{interpreter}"\npath = ["{path or service.folder}"]\n[preload]\n{keys}[pool]\npreload-timeout = "{timeout}"\n'
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(service.socket))
        listener.listen(100)
        # The number 3 is the first that a service manager passes.
        service.process = subprocess.Popen(
            ["/bin/bash", "-c", f'LISTEN_PID=$$ exec "$0" --profile failing 3<&{listener.fileno()}', PMLD],
            env={**service.environment, "XDG_CONFIG_HOME": str(service.folder), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "pml"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(service.folder / "log").open("wb"), cwd=service.folder, pass_fds=[listener.fileno()])  # fmt: skip
    until(service.serves)
    return service.status()


@pytest.mark.parametrize(
    "text",
    [
        "raise RuntimeError('not today')",
        "import os; os.abort()",
        "import os; os._exit(0)",
        "import sys; sys.exit(4)",
        "import time; time.sleep(1000)",
        "import ctypes; ctypes.string_at(0)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
def test_a_preload_that_fails_is_named_and_the_rest_is_served(service, text):
    profile(service, text)
    assert "culprit" in not_preloaded(service)
    done = service.run("-c", "import sys; print('culprit' in sys.modules); import json; print(json.dumps(1))")
    assert (done.stdout, done.returncode) == ("False\n1\n", 0)


@pytest.mark.parametrize("text", ["raise RuntimeError('not today')", "import os; os.abort()", "import absent_module", "def"])
def test_a_preload_that_was_mended_is_preloaded_again(service, text):
    profile(service, text)
    assert "culprit" in not_preloaded(service)
    (service.folder / "culprit.py").write_text("import os; by = os.readlink('/proc/self')\n")
    until(lambda: not not_preloaded(service) and service.status()["state"] == "warm")
    script = service.folder / "elsewhere/job.py"  # beside the module it would find that first
    script.parent.mkdir()
    script.write_text("import os, culprit; print(culprit.by != str(os.getpid()))")
    assert service.run(script).stdout == "True\n"


def not_preloaded(service):
    status = service.status()
    return status.get("quarantined", "") + status.get("failed-preload", "")


UNFORKABLE = [
    ("import threading, time; t = threading.Thread(target=time.sleep, args=(1000,), daemon=True); t.start()", "culprit.t.is_alive()", "1 thread"),
    ("import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()", "culprit.s.getsockname()[1] > 0", "socket:"),
    ("import signal; h = signal.signal(signal.SIGWINCH, print)", "culprit.h is culprit.signal.SIG_DFL", "signal 28"),
    ("f = open('/proc/self/status')", "f'Pid:\\t{__import__(\"os\").getpid()}\\n' in culprit.f.read()", "/proc/"),
]


@pytest.mark.parametrize("text, check, named", UNFORKABLE)
def test_a_preload_that_no_fork_can_copy_is_imported_by_the_job(service, text, check, named):
    profile(service, text)
    assert "culprit" in (why := not_preloaded(service)) and named in why
    done = service.run("-c", f"import sys, culprit; print({check}, 'json' in sys.modules); import json; print(json.dumps(1))")
    assert (done.stdout, done.stderr, done.returncode) == ("True False\n1\n", "", 0)


@pytest.mark.parametrize("text, check, named", [item for item in UNFORKABLE if item[2] != "signal 28"])
def test_a_module_imported_after_the_fork_keeps_what_it_opened(service, text, check, named):
    profile(service, text, keys='after-fork = ["culprit"]\n')
    done = service.run("-c", f"import culprit; print({check})")
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


def test_a_module_imported_after_the_fork_shares_the_preloads(service):
    (service.folder / "shared.py").write_text("import atexit\natexit.register(print, 'shared ends')\n")
    profile(service, "import shared", keys='modules = ["shared"]\nafter-fork = ["culprit"]\n')
    done = service.run("-c", "import shared, culprit; print(culprit.shared is shared)")
    assert (done.stdout, done.stderr, done.returncode) == ("True\nshared ends\n", "", 0)


def test_a_caller_whose_descriptor_a_module_has_taken_runs_python3(service):
    profile(service, UNFORKABLE[1][0], keys='after-fork = ["culprit"]\n')
    own = int(service.run("-c", "import culprit; print(culprit.s.fileno())").stdout)
    done = subprocess.run(["/bin/bash", "-c", f'exec "$0" --socket "$1" --no-fallback -c "" {own}>&1', PML, service.socket],
                          env=service.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 69 and "a number that a module has taken" in done.stderr


def zygote(service):
    for pid in processes_with(service.mark):
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if f"PPid:\t{service.process.pid}\n" in status and b"_pml_zygote" in words:
            return pid
    return None


def test_jobs_and_idle_workers_outlive_their_zygote(service):
    service.serve(service.socket)
    job = subprocess.Popen([PML, "--socket", service.socket, "--no-fallback", "-c", "import time; print('on', flush=True); time.sleep(1); print('end'); raise SystemExit(7)"],
                           env=service.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert job.stdout.readline() == "on\n"
    old = zygote(service)
    os.kill(old, signal.SIGKILL)
    assert service.run("-c", "print(1)").stdout == "1\n"
    assert (job.communicate()[0], job.returncode) == ("end\n", 7)
    until(lambda: zygote(service) not in (None, old))
    assert service.run("-c", "print(2)").stdout == "2\n"


def test_a_single_kill_is_over_within_a_second(service):
    service.serve(service.socket)
    for number in (signal.SIGKILL, signal.SIGSEGV):
        os.kill(until(lambda: zygote(service)), number)
        began = time.monotonic()
        assert service.run("-c", "print(1)").stdout == "1\n"
        assert time.monotonic() - began < 1


def resident_kib(pid):
    if "libasan" in pathlib.Path(f"/proc/{pid}/maps").read_text():
        return 0  # that of a sanitized program says nothing
    return int(next(line.split()[1] for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")))


def connect(service):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    peer.connect(str(service.socket))
    return peer


def descriptors(service):
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


def test_two_thousand_silent_peers(service):
    service.serve(service.socket)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3000:
        pytest.skip("needs 3000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000, hard))
    peers = []
    try:
        before = resident_kib(service.process.pid)
        for number in range(2000):
            peers.append(connect(service))
            if number % 2:
                peers[-1].send(FRAME[:number % 60 + 1])
        began = time.monotonic()
        assert service.run("-c", "print(42)").stdout == "42\n"
        assert time.monotonic() - began < 2
        assert resident_kib(service.process.pid) - before < 8 << 10
        assert descriptors(service) < 400
    finally:
        for peer in peers:
            peer.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_peer_that_vanishes_at_every_byte(service):
    service.serve(service.socket)
    until(lambda: service.status()["idle"] in ("4", "5"))
    for size in range(len(FRAME)):
        with connect(service) as peer:
            peer.send(FRAME[:size])
    assert service.run("-c", "print(42)").stdout == "42\n"
    until(lambda: descriptors(service) < 40)


def test_peers_that_vanish_with_their_request_sent(service):
    service.serve(service.socket)
    for _ in range(50):
        with connect(service) as peer:
            peer.send(FRAME)
    until(lambda: service.status()["running"] == "0")
    assert service.run("-c", "print(42)").stdout == "42\n"


@pytest.mark.parametrize("told", [True, False])
def test_a_job_whose_client_goes(service, told):
    """Only a client that knows of the end already may go without ending what is left of the job."""
    service.serve(service.socket)
    up, done = service.folder / "up", service.folder / "done"
    limits = [limit % 2**64 for number in range(16) for limit in resource.getrlimit(number)]
    body = request_body(f"import time; open({str(up)!r}, 'w'); time.sleep(3); open({str(done)!r}, 'w')", numbers=(-1,))
    body = body.replace(struct.pack("=32Q", *range(32)), struct.pack("=32Q", *limits))
    folder = os.open("/", os.O_PATH)
    with connect(service) as peer:
        socket.send_fds(peer, [HEADER.pack(MAGIC, 2, 0, 1, len(body)) + body], [folder])
        os.close(folder)
        until(lambda: up.exists() and service.status()["running"] == "1")
        if told:
            peer.send(struct.pack("=ii", 0, 0))
    until(lambda: service.status()["running"] == "0")
    assert done.exists() == told


def test_a_flood_of_descriptors(service):
    service.serve(service.socket)
    with open("/dev/null") as null:
        for _ in range(20):
            with connect(service) as peer:
                try:
                    for _ in range(30):
                        peer.sendmsg([FRAME[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null.fileno()] * 250))])
                except OSError:
                    pass  # it has had enough
    assert service.run("-c", "print(42)").stdout == "42\n"
    until(lambda: descriptors(service) < 40)


def hoard(peer, null):
    """Sends descriptors for a request that never gets whole, until it has to stop."""
    try:
        peer.send(HEADER.pack(MAGIC, 2, 0, 60000, 1000))
        for _ in range(30):
            peer.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null.fileno()] * 200))])
    except OSError:
        pass  # it has had enough


def test_hoarders_of_descriptors(service):
    service.serve(service.socket)
    resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
    stop = threading.Event()

    def keep_hoarding():
        with open("/dev/null") as null:
            while not stop.is_set():
                with connect(service) as peer:
                    hoard(peer, null)
                    with contextlib.suppress(OSError):
                        peer.recv(1000)

    hoarders = [threading.Thread(target=keep_hoarding) for _ in range(6)]
    for hoarder in hoarders:
        hoarder.start()
    try:
        for _ in range(20):
            # The kernel counts what an ordinary user has in flight, all processes together; when that is
            # too much the service cannot pass a request on, and pml steps aside.
            launch = service.run("-c", "print(42)", fallback=os.geteuid() != 0)
            assert (launch.stdout, launch.stderr) == ("42\n", "")
    finally:
        stop.set()
        for hoarder in hoarders:
            hoarder.join()
    until(lambda: descriptors(service) < 40)


@pytest.mark.parametrize("size", [(8 << 20) - 1, 0x7FFFFFFF])
def test_frames_that_announce_too_much(service, size):
    service.serve(service.socket)
    before = resident_kib(service.process.pid)
    peers = [connect(service) for _ in range(250)]
    for peer in peers:
        peer.send(HEADER.pack(MAGIC, 2, 0, 0, size) + b"x" * 100)
    assert service.run("-c", "print(42)").stdout == "42\n"
    assert resident_kib(service.process.pid) - before < 8 << 10
    for peer in peers:
        peer.close()


def test_two_mebibytes_of_arguments(service):
    service.serve(service.socket)
    words = ["x" * 100_000] * 19
    assert service.run("-c", "import sys; print(sum(map(len, sys.argv[1:])))", *words).stdout == "1900000\n"
