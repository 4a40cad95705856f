"""pmld on its own, without systemd and without a profile, as python-module-launcher was.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

BIN = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local")) / "bin"
PMLD, PML = str(BIN / "pmld"), str(BIN / "pml")


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


def processes_with(text):
    """The ids of the processes that have `text` in their environment."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and text.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


class Service:
    """A pmld of this test's own; what it starts is recognised by a variable."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = folder / "s.sock"
        self.mark = f"MARK={folder}"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(folder), "MARK": str(folder)}
        if "PML_MODULE_DIR" in os.environ:
            self.environment["PML_MODULE_DIR"] = os.environ["PML_MODULE_DIR"]
        self.process = None

    def start(self, *words, program=PMLD, **options):
        self.process = subprocess.Popen([program, *map(str, words)], env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder, **options)
        return self.process

    def serve(self, *words, **options):
        self.start(*words, **options)
        until(self.serves)

    def serves(self):
        assert self.process.poll() is None, self.process.stderr.read()
        return self.socket.exists() and self.run("-c", "").returncode == 0

    def run(self, *words, fallback=False, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        choice = [] if fallback else ["--no-fallback", "--wait"]
        return subprocess.run([PML, "--socket", self.socket, *choice, *map(str, words)], env=self.environment,
                              capture_output=True, text=True, timeout=30, cwd=self.folder, **options)

    def ask(self, question):
        """The words of each line of the answer: the first, and the others."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(self.socket))
            peer.sendall(f"{question}\n".encode())
            text = b""
            while data := peer.recv(65536):
                text += data
        return dict(line.split(" ", 1) for line in text.decode().splitlines() if " " in line)

    def status(self):
        return self.ask("status")

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        for pid in processes_with(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process is not None:
            self.process.wait()


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    made.end()


def test_a_program_is_served_warm(service):
    service.serve(service.socket, "json", "decimal")
    done = service.run("-c", "import sys; print(6*7); sys.exit(3)")
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 3)


def test_numbers_of_workers(service):
    service.serve("-w", "4", "--spare", "2", service.socket)
    until(lambda: service.status()["idle"] in ("3", "4"))
    until(lambda: int(service.status()["served"]) >= 1)


def test_the_default_numbers(service):
    service.serve(service.socket)
    until(lambda: service.status()["idle"] in ("4", "5"))


def test_the_old_name(service):
    service.serve(service.socket, program=str(BIN / "python-module-launcher"))
    assert service.run("-c", "print(1)").stdout == "1\n"


def test_a_relative_socket(service):
    service.serve("s.sock")
    assert service.socket.is_socket()
    assert service.socket.stat().st_mode & 0o777 == 0o600


def test_a_missing_module_is_said_and_the_rest_is_served(service):
    service.serve(service.socket, "no_such_module", "json")
    assert "no_such_module" in service.status()["failed-preload"]
    service.process.terminate()
    assert "no_such_module" in service.process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_leaves_nothing(service, number):
    pid_file = service.folder / "pid"
    service.serve("--pidfile", pid_file, service.socket)
    assert int(pid_file.read_text()) == service.process.pid
    service.process.send_signal(number)
    assert service.process.wait(20) == 0
    assert not service.socket.exists() and not pid_file.exists()
    until(lambda: not processes_with(service.mark))


def test_ending_tells_the_running_job(service):
    service.serve(service.socket)
    script = service.folder / "job.py"
    script.write_text("import time\nprint('running', flush=True)\ntime.sleep(60)\n")
    job = subprocess.Popen([PML, "--socket", service.socket, script], env=service.environment, stdout=subprocess.PIPE, text=True)
    assert job.stdout.readline() == "running\n"
    service.process.terminate()
    assert job.wait(20) == -signal.SIGTERM
    service.process.wait(20)
    until(lambda: not processes_with(service.mark))


def test_daemonized(service):
    pid_file = service.folder / "pid"
    started = service.start("-d", "-p", pid_file, service.socket)
    assert started.wait(20) == 0
    pid = int(pid_file.read_text())
    assert pid != started.pid and os.getsid(pid) != os.getsid(0)
    assert service.run("-c", "print(1)").stdout == "1\n"
    os.kill(pid, signal.SIGTERM)
    until(lambda: not pid_file.exists() and not service.socket.exists() and not processes_with(service.mark))


def test_a_live_socket_is_refused(service):
    service.serve(service.socket)
    second = subprocess.run([PMLD, service.socket], env=service.environment, capture_output=True, text=True, timeout=20)
    assert second.returncode not in (0, -signal.SIGSEGV)
    assert str(service.socket) in second.stderr and second.stderr.count("\n") == 1
    assert service.run("-c", "print(1)").stdout == "1\n"


def test_a_stale_socket_is_replaced(service):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(service.socket))
    service.serve(service.socket)


def test_what_is_no_socket_is_not_replaced(service):
    service.socket.write_text("precious\n")
    done = subprocess.run([PMLD, service.socket], env=service.environment, capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and done.stderr.count("\n") == 1
    assert service.socket.read_text() == "precious\n"


@pytest.mark.parametrize("words, status", [
    ([], 64), (["--no-such"], 64), (["-w", "many", "s"], 64), (["-w", "0", "s"], 64), (["/no/such/folder/s"], 73), (["x" * 200], None)])
def test_wrong_words(service, words, status):
    done = subprocess.run([PMLD, *words], env=service.environment, capture_output=True, text=True, timeout=20, cwd=service.folder)
    assert done.returncode == status if status else done.returncode > 0
    assert done.stderr.startswith("pmld: ") or "pmld" in done.stderr


def test_help_and_version():
    for words, text in (["--help"], "SOCKET"), (["-h"], "MODULE"), (["--version"], "pmld"), (["-v"], "pmld"):
        done = subprocess.run([PMLD, *words], capture_output=True, text=True)
        assert done.returncode == 0 and text in done.stdout and not done.stderr


def test_the_text_dialect(service):
    service.serve(service.socket)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(service.socket))
        peer.sendall(b"module this")
        answer = b""
        while data := peer.recv(1000):
            answer += data
    assert answer.splitlines()[-1] == b"exited 0"


def test_a_name_python3_that_is_pml_does_not_loop(service):
    service.serve(service.socket)
    links = service.folder / "links"
    links.mkdir()
    (links / "python3").symlink_to(PML)
    environment = {**service.environment, "PATH": f"{links}:/usr/bin:/bin", "PML": "0"}
    done = subprocess.run(["python3", "-c", "import subprocess, sys; print(sys.executable); print(subprocess.run(['python3', '-c', 'print(5)'],"
                           " capture_output=True, text=True).stdout)"], env=environment, capture_output=True, text=True, timeout=20)
    assert done.stdout == "/usr/bin/python3\n5\n\n", done.stderr
