"""A launch, end to end: activation, the program's output and status, its entry in the journal."""

import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from conftest import PML, RUNTIME, SMALL, journal, needs, systemctl, until


def test_the_first_connection_starts_a_stopped_service(pool):
    systemctl("start", pool.socket_unit)
    assert not pool.active()
    done = pool.run("-c", "print(6*7)", warm=False)
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)
    until(pool.active)
    done = pool.run("-c", "import sys; print(6*7); sys.exit(3)")
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 3)


def test_waiting_for_a_stopped_service_is_served_warm(pool):
    systemctl("start", pool.socket_unit)
    assert pool.run("-c", "print(6*7)").stdout == "42\n"
    assert pool.active()


def test_without_a_service_the_program_runs_all_the_same(pool):
    done = pool.run("-c", "print(6*7)", warm=False)
    assert (done.stdout, done.returncode) == ("42\n", 0)
    refused = subprocess.run([PML, "-p", pool.name, "--no-fallback", "-c", "1"], capture_output=True, text=True)
    assert refused.returncode == 69
    assert refused.stderr.startswith("pml: ") and refused.stderr.count("\n") == 1


def test_a_user_that_exists_for_one_service_only(warm_pool, tmp_path):
    """DynamicUser=yes, as the system's manager would do it: no name, no home, no folder to write to, no pool."""
    user = ["unshare", "--mount", "sh", "-c", 'mount -o remount,bind,ro / && mount -t tmpfs tmpfs /tmp && exec "$@"', "sh",
            "setpriv", "--reuid=61234", "--regid=61234", "--clear-groups", "--no-new-privs",
            "env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "INVOCATION_ID=0123456789abcdef0123456789abcdef"]
    if subprocess.run([*user, PML, "--version"], capture_output=True, cwd="/").returncode:
        pytest.skip("another user cannot come to the installation")
    program = "import os, sys; print(6 * 7, os.getuid(), sys.argv, sys.flags, sys.path, dict(os.environ))"

    def said(*words, **options):
        done = subprocess.run([*user, *words], capture_output=True, text=True, cwd="/", **options)
        return done.stdout, done.stderr, done.returncode

    assert said(PML, "-c", program, "a") == said("/usr/bin/python3", "-c", program, "a")
    assert said(PML, input=program) == said("/usr/bin/python3", input=program)
    assert said(PML, "-c", "import sys; sys.exit('no')") == ("", "no\n", 1)
    # What belongs to somebody else is not used, wherever the caller is told that it is.
    assert said("env", f"XDG_RUNTIME_DIR={RUNTIME}", PML, "-p", warm_pool.name, "-c", "import os; print(os.getuid())")[0] == "61234\n"


def test_only_a_manager_that_listens_makes_pml_step_aside(warm_pool):
    def status(path):
        return warm_pool.run("-c", "print(6*7)", env={**os.environ, "NOTIFY_SOCKET": path}).returncode

    # (/run is this namespace's own.)
    host = pathlib.Path("/run/host")
    assert not host.exists() and status("/run/host/notify") != 0
    host.mkdir()
    try:
        (host / "container-manager").write_text("systemd-nspawn")
        assert (status("/run/host/notify"), status("/run/notify") != 0) == (0, True)
    finally:
        shutil.rmtree(host)


def test_ready_means_warm(pool, tmp_path):
    (tmp_path / "slow_preload.py").write_text("import time\ntime.sleep(1)\n")
    pool.write(f'[python]\npath = ["{tmp_path}"]\n[preload]\nmodules = ["slow_preload"]\n')
    systemctl("start", pool.service_unit)
    assert pool.counts()["idle"] == 5
    assert pool.run("-c", "import slow_preload").returncode == 0


def test_the_status_shows_counts(warm_pool):
    assert warm_pool.counts()["served"] == 0
    for _ in range(3):
        warm_pool.run("-c", "1")
    until(lambda: warm_pool.counts()["served"] == 3)
    until(lambda: warm_pool.counts()["running"] == 0)
    shown = systemctl("status", "--no-pager", warm_pool.service_unit).stdout
    assert "3 served" in shown


def test_a_job_has_its_entry_in_the_journal(warm_pool, tmp_path):
    script = tmp_path / "job.py"
    script.write_text("import os, sys\nprint(os.getpid())\nsys.exit(5)\n")
    done = warm_pool.run(script, "some", "words")
    entry = until(lambda: journal("PML_PROFILE=" + warm_pool.name, "PML_EXIT_STATUS=5"))[-1]
    assert entry["PML_PID"] == done.stdout.strip()
    assert entry["PML_JOB"].startswith(entry["PML_PID"] + "-")
    assert "job.py some words" in entry["PML_COMMAND"]
    assert int(entry["PML_DURATION_USEC"]) > 0
    assert len(entry["MESSAGE_ID"]) == 32


def test_a_killed_job_has_its_entry_too(warm_pool):
    done = warm_pool.run("-c", "import os; os.kill(os.getpid(), 9)")
    assert done.returncode == -signal.SIGKILL
    until(lambda: journal("PML_PROFILE=" + warm_pool.name, "PML_SIGNAL=9"))


def test_a_pipeline(warm_pool, tmp_path):
    script = tmp_path / "double.py"
    script.write_text("import sys\nfor line in sys.stdin: print(2 * int(line))\n")
    pml = " ".join(warm_pool.command(script))
    done = subprocess.run(f"seq 1000 | {pml} | {pml} | tail -1", shell=True, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("4000\n", "")


def test_two_hundred_at_once(pool, tmp_path):
    pool.write(SMALL + "max-queue = 300\n")
    pool.start()
    descriptors = lambda: len(os.listdir(f"/proc/{pool.main_pid()}/fd"))
    until(lambda: pool.counts()["idle"] == 3)
    before = descriptors()
    script = tmp_path / "many.py"
    script.write_text("import sys\nprint(sys.argv[1])\nsys.exit(int(sys.argv[1]) % 100)\n")
    running = [pool.popen(script, number) for number in range(200)]
    for number, process in enumerate(running):
        out, err = process.communicate(timeout=120)
        assert (out, err, process.returncode) == (f"{number}\n", "", number % 100)
    until(lambda: pool.counts()["served"] == 200)
    until(lambda: pool.status()["running"] == "0")
    until(lambda: descriptors() <= before + 4 and len(pool.processes()) <= 8)


def test_an_entry_point(warm_pool):
    done = warm_pool.run("-e", "no-such-entry-point")
    assert done.returncode != 0 and "no-such-entry-point" in done.stderr


QT_PROGRAM = """
import sys
from BINDING.QtCore import QTimer
from BINDING.QtWidgets import QApplication, QLabel
import numpy
app = QApplication(sys.argv)
label = QLabel(str(numpy.arange(4).sum()))
label.show()
QTimer.singleShot(50, lambda: app.exit(7 if label.isVisible() else 8))
print(label.text(), flush=True)
sys.exit(app.exec() if hasattr(app, "exec") else app.exec_())
"""


def test_a_qt_program_shows_its_window(pool, tmp_path):
    binding = next((name for name in ("PySide6", "PyQt6", "PySide2") if importlib.util.find_spec(name)), "PySide2")
    needs(f"{binding}.QtWidgets")
    needs("numpy")
    pool.write(f'[preload]\nmodules = ["numpy", "{binding}.QtWidgets"]\n')
    pool.start()
    script = tmp_path / "app.py"
    script.write_text(QT_PROGRAM.replace("BINDING", binding))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    for _ in range(2):
        done = pool.run(script, env=environment)
        assert (done.stdout, done.returncode) == ("6\n", 7), done.stderr
    until(lambda: "2 served" in systemctl("status", pool.service_unit).stdout)
    entry = until(lambda: journal("PML_PROFILE=" + pool.name, "PML_EXIT_STATUS=7"))[-1]
    assert "app.py" in entry["PML_COMMAND"]
