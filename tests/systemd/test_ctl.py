"""pmlctl where a user manager runs."""

import json
import os
import pathlib
import subprocess

from conftest import PREFIX, PROFILES, Pool, systemctl, until


def ctl(*words, status=0, error=True, **environment):
    done = subprocess.run([PREFIX / "bin/pmlctl", *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment})
    assert done.returncode == status, done
    return done.stderr if status != 0 and error else done.stdout


def state(unit):
    return systemctl("is-active", unit, check=False).stdout.strip()


def test_looking_wakes_no_one(pool):
    systemctl("start", pool.socket_unit)
    lines = {line["profile"]: line for line in json.loads(ctl("list", "--json"))}
    assert (lines[pool.name]["socket"], lines[pool.name]["service"]) == ("listening", "inactive")
    assert f"pmlctl start {pool.name}" in ctl("status", pool.name, status=3)
    assert "sleeps" in ctl("doctor", pool.name)
    assert state(pool.service_unit) == "inactive"


def test_status_and_reload_of_a_unit(warm_pool):
    before = json.loads(ctl("status", "--json", warm_pool.name))[0]
    assert before["state"] == "warm"
    ctl("reload", warm_pool.name)
    assert json.loads(ctl("status", "--json", warm_pool.name))[0]["generation"] > before["generation"]
    warm_pool.write("nonsense = 1\n")
    assert "nonsense" in ctl("reload", warm_pool.name, status=78)
    assert state(warm_pool.service_unit) == "active"


def test_roots_logs_are_in_the_journal_of_the_system(warm_pool, tmp_path):
    fake = tmp_path / "journalctl"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    words = ctl("logs", "--no-pager", warm_pool.name, PATH=f"{tmp_path}:{os.environ['PATH']}").split()
    assert words == [f"--user-unit={warm_pool.service_unit}", *(["--user"] if os.getuid() > 999 else []), "--no-pager"]


def enabled(unit):
    return systemctl("is-enabled", unit, check=False).stdout.strip() == "enabled"


def outdated(pool):
    return "yes" in systemctl("show", "-P", "NeedDaemonReload", pool.socket_unit, pool.service_unit).stdout


def test_the_life_of_a_unit(pool):
    pool.write("[pool]\nworkers = 1\n")
    ctl("start", pool.name)
    assert json.loads(ctl("status", "--json", pool.name))[0]["state"] == "warm"
    assert not enabled(pool.socket_unit)
    ctl("enable", pool.name)
    assert enabled(pool.socket_unit) and enabled(pool.service_unit) and not outdated(pool)
    job = pool.popen("-c", "import time; print('runs', flush=True); time.sleep(60)")
    assert job.stdout.readline() == "runs\n"
    socket = systemctl("show", "-P", "ActiveEnterTimestampMonotonic", pool.socket_unit).stdout
    ctl("restart", pool.name)  # no terminal: it does not ask
    assert job.wait(30) == -15
    assert systemctl("show", "-P", "ActiveEnterTimestampMonotonic", pool.socket_unit).stdout == socket
    assert "still runs" in ctl("disable", pool.name)
    assert not outdated(pool)
    assert not enabled(pool.socket_unit) and not enabled(pool.service_unit) and state(pool.service_unit) == "active"
    ctl("logs", "--no-pager", "-n", "50", pool.name)
    ctl("stop", pool.name)
    assert state(pool.socket_unit) == "inactive" and state(pool.service_unit) == "inactive"


def test_doctor_of_a_failed_unit(pool):
    pool.write("nonsense = 1\n")
    systemctl("start", pool.socket_unit)
    systemctl("start", pool.service_unit, check=False)
    said = ctl("doctor", pool.name, status=1, error=False)
    assert "✗ the service has failed" in said and "the service sleeps" not in said


