"""pmlctl where a user manager runs."""

import json
import os
import pathlib
import subprocess

from conftest import PREFIX, PROFILES, Pool, systemctl, until


def ctl(*words, status=0, **environment):
    done = subprocess.run([PREFIX / "bin/pmlctl", *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment})
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


def state(unit):
    return systemctl("is-active", unit, check=False).stdout.strip()


def test_looking_wakes_no_one(pool):
    systemctl("start", pool.socket_unit)
    lines = {line["profile"]: line for line in json.loads(ctl("list", "--json"))}
    assert (lines[pool.name]["socket"], lines[pool.name]["service"]) == ("listening", "inactive")
    assert pool.service_unit in ctl("status", pool.name, status=3)
    assert "sleeps" in ctl("doctor", pool.name)
    assert state(pool.service_unit) == "inactive"


def test_status_and_reload_of_a_unit(warm_pool):
    before = json.loads(ctl("status", "--json", warm_pool.name))
    assert before["state"] == "warm"
    ctl("reload", warm_pool.name)
    until(lambda: json.loads(ctl("status", "--json", warm_pool.name))["generation"] > before["generation"])
    warm_pool.write("nonsense = 1\n")
    assert "nonsense" in ctl("reload", warm_pool.name, status=78)
    assert state(warm_pool.service_unit) == "active"


def test_wrap_and_unwrap(tmp_path):
    tools, home = tmp_path / "bin", tmp_path / "home"
    tools.mkdir()
    home.mkdir()
    (tools / "tool").write_text("#!/usr/bin/python3\nimport json\nprint('ran')\n")
    (tools / "tool").chmod(0o755)
    path = f"{home}/.local/bin:{tools}:{os.environ['PATH']}"
    pool = Pool("wrap-tool")
    try:
        ctl("wrap", "tool", HOME=str(home), PATH=path)
        assert state(pool.socket_unit) == "active" and state(pool.service_unit) == "active"
        assert systemctl("is-enabled", pool.socket_unit).stdout.strip() == "enabled"
        done = subprocess.run(["tool"], env={**os.environ, "HOME": str(home), "PATH": path, "PML_TRACE": "1"}, capture_output=True,
                              text=True, timeout=30, executable=home / ".local/bin/tool")
        assert done.stdout == "ran\n" and "started" in done.stderr
        ctl("unwrap", "tool", HOME=str(home), PATH=path)
        assert state(pool.socket_unit) == "inactive" and state(pool.service_unit) == "inactive"
        assert systemctl("is-enabled", pool.socket_unit, check=False).stdout.strip() != "enabled"
        assert not (PROFILES / "wrap-tool.toml").exists() and not list(pathlib.Path(home / ".local/bin").iterdir())
    finally:
        pool.stop()
