"""Pools for environments, and many of them, under systemd."""

import os
import pathlib
import subprocess

import pytest

from conftest import PML, PREFIX, PROFILES, RUNTIME, Pool, journal, systemctl, until

PMLCTL = str(PREFIX / "bin/pmlctl")
PYTHON = "/usr/bin/python3"


@pytest.fixture
def venv(tmp_path):
    folder = tmp_path / "proj" / ".venv"
    folder.parent.mkdir()
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=True)
    return folder


def run(*words, cwd="/", **environment):
    return subprocess.run(words, env={**os.environ, **environment}, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_a_pool_for_an_environment(venv):
    made = run(PMLCTL, "profile", "new", "--venv", str(venv), "--preload", "json")
    assert made.returncode == 0, made.stderr
    pool = Pool(next(PROFILES.glob("venv-proj-*.toml")).stem)
    try:
        assert systemctl("is-enabled", pool.socket_unit).stdout.strip() == "enabled"
        assert systemctl("is-active", pool.service_unit, check=False).stdout.strip() == "active"
        done = run(PML, "--venv", "--wait", "--no-fallback", "-c", "import sys, json; print(sys.prefix)", cwd=venv.parent)
        assert (done.stdout, done.returncode) == (f"{venv}\n", 0), done.stderr
        assert pool.active()
        again = run(PMLCTL, "profile", "new", "--venv", str(venv), "--preload", "decimal")
        assert again.returncode == 0, again.stderr
        until(lambda: pool.status().get("state") == "warm" and "decimal" in str(pool.status()) or "decimal" in run(PMLCTL, "status", pool.name).stdout)
    finally:
        pool.stop()
        systemctl("disable", pool.socket_unit, check=False)
        (PROFILES / f"{pool.name}.toml").unlink()


def used_often(folder):
    """A pool's profile that is learned from three launches, or None."""
    for _ in range(3):
        done = run(PML, "-c", "import sys; print(sys.prefix)", VIRTUAL_ENV=str(folder))
        assert (done.stdout, done.returncode) == (f"{folder}\n", 0), done.stderr
    return lambda: next(PROFILES.glob(f"venv-{folder.parent.name}-*.toml"), None)


def test_an_environment_that_is_used_often_gets_a_pool(venv):
    default = Pool("default")
    default.write('[preload]\nmodules = []\n[pool]\nworkers = 1\nspare = 1\n')
    default.start()
    try:
        made = Pool(until(used_often(venv), 60).stem)
        until(lambda: journal("PML_PROFILE=default", "MESSAGE_ID=b1f0c7b86c4f4f2e9a65d1b0a2c3e957"), 60)
        assert made.active() and systemctl("is-enabled", made.socket_unit).stdout.strip() == "enabled"
        assert systemctl("is-enabled", made.service_unit, check=False).stdout.strip() != "enabled"
        done = run(PML, "--no-fallback", "--wait", "-c", "import sys; print(sys.prefix)", VIRTUAL_ENV=str(venv))
        assert (done.stdout, done.returncode) == (f"{venv}\n", 0), done.stderr
        assert "pmlctl learn" in run(PMLCTL, "profile", "list").stdout
        removed = run(PMLCTL, "profile", "remove", made.name)
        assert removed.returncode == 0 and "environments = false" in removed.stdout
        assert not made.active() and not list(PROFILES.glob("venv-*")) and not made.socket.exists()
    finally:
        default.stop()
        (PROFILES / "default.toml").unlink()
        for note in RUNTIME.glob("pml/venv-*.launch*"):
            note.unlink()


def test_none_is_made_where_the_profile_forbids_it(venv):
    default = Pool("default")
    default.write('[preload]\nmodules = []\n[pool]\nworkers = 1\nspare = 1\n[learn]\nenvironments = false\n')
    default.start()
    try:
        assert default.text(f"environment '{venv}'\n") == ["error the profile has environments = false in [learn], or there is none"]
        assert used_often(venv)() is None
    finally:
        default.stop()
        (PROFILES / "default.toml").unlink()
        for note in RUNTIME.glob("pml/venv-*.launch*"):
            note.unlink()


def test_an_interpreter_without_a_module_is_told_everywhere(pool, tmp_path):
    """Exit 78, the journal, the unit's status line; programs run python3."""
    stand_in = tmp_path / "python3"
    # A Python with another ABI's name, as far as the service can see.
    stand_in.write_text(f"#!{PYTHON}\n" "import os, sys\n"
                        "if '_pml_zygote' in sys.argv[-1]:\n"
                        "    import _imp\n"
                        "    _imp.extension_suffixes = lambda: ['.cpython-310-x86_64-linux-gnu.so']\n"
                        "    exec(sys.argv[-1].replace('import _pml_zygote', 'raise ModuleNotFoundError'))\n"
                        "os.execv('/usr/bin/python3', ['/usr/bin/python3', *sys.argv[1:]])\n")
    stand_in.chmod(0o755)
    pool.write(f'[python]\ninterpreter = "{stand_in}"\n')
    assert systemctl("start", pool.service_unit, check=False).returncode != 0
    assert pool.show("ExecMainStatus") == "78" and pool.show("NRestarts") == "0"
    sentence = f"pml was not built for {stand_in} (cpython-310-x86_64-linux-gnu); make its module: pmlctl python add {stand_in}"
    assert any(sentence in entry["MESSAGE"] for entry in journal("PML_PROFILE=" + pool.name))
    assert sentence in pool.show("StatusText")
    shown = run(PMLCTL, "status", pool.name)
    assert "pmlctl python add" in shown.stdout + shown.stderr
    assert pool.run("-c", "print(6*7)", warm=False).stdout == "42\n"


def test_fifty_profiles_cost_nothing_until_they_are_used():
    """Sockets only; what is used comes and, with idle-exit, goes again."""
    pools = [Pool(f"many{number}") for number in range(50)]
    for pool in pools:
        pool.write('[preload]\nmodules = ["json"]\n[pool]\nworkers = 1\nspare = 1\nidle-exit = "1s"\n')
    try:
        systemctl("enable", *(pool.socket_unit for pool in pools))
        systemctl("start", *(pool.socket_unit for pool in pools))

        def active():
            units = systemctl("list-units", "--no-legend", "--state=active,activating,deactivating", "pml@many*.service").stdout
            return len(units.split("\n")) - 1

        assert active() == 0 and not any(pool.processes() for pool in pools)
        assert len(list((RUNTIME / "pml").glob("many*.sock"))) == 50
        for pool in pools[:3]:
            assert pool.run("-c", "print(1)").stdout == "1\n"
        assert 1 <= active() <= 3
        until(lambda: active() == 0, 30)
        until(lambda: not any(pool.processes() for pool in pools))
        assert pools[0].run("-c", "print(2)").stdout == "2\n"
    finally:
        systemctl("disable", *(pool.socket_unit for pool in pools), check=False)
        systemctl("stop", *(pool.socket_unit for pool in pools), *(pool.service_unit for pool in pools), check=False)
        for pool in pools:
            (PROFILES / f"{pool.name}.toml").unlink()
