"""A program always runs: whatever is wrong with profile, folders, interpreter or environment, pml says so in one
line and executes python3. Only --no-fallback and wrong words on pml's own command line fail.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import os
import pathlib
import subprocess
import time

import pytest

BIN = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local")) / "bin"
PYTHON = "/usr/bin/python3"
SHOW = "import sys; print(sys.executable, sys.argv[1:]); sys.exit(3)"


class World:
    """A home with a profile of the name default, and another python3 in PATH than the usual one."""

    def __init__(self, folder):
        self.folder = folder
        self.profiles = folder / ".config/pml/profiles"
        self.drop_ins = self.profiles / "default.toml.d"
        self.drop_ins.mkdir(parents=True)
        self.own = self.python("own")
        self.first = self.python("first")
        (self.profiles / "default.toml").write_text(f'[python]\ninterpreter = "{self.own}"\n')
        (folder / "run").mkdir(mode=0o700)
        self.environment = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run"), "LANG": "C.UTF-8",
                            "PATH": f"{self.first.parent}:/usr/bin:/bin"}

    def python(self, name):
        """A python3 that is told apart by its path."""
        (self.folder / name).mkdir()
        path = self.folder / name / "python3"
        path.write_text(f'#!/bin/bash\nexec -a {path} {PYTHON} "$@"\n')
        path.chmod(0o755)
        return path

    def run(self, *words, program=BIN / "pml", user=None, unset=(), **environment):
        everything = {name: value for name, value in {**self.environment, **environment}.items() if name not in unset}
        return subprocess.run([program, *map(str, words)], env=everything, cwd=self.folder, stdin=subprocess.DEVNULL, user=user, group=user,
                              extra_groups=None if user is None else [], capture_output=True, text=True, timeout=60)


@pytest.fixture
def world(tmp_path):
    tmp_path.chmod(0o755)
    return World(tmp_path)


def ran(done, python, *told):
    """The program ran, by this python3, and one line tells all of that."""
    assert (done.returncode, done.stdout) == (3, f"{python} ['a']\n"), done.stderr
    if not told:
        assert done.stderr == ""
        return
    assert done.stderr.startswith("pml: ") and done.stderr.count("\n") == 1, done.stderr
    for part in (*told, str(python)):
        assert part in done.stderr


def test_nothing_wrong(world):
    ran(world.run("-c", SHOW, "a"), world.own)


DROP_INS = {"key": "[pool]\nwokers = 3\n", "value": "[pool]\nworkers = 0\n", "variable": "[python]\npath = ['$MYPROJ/lib']\n", "text": "no toml"}


@pytest.mark.parametrize("what", [*DROP_INS, "folder", "unreadable"])
def test_a_wrong_drop_in(world, what):
    path = world.drop_ins / "50-x.toml"
    if what == "folder":
        path.mkdir()
    elif what == "unreadable":
        path.symlink_to("50-x.toml")
    else:
        path.write_text(DROP_INS[what])
    ran(world.run("-c", SHOW, "a"), world.own, str(path))


@pytest.mark.parametrize("text", ["[python\n", "[python]\ninterpreter = 5\n", "[python]\ninterpreter = '$MYPROJ/python3'\n", "\0"])
def test_a_profile_that_does_not_tell_its_interpreter(world, text):
    (world.profiles / "default.toml").write_text(text)
    ran(world.run("-c", SHOW, "a"), world.first, "default.toml")


def test_a_profile_that_is_a_folder(world):
    (world.profiles / "default.toml").unlink()
    (world.profiles / "default.toml").mkdir()
    ran(world.run("-c", SHOW, "a"), world.first, "default.toml")


def test_a_profile_that_is_not_there(world):
    ran(world.run("-p", "nope", "-c", SHOW, "a"), world.first, '"nope" not found')
    ran(world.run("-c", SHOW, "a", PML_PROFILE="nope"), world.first, '"nope" not found')


def test_a_masked_profile(world):
    (world.profiles / "default.toml").write_text("")
    ran(world.run("-c", SHOW, "a"), world.first, "masked")


@pytest.mark.parametrize("name", ["../x", "a b", ".", "-p", "x" * 300])
def test_no_name_for_a_profile_in_the_environment(world, name):
    ran(world.run("-c", SHOW, "a", PML_PROFILE=name), world.first, "cannot be the name of a profile")
    link = world.folder / "links"
    link.mkdir()
    (link / "python3").symlink_to(BIN / "pml")
    ran(world.run("-c", SHOW, "a", program=link / "python3", PML_PROFILE=name), world.first, "cannot be the name of a profile")


@pytest.mark.parametrize("what", ["gone", "folder", "not executable", "pml", "no program"])
def test_an_interpreter_that_cannot_be_executed(world, what):
    world.own.unlink()
    if what == "folder":
        world.own.mkdir()
    elif what == "pml":
        world.own.symlink_to(BIN / "pml")
    elif what != "gone":
        world.own.write_bytes(b"\0\0\0\0")
        world.own.chmod(0o755 if what == "no program" else 0o644)
    ran(world.run("-c", SHOW, "a"), world.first, str(world.own))


def test_no_usual_python_but_one_in_path(world):
    (world.profiles / "default.toml").write_text('[python]\ninterpreter = "/nowhere/python3"\n')
    ran(world.run("-c", SHOW, "a"), world.first, "/nowhere/python3")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME"])
def test_the_home_of_another_user(world, variable):
    if not all(os.stat(folder).st_mode & 1 for folder in [BIN, *BIN.parents, *world.folder.parents]):
        pytest.skip("another user cannot reach the programs")
    closed = world.folder / "closed"
    (closed / ".config/pml/profiles").mkdir(parents=True)
    (closed / "pml").mkdir()
    closed.chmod(0o700)
    ran(world.run("-c", SHOW, "a", user=65534, **{variable: str(closed)}), world.first, "Permission denied")


def test_no_home_at_all(world):
    done = world.run("-c", SHOW, "a", unset=("HOME", "XDG_RUNTIME_DIR"))
    assert (done.returncode, done.stderr) == (3, "")


def test_switched_off_no_profile_is_read(world):
    (world.profiles / "default.toml").write_text("no toml")
    for words in ([], ["-p", "nope"]):
        ran(world.run(*words, "-c", SHOW, "a", PML="0"), world.first)
    ran(world.run("-c", SHOW, "a", PML="0", PML_PROFILE="a/b"), world.first)
    ran(world.run("-c", SHOW, "a", PML="0", PML_HELPER_DIR="/nowhere"), world.first)


def test_switched_off_in_front_of_itself(world):
    world.first.unlink()
    world.first.symlink_to(BIN / "pml")
    done = world.run("-c", SHOW, "a", PML="0")
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{PYTHON} ['a']\n", "")


def test_no_helper(world):
    ran(world.run("-p", "x", "-c", SHOW, "a", PML_HELPER_DIR="/nowhere"), world.first, "/nowhere/pml-cold")


def test_no_environment(world):
    ran(world.run("--venv", "-c", SHOW, "a"), world.first, ".venv")
    ran(world.run("--venv", "-c", SHOW, "a", VIRTUAL_ENV="/nowhere"), world.first, "/nowhere")


def test_what_fails_all_the_same(world):
    for words in (["-p", "../x"], ["-p", ""], ["--entry-point", ""]):
        assert world.run(*words, "-c", SHOW, "a").returncode == 64
    for words in ([], ["-p", "nope"]):
        done = world.run("--no-fallback", *words, "-c", SHOW, "a")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (69, "", 1)
    assert world.run("--no-fallback", "--venv", "-c", SHOW, "a").returncode == 78
    assert world.run("show", "nope", program=BIN / "pmlctl").returncode == 4


def test_no_python_at_all(world):
    done = world.run("-p", "nope", "-c", SHOW, "a", PATH=str(world.drop_ins))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1) and "no python3 in PATH" in done.stderr


def test_one_wrong_key_does_not_stop_the_scripts_of_a_service(world):
    """The service leaves at its next restart; who calls hears why, and runs."""
    (world.profiles / "default.toml").write_text(f'[python]\ninterpreter = "{PYTHON}"\n')
    script = world.folder / "s.py"
    script.write_text(f"#!/usr/bin/env pml\n{SHOW}\n")
    script.chmod(0o755)
    front = f"{BIN}:/usr/bin:/bin"
    module = {name: value for name, value in os.environ.items() if name == "PML_MODULE_DIR"}
    service = subprocess.Popen([BIN / "pmld", "--profile", "default"], env={**world.environment, **module}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while world.run("--no-fallback", "-c", "pass").returncode != 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (world.drop_ins / "50-x.toml").write_text("[pool]\nwokers = 3\n")
        ran(world.run("a", program=script, PATH=front), PYTHON)
    finally:
        service.terminate()
        service.wait(30)
    again = subprocess.run([BIN / "pmld", "--profile", "default"], env=world.environment, capture_output=True, timeout=30)
    assert again.returncode == 78
    ran(world.run("a", program=script, PATH=front), PYTHON, "50-x.toml", "wokers")
