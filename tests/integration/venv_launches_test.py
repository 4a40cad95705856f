"""An environment without a pool that is used often: its launches are noted, and the service is asked for one."""

import os
import resource
import socket
import subprocess
import time

import pytest

from ctl_test import PYTHON, World

LOOK = "import os, sys; print(sys.executable, sys.argv, sorted(os.environ), os.listdir('/proc/self/fd'))"


@pytest.fixture
def world(tmp_path):
    """With an environment that is active, and somebody who hears what the service would."""
    world = World(tmp_path)
    world.venv = tmp_path / "it's a shop/.venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", world.venv], check=True)
    world.environment["VIRTUAL_ENV"] = str(world.venv)
    (world.runtime / "pml").mkdir(mode=0o700)
    world.ear = socket.socket(socket.AF_UNIX)
    world.ear.bind(str(world.runtime / "pml/default.sock"))
    world.ear.listen()
    world.ear.setblocking(False)
    yield world
    world.ear.close()


def heard(world):
    """All that was said, a text for each connection."""
    texts = []
    while True:
        try:
            peer, _ = world.ear.accept()
        except BlockingIOError:
            return texts
        with peer:
            peer.setblocking(True)
            text = b""
            while data := peer.recv(65536):
                text += data
            texts.append(text.decode())


def launch(world, *options, **more):
    done = world.run(*options, "-c", LOOK, program="pml", **more)
    assert done.returncode == 0 and done.stderr == "" and done.stdout.startswith(f"{world.venv}/bin/python3 "), done
    return done.stdout


def notes(world):
    return sorted(path.suffix for path in (world.runtime / "pml").glob("venv-*"))


def test_the_third_launch_asks_and_no_other_does(world):
    cold = subprocess.run([world.venv / "bin/python3", "-c", LOOK], env=world.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=world.folder).stdout
    for number in range(1, 6):
        assert launch(world) == cold
        assert heard(world) == (["environment '" + str(world.venv).replace("'", "'\\''") + "'\n"] if number == 3 else [])
    assert notes(world) == [".launch1", ".launch2", ".launch3"]


def test_after_a_day_it_is_counted_anew(world):
    launch(world), launch(world)
    yesterday = time.time() - 25 * 3600
    for note in (world.runtime / "pml").glob("venv-*"):
        os.utime(note, (yesterday, yesterday))
    launch(world), launch(world)
    assert heard(world) == [] and len(notes(world)) == 2
    launch(world)
    assert len(heard(world)) == 1


def test_who_has_the_environment_by_its_folder_is_counted_too(world):
    del world.environment["VIRTUAL_ENV"]
    for _ in range(3):
        done = world.run("--venv", "-c", "import sys; print(sys.prefix)", program="pml", preexec_fn=lambda: os.chdir(world.venv.parent))
        assert done.stdout == f"{world.venv}\n"
    assert len(heard(world)) == 1


def test_no_program_meets_a_limit_because_of_it(world):
    def no_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for _ in range(4):
        # (What it prints goes into a pipe.)
        launch(world, preexec_fn=no_files)
    assert len(heard(world)) == 1


@pytest.mark.parametrize("environment", [{"PML": "0"}, {"PML_PROFILE": "t"}, {"XDG_RUNTIME_DIR": "/nowhere"}])
def test_others_are_not_counted(world, environment):
    world.environment.update(environment)
    for _ in range(3):
        world.run("-c", "", program="pml")
    assert notes(world) == [] and heard(world) == []


def test_what_has_a_profile_is_not_counted(world):
    assert world.run("profile", "new", "--venv", str(world.venv)).returncode == 0
    heard(world)
    for _ in range(3):
        launch(world)
    assert notes(world) == [] and not any(text.startswith("environment") for text in heard(world))


def test_a_folder_of_another_user_stays_as_it_is(world):
    if os.getuid() != 0:
        pytest.skip("needs root")
    os.chown(world.runtime / "pml", 1, 1)
    for _ in range(3):
        launch(world)
    assert notes(world) == []


def test_leaving_takes_the_notes_away(world):
    launch(world)
    assert world.run("leave").returncode == 0 and notes(world) == []


def test_without_a_manager_no_profile_is_written(world):
    done = world.run("learn", str(world.venv))
    assert done.returncode == 1 and "pmlctl profile new --venv" in done.stderr and not list(world.profiles.glob("venv-*"))
    assert world.run("learn", str(world.folder)).returncode == 78
