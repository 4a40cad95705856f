"""What the tests of the real thing share: a systemd user manager that run.sh has started."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

PREFIX = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local"))
RUNTIME = pathlib.Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere"))
PROFILES = pathlib.Path(os.environ.get("XDG_CONFIG_HOME", "/nowhere")) / "pml/profiles"
PML = str(PREFIX / "bin/pml")


def pytest_collection_modifyitems(items):
    if not (RUNTIME / "systemd/private").exists():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs tests/systemd/run.sh"))


def needs(module):
    """Skips the test where python3 has no such module; in CI that is a failure."""
    if subprocess.run(["/usr/bin/python3", "-c", f"import {module}"], capture_output=True).returncode:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"python3 has no {module}")


def until(condition, seconds=10):
    """Waits until `condition()` is true and returns what it returned."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.02)
    return value


def systemctl(*words, check=True):
    done = subprocess.run(["systemctl", "--user", *words], capture_output=True, text=True, timeout=90)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def journal(*matches):
    """The entries that match, as dictionaries, oldest first."""
    subprocess.run(["journalctl", "--sync"], check=True)
    out = subprocess.run(["journalctl", "-o", "json", "--no-pager", "-q", *matches],
                         capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


class Pool:
    """One profile and its units."""

    def __init__(self, name):
        self.name = name
        self.socket = RUNTIME / f"pml/{name}.sock"
        self.service_unit = f"pml@{name}.service"
        self.socket_unit = f"pml@{name}.socket"

    def write(self, text):
        PROFILES.mkdir(parents=True, exist_ok=True)  # unwrap removes it where it is empty
        (PROFILES / f"{self.name}.toml").write_text(text)

    def start(self):
        """Starts the socket and waits until the service is warm."""
        systemctl("start", self.socket_unit)
        systemctl("start", self.service_unit)

    def stop(self):
        systemctl("stop", self.socket_unit, self.service_unit, check=False)
        systemctl("reset-failed", self.socket_unit, self.service_unit, check=False)
        drop_ins = RUNTIME / f"systemd/user/{self.service_unit}.d"
        if drop_ins.exists():
            shutil.rmtree(drop_ins)
            systemctl("daemon-reload")

    def show(self, name):
        return systemctl("show", "--value", "-p", name, self.service_unit).stdout.strip()

    def active(self):
        return self.show("ActiveState") == "active"

    def main_pid(self):
        return int(self.show("MainPID"))

    def counts(self):
        """The counts of the status line: idle, running, queued, served."""
        return {word: int(number) for number, word in re.findall(r"(\d+) (idle|running|queued|served)", self.show("StatusText"))}

    def status(self):
        """What the service itself says, as a dictionary."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(self.socket))
            peer.sendall(b"status\n")
            text = b""
            while data := peer.recv(65536):
                text += data
        return dict(line.split(" ", 1) for line in text.decode().splitlines() if " " in line)

    def processes(self):
        """The processes in the service's control group, by id: their words."""
        group = self.show("ControlGroup").lstrip("/")
        for root in ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            file = pathlib.Path(root) / group / "cgroup.procs"
            if group and file.exists():
                return [int(pid) for pid in file.read_text().split()]
        return []

    def command(self, *words, warm=True):
        return [PML, "-p", self.name, *(["--no-fallback", "--wait"] if warm else []), *map(str, words)]

    def run(self, *words, warm=True, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.command(*words, warm=warm), capture_output=True, text=True, timeout=60, **options)

    def popen(self, *words, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def text(self, request, cwd="/"):
        """The answer to a request in the text dialect, as `echo -n … | nc -U` gets it."""
        done = subprocess.run(["nc", "-U", str(self.socket)], input=request.encode(), capture_output=True, cwd=cwd, timeout=30)
        return done.stdout.decode().splitlines()


SMALL = '[preload]\nmodules = ["json"]\n[pool]\nworkers = 3\nspare = 2\n'
_numbers = iter(range(1000))


@pytest.fixture
def pool():
    """A pool of its own, not started, with a small profile."""
    made = Pool(f"t{next(_numbers)}")
    made.write(SMALL)
    yield made
    made.stop()
    (PROFILES / f"{made.name}.toml").unlink(missing_ok=True)


@pytest.fixture
def warm_pool(pool):
    pool.start()
    return pool
