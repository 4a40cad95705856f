"""The service under systemd: reload, stop, bad profiles, and what happens when something dies."""

import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest

from conftest import PML, PREFIX, SMALL, journal, systemctl, until


def sleeper(tmp_path, name="sleeper.py"):
    """A program that says that it runs, and what it was told."""
    script = tmp_path / name
    script.write_text(
        "import pathlib, signal, sys, time\n"
        "def told(number, frame):\n    pathlib.Path('told').write_text(str(number)); sys.exit(9)\n"
        "signal.signal(signal.SIGTERM, told)\nprint('running', flush=True)\ntime.sleep(60)\n")
    return script


def start_sleeper(pool, tmp_path):
    process = pool.popen(sleeper(tmp_path), cwd=tmp_path)
    assert process.stdout.readline() == "running\n"
    return process


def test_the_units_are_clean():
    units = PREFIX / "lib/systemd/user"
    done = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", f"{units}/pml@.socket", f"{units}/pml@.service"],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_reload_takes_the_new_profile(warm_pool):
    generation = int(warm_pool.status()["generation"])
    warm_pool.write(SMALL.replace("json", "decimal").replace("workers = 3", "workers = 4"))
    systemctl("reload", warm_pool.service_unit)
    until(lambda: int(warm_pool.status()["generation"]) > generation and warm_pool.counts()["idle"] == 4)
    assert warm_pool.run("-c", "print(1)").stdout == "1\n"


def test_a_reload_does_not_touch_running_jobs(warm_pool, tmp_path):
    job = start_sleeper(warm_pool, tmp_path)
    generation = int(warm_pool.status()["generation"])
    systemctl("reload", warm_pool.service_unit)
    until(lambda: int(warm_pool.status()["generation"]) > generation and warm_pool.status()["state"] == "warm")
    assert job.poll() is None
    job.send_signal(signal.SIGTERM)
    assert job.wait(10) == 9


def test_a_bad_profile_at_reload_leaves_the_old_pool(warm_pool):
    warm_pool.write("[pool]\nworker = 3\n")
    systemctl("reload", warm_pool.service_unit, check=False)
    until(lambda: "bad" in warm_pool.show("StatusText"))
    assert warm_pool.active()
    assert warm_pool.run("-c", "print(1)", warm=False).stdout in ("1\n", "")
    assert int(warm_pool.status()["idle"]) > 0
    warm_pool.write(SMALL)
    systemctl("reload", warm_pool.service_unit)
    until(lambda: "bad" not in warm_pool.show("StatusText"))


@pytest.mark.parametrize("text", ["[pool]\nworker = 3\n", "no toml", "[pool]\nworkers = 'many'\n", "[pool]\nworkers = -1\n"])
def test_a_bad_profile_at_start_is_no_restart_loop(pool, text):
    pool.write(text)
    assert systemctl("start", pool.service_unit, check=False).returncode != 0
    time.sleep(0.5)
    assert pool.show("ExecMainStatus") == "78"
    assert pool.show("NRestarts") == "0"
    assert pool.show("ActiveState") == "failed"
    entries = journal("PML_PROFILE=" + pool.name)
    assert any(f"{pool.name}.toml:" in entry["MESSAGE"] for entry in entries)


def test_a_failing_preload_is_named_and_the_rest_is_served(pool, tmp_path):
    (tmp_path / "broken_preload.py").write_text("raise ValueError('this one is broken')\n")
    pool.write(f'[python]\npath = ["{tmp_path}"]\n[preload]\nmodules = ["broken_preload", "json"]\n')
    pool.start()
    assert "broken_preload" in pool.show("StatusText")
    assert pool.run("-c", "print(1)").stdout == "1\n"
    assert any("this one is broken" in entry["MESSAGE"] for entry in journal("PML_PROFILE=" + pool.name))


def test_stopping_tells_the_running_jobs(warm_pool, tmp_path):
    job = start_sleeper(warm_pool, tmp_path)
    systemctl("stop", warm_pool.socket_unit, warm_pool.service_unit)
    assert job.wait(10) == 9
    assert (tmp_path / "told").read_text() == str(int(signal.SIGTERM))


def test_nothing_is_left_after_a_stop(warm_pool, tmp_path):
    job = start_sleeper(warm_pool, tmp_path)
    processes = warm_pool.processes()
    assert len(processes) > 4
    systemctl("stop", warm_pool.socket_unit, warm_pool.service_unit)
    job.wait(10)
    until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in processes))
    assert not warm_pool.socket.exists()
    assert warm_pool.show("Result") == "success"


