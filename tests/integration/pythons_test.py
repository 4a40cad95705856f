"""Interpreters other than the system's: virtual environments, what is installed in them, and what becomes of them.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import os
import pathlib
import shutil
import signal
import re
import subprocess
import time

import pytest

BIN = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local")) / "bin"
PYTHON = "/usr/bin/python3"
WHO = """\
import os, site, sys
print(sys.prefix, sys.base_prefix, sys.executable, sys.flags, sys.version)
print(sys.path, site.ENABLE_USER_SITE, getattr(sys, "orig_argv", None), os.path.realpath("/proc/self/exe"))
print(sorted(sys.modules))
try:
    import added
    print(added.VALUE)
except ImportError as error:
    print(error)
"""


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


class World:
    """A home of this test's own, with a virtual environment and the services that were started."""

    def __init__(self, folder):
        self.folder = folder
        self.venv = folder / "proj" / ".venv"
        self.venv.parent.mkdir()
        self.profiles = folder / ".config/pml/profiles"
        self.profiles.mkdir(parents=True)
        (folder / "run").mkdir(mode=0o700)
        self.environment = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run"), "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        for name in ("PML_MODULE_DIR", "PML_HELPER_DIR"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.services = []

    def make_venv(self, *options):
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", *options, self.venv], check=True)
        return self.python

    @property
    def python(self):
        return str(self.venv / "bin/python3")

    @property
    def packages(self):
        return next(self.venv.glob("lib/python*/site-packages"))

    def write_profile(self, name, interpreter, preload=()):
        (self.profiles / f"{name}.toml").write_text(
            f'[python]\ninterpreter = "{interpreter}"\n[preload]\nmodules = {list(preload)}\n[pool]\nworkers = 2\nspare = 1\n')

    def run(self, *words, program="pml", cwd=None, timeout=60, **environment):
        return subprocess.run([program if "/" in program else BIN / program, *map(str, words)], env={**self.environment, **environment},
                              cwd=cwd or self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    def serve(self, name):
        self.services.append(subprocess.Popen([BIN / "pmld", "--profile", name], env=self.environment, stdin=subprocess.DEVNULL,
                                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        until(lambda: self.is_warm(name))

    def is_warm(self, name):
        assert self.services[-1].poll() is None, self.services[-1].stderr.read()
        return self.run("-p", name, "--no-fallback", "--wait", "-c", "").returncode == 0

    def warm(self, name, *words, **more):
        """The same run as often as it takes until a warm interpreter served it."""
        def served():
            done = self.run("-p", name, "--no-fallback", "--wait", *words, **more)
            return done if done.returncode != 69 else None
        return until(served)

    def install(self, name, version, code="pass", entries=None, module=None):
        """Puts a distribution in place as pip does: the old one goes, the new one comes."""
        for old in self.packages.glob(f"{name}-*.dist-info"):
            shutil.rmtree(old)
        info = self.packages / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = "".join(f"{key} = {value}\n" for key, value in (entries or {}).items())
        (info / "entry_points.txt").write_text(f"[console_scripts]\n{lines}")
        temporary = self.packages / "new"
        temporary.write_text(code)
        temporary.rename(self.packages / f"{module or name}.py")

    def end(self):
        for service in self.services:
            if service.poll() is None:
                service.send_signal(signal.SIGTERM)
        for service in self.services:
            service.wait(20)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.end()


def outcome(done):
    return done.stdout, done.stderr, done.returncode


def both(world, name, interpreter, *words, **more):
    """What the interpreter itself and a warm one make of it; they must be the same."""
    cold = world.run(*words, program=interpreter, **more)
    warm = world.warm(name, *words, **more)
    assert outcome(warm) == outcome(cold)
    return warm.stdout


@pytest.mark.parametrize("options", [[], ["--system-site-packages"], ["--copies"]], ids=["plain", "system", "copies"])
def test_a_virtual_environment_is_what_its_own_python_makes_of_it(world, options):
    python = world.make_venv(*options)
    (world.folder / "elsewhere").mkdir()
    (world.folder / "elsewhere/added.py").write_text("VALUE = 'by the .pth file'\n")
    (world.packages / "more.pth").write_text(f"{world.folder}/elsewhere\nimport sys; sys.by_pth = 1\n")
    world.write_profile("v", python, ["json"])
    world.serve("v")
    (world.folder / "who.py").write_text(WHO)
    shown = both(world, "v", python, "who.py")
    assert str(world.venv) in shown and "by the .pth file" in shown
    both(world, "v", python, "-c", "import sys, json; print(sys.by_pth, json.__file__)")
    both(world, "v", python, "-m", "site")


def test_an_exit_call_that_a_pth_file_registered_is_each_jobs(world):
    python = world.make_venv()
    (world.packages / "last.pth").write_text("import atexit; atexit.register(print, 'the last word')\n")
    world.write_profile("v", python, ["json"])
    world.serve("v")
    for _ in range(4):
        assert "the last word" in both(world, "v", python, "-c", "import atexit; print(atexit._ncallbacks())")


def test_a_preload_that_is_missing_leaves_no_trace(world):
    python = world.make_venv()
    world.write_profile("v", python, ["json", "no_such_module"])
    world.serve("v")
    both(world, "v", python, "-c", "import linecache; print(linecache.cache)")


def test_a_new_pth_file_takes_effect(world):
    python = world.make_venv()
    world.write_profile("v", python)
    world.serve("v")
    (world.packages / "late.pth").write_text("import sys; sys.late = 'seen'\n")
    assert both(world, "v", python, "-c", "import sys; print(sys.late)") == "seen\n"
    (world.packages / "late.pth").unlink()
    assert both(world, "v", python, "-c", "import sys; print(hasattr(sys, 'late'))") == "False\n"


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_an_environment_that_is_gone_is_a_clear_error(world, how):
    python = world.make_venv()
    world.write_profile("v", python)
    world.serve("v")
    if how == "deleted":
        shutil.rmtree(world.venv)
    else:
        world.venv.rename(world.folder / "other")
    done = world.run("-p", "v", "-c", "print('ran')")
    assert done.stdout == "ran\n" and done.returncode == 0
    assert done.stderr.startswith(f"pml: cannot execute the interpreter {python}: ") and done.stderr.count("\n") == 1


def test_the_python_of_an_environment_without_a_pool(world):
    python = world.make_venv()
    (world.venv.parent / "deep/er").mkdir(parents=True)
    show = "import sys; print(sys.prefix, sys.executable, sys.argv)"
    cold = world.run("-c", show, "a", program=python)
    assert outcome(world.run("--venv", "-c", show, "a", cwd=world.venv.parent / "deep/er")) == outcome(cold)
    assert outcome(world.run("--venv", "-c", show, "a", VIRTUAL_ENV=str(world.venv))) == outcome(cold)
    strict = world.run("--venv", "--no-fallback", "-c", show, cwd=world.venv.parent)
    assert strict.returncode == 69 and "venv-proj-" in strict.stderr


def test_where_there_is_no_environment(world):
    done = world.run("--venv", "-c", "print(1)")
    assert done.returncode == 0 and done.stdout == "1\n" and done.stderr.count("\n") == 1 and ".venv" in done.stderr
    done = world.run("--venv", "-c", "print(1)", VIRTUAL_ENV=str(world.folder))
    assert done.returncode == 0 and str(world.folder) in done.stderr
    assert world.run("--venv", "-p", "x", "-c", "").returncode == 64


def test_a_pool_of_an_environment(world):
    world.make_venv()
    made = world.run("profile", "new", "--venv", world.venv, "--preload", "json", "--preload=decimal", program="pmlctl")
    assert made.returncode == 0, made.stderr
    profile = next(world.profiles.glob("venv-proj-*.toml"))
    assert 'modules = ["json", "decimal"]' in profile.read_text() and str(profile) in made.stdout
    world.serve(profile.stem)
    (world.folder / "link").symlink_to(world.venv)
    show = "import sys, json; print(sys.prefix, sys.executable, sys.path)"
    cold = world.run("-c", show, program=world.python)
    for where in ({"cwd": world.venv.parent}, {"VIRTUAL_ENV": str(world.venv)}, {"VIRTUAL_ENV": str(world.folder / "link")}):
        warm = until(lambda: (done := world.run("--venv", "--no-fallback", "--wait", "-c", show, **where)).returncode == 0 and done)
        assert outcome(warm) == outcome(cold)
    assert outcome(world.run("--venv", "-O", "-c", show, cwd=world.venv.parent)) == outcome(cold)


def test_profile_new_says_what_is_wrong(world):
    for words, part in ((["--venv", world.folder], "no virtual environment"), (["--venv", "/nowhere"], "no virtual environment")):
        done = world.run("profile", "new", *words, program="pmlctl")
        assert done.returncode == 78 and part in done.stderr and done.stderr.count("\n") == 1
    assert world.run("profile", "new", program="pmlctl").returncode == 64
    world.make_venv()
    assert world.run("profile", "new", "--venv", world.venv, program="pmlctl").returncode == 0
    own = next(world.profiles.glob("venv-*.toml"))
    own.write_text("[pool]\nworkers = 9\n")
    assert world.run("profile", "new", "--venv", world.venv, program="pmlctl").returncode == 1
    assert own.read_text() == "[pool]\nworkers = 9\n"


def test_doctor_tells_of_another_environment(world):
    world.make_venv()
    world.write_profile("default", PYTHON)
    text = world.run("doctor", program="pmlctl", VIRTUAL_ENV=str(world.venv)).stdout
    assert "has no pool" in text and f"pmlctl profile new --venv {world.venv}" in text


def test_entry_points_come_from_the_index_and_follow_what_is_installed(world):
    python = world.make_venv()
    world.install("My_Tool", "1.0", "import sys\ndef main():\n    print('one', sys.argv, __name__, 'importlib.metadata' in sys.modules)\n    return 5\n",
                  {"tool": "my_tool:main"}, "my_tool")
    world.write_profile("v", python, ["my_tool"])
    world.serve("v")

    def everywhere(*words):
        cold = world.run("-p", "v", "--socket", "/nowhere", *words)
        warm = world.warm("v", *words)
        assert outcome(warm) == outcome(cold)
        return warm

    first = everywhere("-e", "tool", "a")
    assert first.stdout.startswith("one ['tool', 'a']") and first.returncode == 5
    for spec in ("My_Tool:tool", "my.tool==1.0:tool", "my-tool:console_scripts:tool"):
        assert everywhere("-e", spec, "a").stdout == first.stdout
    assert "The 'my_tool==2.0' distribution was not found" in everywhere("-e", "my_tool==2.0:tool").stderr
    assert "ImportError: Entry point ('console_scripts', 'nope') not found" in everywhere("-e", "nope").stderr
    assert "No package metadata was found for other" in everywhere("-e", "other:tool").stderr

    world.install("My_Tool", "2.0", "def main():\n    print('two')\n", {"tool": "my_tool:main", "late": "my_tool:main"}, "my_tool")
    assert everywhere("-e", "tool").stdout == "two\n"
    assert everywhere("-e", "late").stdout == "two\n"
    assert everywhere("-e", "my_tool==2.0:tool").returncode == 0
    assert everywhere("-e", "my_tool==1.0:tool").returncode == 1
    shutil.rmtree(next(world.packages.glob("My_Tool-*.dist-info")))
    assert everywhere("-e", "tool").returncode == 1


def test_a_launch_by_name_scans_nothing(world):
    python = world.make_venv()
    world.install("tool", "1.0", "def main():\n    print('ran')\n", {"tool": "tool:main"})
    world.write_profile("v", python)
    world.serve("v")
    world.install("tool", "1.1", "import sys\ndef main():\n    print('importlib.metadata' in sys.modules, 'email' in sys.modules)\n", {"tool": "tool:main"})
    assert world.warm("v", "-e", "tool").stdout == "False False\n"


def test_an_upgrade_under_a_running_service(world):
    """A module that was preloaded, then the interpreter itself, are replaced while programs run."""
    python = world.make_venv("--copies")
    world.install("lib", "1.0", "VALUE = 1\n")
    world.write_profile("v", python, ["lib"])
    world.serve("v")
    show = "import lib, os; print(lib.VALUE, os.stat('/proc/self/exe').st_ino)"
    old = both(world, "v", python, "-c", show)
    running = subprocess.Popen([BIN / "pml", "-p", "v", "--no-fallback", "--wait", "-c", "import lib; print(1, flush=True); input(); print(lib.VALUE)"],
                               env=world.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "1\n"
    for value in range(2, 6):
        world.install("lib", f"{value}.0", f"VALUE = {value}  {'#' * value}\n")  # as long as no other: .pyc files know the time in seconds
        # At once: by the stale pool's refusal or by a new pool, never by the old one.
        done = world.run("-p", "v", "-c", show)
        assert done.stdout.split()[0] == str(value), done
    copy = pathlib.Path(python).with_name("new")
    shutil.copy2(python, copy)
    copy.rename(python)
    new = world.run("-p", "v", "-c", show).stdout
    assert new.split()[0] == "5" and new.split()[1] == str(os.stat(python).st_ino) != old.split()[1]
    assert both(world, "v", python, "-c", show) == new
    assert running.communicate("\n")[0] == "1\n" and running.returncode == 0


def test_in_pythons_place(world):
    """pml is the first python3 in PATH."""
    world.write_profile("default", PYTHON, ["runpy", "argparse", "unittest"])
    world.serve("default")
    front = world.folder / "front"
    front.mkdir()
    for name in ("python3", "python"):
        (front / name).symlink_to(BIN / "pml")
    script = world.folder / "script"
    script.write_text("#!/usr/bin/env python3\nimport sys, subprocess\nprint(sys.argv, sys.executable)\n"
                      "sys.stdout.flush()\nsys.exit(subprocess.run(['python3', '-c', 'print(6*7)']).returncode)\n")
    script.chmod(0o755)
    (world.folder / "test_it.py").write_text("import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(1, 1)\n")

    def same(program, *words):
        cold = world.run(*words, program=program)
        path = f"{front}:/usr/bin:/bin"
        name = str(front / "python3") if program == PYTHON else program
        warm = world.run(*words, program=name, PATH=path)
        clean = lambda text: re.sub(r"in \d+\.\d+s", "in ?s", text)  # noqa: E731
        assert tuple(map(clean, map(str, outcome(warm)))) == tuple(map(clean, map(str, outcome(cold))))
        return warm

    assert same(str(script)).stdout == f"['{script}'] {PYTHON}\n42\n"
    same(PYTHON, "-m", "unittest", "test_it")
    same(PYTHON, "--version")
    same(PYTHON, "-c", "import sys; print(sys.executable, sys.argv, sys.orig_argv)")
    same(PYTHON, "-m", "venv", "--help")
    for module, words in (("pip", ["--version"]), ("pytest", ["-q", "-p", "no:cacheprovider", "test_it.py"])):
        if subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True).returncode == 0:
            assert same(PYTHON, "-m", module, *words).returncode == 0
    made = world.run("-m", "venv", "--without-pip", "fresh", program=str(front / "python3"), PATH=f"{front}:/usr/bin:/bin")
    assert made.returncode == 0, made.stderr
    assert os.path.realpath(world.folder / "fresh/bin/python3") == os.path.realpath(PYTHON)
    for words in (["-c", "pass"], ["-m", "unittest", "test_it"]):
        traced = world.run(*words, program=str(front / "python3"), PML_TRACE="1").stderr
        assert "cold" not in traced and "started" in traced


def test_an_interpreter_without_a_module(world):
    """The error names the way out, and programs run all the same."""
    world.write_profile("v", PYTHON)
    empty = world.folder / "none"
    empty.mkdir()
    done = world.run("--profile", "v", program="pmld", PML_MODULE_DIR=str(empty))
    assert done.returncode == 78
    assert f"pmlctl python add {PYTHON}" in done.stderr and f"-Dinterpreters={PYTHON}" in done.stderr
    assert world.run("-p", "v", "-c", "print(6*7)").stdout == "42\n"
    listed = world.run("python", "list", program="pmlctl", PML_MODULE_DIR=str(empty))
    assert f"none: pmlctl python add {PYTHON}" in listed.stdout


def test_python_add_says_what_is_missing(world):
    def fails(*words, **environment):
        done = world.run("python", "add", *words, program="pmlctl", **environment)
        assert done.returncode != 0 and done.stderr.startswith("pmlctl: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr
    assert "no Python interpreter" in fails("/bin/true")
    assert "no Python interpreter" in fails("/nowhere/python3")
    assert "no compiler /nowhere/c++" in fails(PYTHON, CXX="/nowhere/c++")
    assert "module-src" in fails(PYTHON, PML_MODULE_SOURCE=str(world.folder / "module-src"))
    headless = world.folder / "headless"
    headless.write_text(f"#!/bin/sh\nprintf '%s\\n' cpython-312-x86_64-linux-gnu 3.12.0 /x /x/include\n")
    headless.chmod(0o755)
    assert "the headers of" in fails(headless)
    for abi, part in (("cpython-38-x86_64-linux-gnu", "3.8"), ("cpython-313t-x86_64-linux-gnu", "free-threaded"),
                      ("cpython-311d-x86_64-linux-gnu", "debug"), ("pypy310-pp73-x86_64-linux-gnu", "no CPython")):
        headless.write_text(f"#!/bin/sh\nprintf '%s\\n' {abi} 3.x /x /x/include\n")
        assert part in fails(headless)


@pytest.mark.skipif("PML_MODULE_DIR" in os.environ, reason="once is enough, with the programs as they are installed")
def test_python_add_makes_a_module_that_serves(world):
    """For the user alone or, by root, for all: here into a folder of the test's."""
    modules = world.folder / "modules"
    modules.mkdir()
    world.environment["PML_MODULE_DIR"] = str(modules)
    made = world.run("python", "add", PYTHON, program="pmlctl", timeout=400, XDG_DATA_HOME=str(world.folder / "data"), CXXFLAGS="-O0")
    assert made.returncode == 0, made.stderr
    found = list(world.folder.rglob("_pml_zygote*.so"))
    assert len(found) == 1 and str(found[0]) in made.stdout
    world.environment["XDG_DATA_HOME"] = str(world.folder / "data")
    assert str(found[0]) in world.run("python", "list", program="pmlctl").stdout
    world.write_profile("v", PYTHON, ["json"])
    world.serve("v")
    assert world.warm("v", "-c", "import json; print(json.dumps(1))").stdout == "1\n"