def test_adopt_and_unadopt(tmp_path):
    tools, home = tmp_path / "bin", tmp_path / "home"
    tools.mkdir()
    home.mkdir()
    (tools / "tool").write_text("#!/usr/bin/python3\nimport json\nprint('ran')\n")
    (tools / "tool").chmod(0o755)
    path = f"{home}/.local/bin:{tools}:{os.environ['PATH']}"
    pool = Pool("default")
    try:
        assert "the same cold and warm" in ctl("adopt", "tool", HOME=str(home), PATH=path)
        assert state(pool.socket_unit) == "active" and state(pool.service_unit) == "active"
        assert enabled(pool.socket_unit) and enabled(pool.service_unit)
        done = subprocess.run(["tool"], env={**os.environ, "HOME": str(home), "PATH": path, "PML_TRACE": "1"}, capture_output=True,
                              text=True, timeout=30, executable=home / ".local/bin/tool")
        assert done.stdout == "ran\n" and "started" in done.stderr
        ctl("unadopt", "tool", HOME=str(home), PATH=path)
        assert not (PROFILES / "default.toml.d").exists() and not list(pathlib.Path(home / ".local/bin").iterdir())
    finally:
        ctl("disable", "default")
        pool.stop()


def test_a_program_that_cannot_be_served_is_not_adopted(tmp_path):
    """The interpreter is one that pml was not built for."""
    tools, home = tmp_path / "bin", tmp_path / "home"
    tools.mkdir()
    home.mkdir()
    (tools / "python3.99").write_text("#!/bin/sh\n[ \"$1\" = -c ] && [ \"$2\" = pass ] && exit 0\nexit 1\n")
    (tools / "python3.99").chmod(0o755)
    (tools / "tool").write_text("#!/usr/bin/env python3.99\nimport json\n")
    (tools / "tool").chmod(0o755)
    said = ctl("adopt", "tool", status=78, HOME=str(home), PATH=f"{tools}:{os.environ['PATH']}")
    assert said.startswith("pmlctl: ") and "python3.99 is no Python that can be executed" in said
    assert not list(home.rglob("tool")) and not (PROFILES / "python3.99.toml").exists()


def test_the_last_reason_is_told_by_doctor(warm_pool):
    ctl("doctor", warm_pool.name)
    assert warm_pool.run("-c", "print(1)", warm=False, env={**os.environ, "MALLOC_ARENA_MAX": "3"}).stdout == "1\n"
    said = ctl("doctor", warm_pool.name)
    assert "the last one to step aside: " in said and "MALLOC_ARENA_MAX" in said
    assert f"! {warm_pool.socket_unit} is not enabled" in said


def test_jobs_and_kill_of_a_unit(warm_pool):
    job = warm_pool.popen("-c", "import time; print('runs', flush=True); time.sleep(60)")
    assert job.stdout.readline() == "runs\n"
    running = [entry for entry in json.loads(ctl("jobs", "--json")) if entry["profile"] == warm_pool.name]
    assert len(running) == 1 and running[0]["state"] == "running"
    ctl("kill", running[0]["job"], "KILL")
    assert job.wait(10) == -9
    until(lambda: "SIGKILL" in ctl("status", warm_pool.name))


def hurry():
    """A verification runs at idle priority: on a busy machine that is never."""
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.sched_getscheduler(int(entry.name)) == os.SCHED_IDLE and b"verify" in (entry / "cmdline").read_bytes():
                os.sched_setscheduler(int(entry.name), os.SCHED_OTHER, os.sched_param(0))
        except OSError:
            pass


def test_what_the_service_runs_for_itself_is_no_program_that_could_be_ended(warm_pool):
    def verified():
        hurry()
        assert ctl("jobs", warm_pool.name) == "Nothing runs.\n"
        return warm_pool.status()["unverified"] == "0"
    assert not verified()
    until(verified, 120)


def test_a_preload_that_fails_is_told_with_what_to_do(tmp_path):
    pool = Pool("fails")
    try:
        assert "pmlctl reload fails" in ctl("profile", "new", "fails", "--preload", "nosuchmodule")
    finally:
        ctl("profile", "remove", "fails")
    assert state(pool.socket_unit) == "inactive" and not (PROFILES / "fails.toml").exists()


def test_without_a_user_manager(tmp_path):
    """What is said names a way that needs none."""
    said = ctl("status", "default", status=3, XDG_RUNTIME_DIR=str(tmp_path), DBUS_SESSION_BUS_ADDRESS="unix:path=/nowhere")
    assert "pmlctl start default" in said
    said = ctl("doctor", "default", XDG_RUNTIME_DIR=str(tmp_path), DBUS_SESSION_BUS_ADDRESS="unix:path=/nowhere")
    assert "! no user manager can be reached" in said and "pmlctl start default" in said
