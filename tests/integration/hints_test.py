"""What pml says to a person who types: hints about cold starts, options that were nearly right; and the active environment."""

import os
import pty
import subprocess
import time

import pytest

from ctl_test import BIN, PYTHON, World, until

PML = str(BIN / "pml")


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    for service in world.services:
        service.terminate()
        service.wait(20)


def at_terminal(world, *words, **environment):
    """What stands on the terminal afterwards."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(world.folder)
        os.execve(PML, ["pml", *words], {**world.environment, **environment})
    text = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        text += data
    os.waitpid(child, 0)
    os.close(terminal)
    return text.decode().replace("\r\n", "\n")


def stamps(world):
    return {path.name for path in (world.folder / ".local/state/pml/hints").glob("*")}


def test_a_cold_start_is_told_once_a_day(world):
    said = at_terminal(world, "-c", "print(6 * 7)")
    assert said.count("\n") == 2 and said.endswith("42\n")
    assert said.startswith("pml: this ran cold: the service cannot be reached") and "pmlctl enable default" in said and "PML_QUIET=1" in said
    assert stamps(world) == {"no-service"}
    assert at_terminal(world, "-c", "print(6 * 7)") == "42\n"
    stamp = world.folder / ".local/state/pml/hints/no-service"
    yesterday = time.time() - 25 * 3600
    os.utime(stamp, (yesterday, yesterday))
    assert "pmlctl enable default" in at_terminal(world, "-c", "print(6 * 7)")
    assert at_terminal(world, "-c", "print(6 * 7)") == "42\n"


def test_each_reason_is_told(world):
    world.serve("t")
    said = at_terminal(world, "-p", "t", "-c", "print(1)", PYTHONHASHSEED="7")
    assert "unset PYTHONHASHSEED" in said and "pmlctl edit t" in said and said.endswith("\n1\n")
    assert "pmlctl enable default" in at_terminal(world, "-c", "print(1)")
    assert stamps(world) == {"environment", "no-service"}


def test_nothing_is_told_where_nothing_can_be_done(world):
    assert at_terminal(world, "-O", "-c", "print(1)") == "1\n"


@pytest.mark.parametrize("words, environment", [([], {"PML_QUIET": "1"}), ([], {"PML": "0"}), ([], {"XDG_STATE_HOME": "/proc/nowhere"})])
def test_who_wants_none_gets_none(world, words, environment):
    assert at_terminal(world, *words, "-c", "print(1)", **environment) == "1\n"
    assert stamps(world) == set()


def test_a_profile_can_forbid_it(world):
    world.profile.write_text("[hints]\ncold = false\n")
    assert at_terminal(world, "-p", "t", "-c", "print(1)") == "1\n"


def test_no_terminal_no_hint(world):
    done = world.run("-c", "print(1)", program="pml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "") and stamps(world) == set()


def test_the_program_sees_nothing_of_it(world):
    look = "import os, sys; print(sys.argv, sys.orig_argv[1:], sorted(os.environ), os.listdir('/proc/self/fd'))"
    with_hint = at_terminal(world, "-c", look).split("\n", 1)[1]
    assert with_hint == at_terminal(world, "-c", look)


@pytest.fixture
def venv(world):
    folder = world.folder / "shop/.venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=True)
    (next(folder.glob("lib/python*/site-packages")) / "only_there.py").write_text("")
    return folder


LOOK = "import sys, only_there; print(sys.executable, sys.prefix)"


def test_the_active_environment_is_meant(world, venv):
    cold = subprocess.run([venv / "bin/python3", "-c", LOOK], capture_output=True, text=True, check=True).stdout
    world.environment["VIRTUAL_ENV"] = str(venv)
    done = world.run("-c", LOOK, program="pml")
    assert (done.returncode, done.stdout) == (0, cold), done
    assert f"pmlctl profile new --venv {venv}" in at_terminal(world, "-c", LOOK)
    assert world.run("profile", "new", "--venv", str(venv)).returncode == 0
    name = next(world.profiles.glob("venv-*.toml")).stem
    world.serve(name)
    done = until(lambda: (done := world.run("--no-fallback", "--wait", "-c", LOOK, program="pml")).returncode == 0 and done)
    assert done.stdout == cold
    assert world.json("status")[0]["profile"] == name and world.json("show")[0]["profile"] == name
    link = world.folder / "python3"
    link.symlink_to(PML)
    assert subprocess.run([link, "-c", LOOK], env={**world.environment, "PML_TRACE": "1"}, capture_output=True, text=True).stdout == cold


def test_a_named_profile_is_meant_before_the_environment(world, venv):
    world.environment["VIRTUAL_ENV"] = str(venv)
    executable = "import sys; print(sys.executable)"
    assert world.run("-p", "default", "-c", executable, program="pml").stdout == PYTHON + "\n"
    world.environment["PML_PROFILE"] = "default"
    assert world.run("-c", executable, program="pml").stdout == PYTHON + "\n"


def test_an_environment_that_is_gone_is_none(world):
    world.environment["VIRTUAL_ENV"] = str(world.folder / "nowhere")
    assert world.run("-c", "import sys; print(sys.executable)", program="pml").stdout == PYTHON + "\n"


@pytest.mark.parametrize("typed, meant", [("--no-falback", "--no-fallback"), ("--wiat", "--wait"), ("--sockets", "--socket"), ("--detatch", "--detach")])
def test_options_that_are_nearly_right(world, typed, meant):
    done = world.run(typed, "-c", "print(1)", program="pml")
    assert done.returncode == 64 and f"did you mean {meant}?" in done.stderr and "pml --help" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("word", ["--venv=.venv", "--detach=1", "--wait=", "--no-fallback=yes"])
def test_options_that_take_no_value(world, word):
    done = world.run(word, "-c", "print(1)", program="pml")
    assert done.returncode == 64 and "takes no value" in done.stderr and done.stdout == ""


def test_values_that_are_missing(world):
    assert world.run("--socket=", "-c", "print(1)", program="pml").returncode == 64
    done = world.run("", "json", program="pmld")
    assert done.returncode == 64 and "has no name" in done.stderr


def test_who_forbids_python3_is_told_what_to_do(world):
    done = world.run("-p", "nosuch", "--no-fallback", "-c", "print(1)", program="pml")
    assert done.returncode == 69 and "see pmlctl doctor nosuch" in done.stderr


def test_a_profile_that_was_probably_meant(world):
    done = world.run("-p", "defualt", "-c", "print(1)", program="pml")
    assert done.stdout == "1\n" and 'did you mean "default"?' in done.stderr


def test_options_that_are_pythons(world):
    assert world.run("--check-hash-based-pycs", "always", "-c", "print(1)", program="pml").stdout == "1\n"
    cold = subprocess.run([PYTHON, "--quite-another"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    done = world.run("--quite-another", program="pml")
    assert (done.returncode, done.stderr.replace(str(BIN), "")) == (cold.returncode, cold.stderr)