def test_a_killed_job_kills_its_client(warm_pool, tmp_path):
    job = start_sleeper(warm_pool, tmp_path)
    pid = next(int(line.split("-")[0]) for line in jobs(warm_pool))
    os.kill(pid, signal.SIGKILL)
    assert job.wait(10) == -signal.SIGKILL
    assert warm_pool.run("-c", "print(1)").stdout == "1\n"


def jobs(pool):
    """The lines of the service's list of jobs."""
    import socket
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(pool.socket))
        peer.sendall(b"jobs\n")
        text = b""
        while data := peer.recv(65536):
            text += data
    return [line for line in text.decode().splitlines() if line]


def test_a_killed_zygote_is_replaced(warm_pool, tmp_path):
    job = start_sleeper(warm_pool, tmp_path)
    zygote = int(warm_pool.status()["zygote"])
    os.kill(zygote, signal.SIGKILL)
    until(lambda: warm_pool.status()["state"] == "warm" and int(warm_pool.status()["zygote"]) not in (0, zygote))
    assert warm_pool.run("-c", "print(1)").stdout == "1\n"
    assert job.poll() is None, "running jobs go on"
    job.send_signal(signal.SIGTERM)
    assert job.wait(10) == 9, "and their ends are reported"


def test_a_killed_service_is_restarted(warm_pool, tmp_path):
    job = start_sleeper(warm_pool, tmp_path)
    pid = warm_pool.main_pid()
    os.kill(pid, signal.SIGKILL)
    done = warm_pool.run("-c", "print(1)", warm=False)
    assert (done.stdout, done.returncode) == ("1\n", 0)
    until(lambda: warm_pool.active() and warm_pool.main_pid() not in (0, pid))
    assert warm_pool.run("-c", "print(2)").stdout == "2\n"
    job.send_signal(signal.SIGTERM)
    job.wait(10)


def drop_in(pool, text):
    """Lines for the pool's own service unit, until the pool stops."""
    folder = pathlib.Path(os.environ["XDG_RUNTIME_DIR"]) / f"systemd/user/{pool.service_unit}.d"
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text(text)
    systemctl("daemon-reload")


def test_a_service_that_hangs_is_replaced_by_the_watchdog(pool):
    drop_in(pool, "[Service]\nWatchdogSec=1s\nTimeoutAbortSec=2s\nLimitCORE=0:infinity\n")
    pool.start()
    old = pool.main_pid()
    os.kill(old, signal.SIGSTOP)
    until(lambda: pool.main_pid() not in (0, old) and pool.active(), 20)
    done = pool.run("-c", "print(6*7)")
    assert (done.stdout, done.stderr) == ("42\n", "")


def test_restarts_under_load_lose_nothing(warm_pool):
    """Each caller gets its answer, warm or not, or the death that a stop deals to running jobs."""
    ends = []

    def call(seed):
        number = seed
        while not over.is_set():
            number += 1000
            done = warm_pool.run("-c", f"print({number} * 2); raise SystemExit({number} % 100)", warm=False)
            answer = (done.stdout, done.stderr, done.returncode)
            ends.append(answer == (f"{number * 2}\n", "", number % 100) or (done.returncode == -signal.SIGTERM and "stopped") or answer)

    over = threading.Event()
    callers = [threading.Thread(target=call, args=(seed,)) for seed in range(4)]
    for caller in callers:
        caller.start()
    for _ in range(8):
        before = len(ends)
        systemctl("restart", warm_pool.service_unit)
        until(lambda: len(ends) > before + 8)
    over.set()
    for caller in callers:
        caller.join()
    assert [end for end in ends if end not in (True, "stopped")] == []
    assert ends.count(True) > len(ends) * 0.8
    assert warm_pool.run("-c", "print(6*7)").stdout == "42\n"


def test_a_vanished_client_ends_its_job(warm_pool, tmp_path):
    script = tmp_path / "job.py"
    script.write_text("import time\nprint('running', flush=True)\ntime.sleep(60)\n")
    client = warm_pool.popen(script)
    assert client.stdout.readline() == "running\n"
    assert len(jobs(warm_pool)) == 1
    client.kill()
    client.wait()
    until(lambda: not jobs(warm_pool))


def test_a_detached_job_outlives_its_client(warm_pool, tmp_path):
    script = tmp_path / "job.py"
    script.write_text("import pathlib, time\ntime.sleep(0.5)\npathlib.Path('done').touch()\n")
    began = time.monotonic()
    done = subprocess.run([PML, "-p", warm_pool.name, "--no-fallback", "--detach", script], cwd=tmp_path,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
    assert done.returncode == 0
    assert time.monotonic() - began < 0.45
    until((tmp_path / "done").exists)


def test_an_idle_service_leaves_and_comes_back(pool):
    pool.write(SMALL + 'idle-exit = "1s"\n')
    pool.start()
    assert pool.run("-c", "print(1)").stdout == "1\n"
    until(lambda: pool.show("ActiveState") == "inactive")
    assert pool.show("Result") == "success"
    assert pool.run("-c", "print(2)").stdout == "2\n"


def test_an_edited_preload_is_not_served_stale(pool, tmp_path):
    module = tmp_path / "edited_preload.py"
    module.write_text("value = 'old'\n")
    pool.write(f'[python]\npath = ["{tmp_path}"]\n[preload]\nmodules = ["edited_preload"]\n')
    pool.start()
    words = ["-c", "import edited_preload; print(edited_preload.value)"]
    assert pool.run(*words).stdout == "old\n"
    module.write_text("value = 'newer'\n")
    assert pool.run(*words, warm=False).stdout == "newer\n"
    until(lambda: pool.status()["state"] == "warm")
    assert pool.run(*words).stdout == "newer\n"


@pytest.mark.parametrize("name, text", [
    ("late.pth", "import sys; sys.marked = 'pth'\n"),
    ("absent_helper.py", "value = 'there'\n"),
    ("absent_package/__init__.py", "value = 'there'\n"),
    ("edited/absent_part.py", "value = 'there'\n"),
    ("linked_target.py", "value = 'newer'\n"),
])  # fmt: skip
def test_a_file_that_python3_would_find_now_is_not_missed(pool, tmp_path, name, text):
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    site = next((tmp_path / "venv/lib").iterdir()) / "site-packages"
    package = site / "edited"
    package.mkdir()
    tries = "".join(f"try: import {one}\nexcept ImportError: pass\nelse: values.append({one}.value)\n"
                    for one in ("absent_helper", "absent_package", "edited.absent_part", "linked"))
    (package / "__init__.py").write_text(f"values = []\n{tries}")
    (site / "linked_target.py").write_text("value = 'old'\n")
    (site / "linked.py").symlink_to("linked_target.py")
    pool.write(f'[python]\ninterpreter = "{tmp_path}/venv/bin/python3"\n[preload]\nmodules = ["edited"]\n')
    pool.start()
    words = ["-c", "import sys, edited; print(edited.values, getattr(sys, 'marked', None))"]
    assert pool.run(*words).stdout == "['old'] None\n"
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text(text)
    fresh = subprocess.run([tmp_path / "venv/bin/python3", *words], capture_output=True, text=True).stdout
    assert fresh != "['old'] None\n"
    assert pool.run(*words, warm=False).stdout == fresh
    until(lambda: pool.status()["state"] == "warm")
    assert pool.run(*words).stdout == fresh


def replace(file):
    """As a package manager does it."""
    fresh = file.with_name(file.name + ".fresh")
    shutil.copy2(file, fresh)
    fresh.rename(file)


def test_an_upgraded_service_is_succeeded_when_nothing_runs(warm_pool, tmp_path):
    job = start_sleeper(warm_pool, tmp_path)
    pid = warm_pool.main_pid()
    replace(PREFIX / "bin/pmld")
    until(lambda: journal(f"_PID={pid}", "MESSAGE_ID=3c1f0b9a0cf94bb8a1f6f5a9d1a3d4e7"))
    assert warm_pool.run("-c", "print(1)").stdout == "1\n"
    assert warm_pool.main_pid() == pid and job.poll() is None, "the old one serves on while a job runs"
    job.send_signal(signal.SIGTERM)
    assert job.wait(10) == 9
    until(lambda: warm_pool.main_pid() not in (0, pid) and warm_pool.active())
    assert warm_pool.show("Result") == "success"
    assert warm_pool.run("-c", "print(2)").stdout == "2\n"
