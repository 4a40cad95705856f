"""Programs that run ahead, declared and learned: the service with a real interpreter, without systemd.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

BIN = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local")) / "bin"
DEADLINE = 60

# What it has imported says whether it is the same process as python3 would have made.
TOOL = """\
import argparse, asyncio, decimal, email.message, json, logging, os, sys, unittest, xml.dom.minidom
MODULES = len(sys.modules)
if __name__ == "__main__":
    print(sys.argv, os.getcwd(), os.environ.get("COLOUR"), __file__, len(sys.stdin.read()))
    sys.exit(int(sys.argv[1]) if sys.argv[1:] else 0)
"""


def until(condition, seconds=DEADLINE):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


class Service:
    """A pmld of a profile of this test's own."""

    def __init__(self, folder):
        self.folder = folder
        self.profile = folder / "config/pml/profiles/test.toml"
        self.profile.parent.mkdir(parents=True)
        (folder / "run").mkdir(mode=0o700)
        self.socket = folder / "run/pml/test.sock"
        self.state = folder / ".local/state/pml/programs/test.json"
        self.tool = folder / "tool.py"
        self.tool.write_text(TOOL)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(folder / "run"),
                            "XDG_CONFIG_HOME": str(folder / "config")}
        if "PML_MODULE_DIR" in os.environ:
            self.environment["PML_MODULE_DIR"] = os.environ["PML_MODULE_DIR"]
        self.process = None

    def declare(self, text="", learn='programs = "none"'):
        self.profile.write_text(f'[python]\ninterpreter = "/usr/bin/python3"\n[pool]\nworkers = 2\nspare = 1\n[learn]\n{learn}\n{text}')
        return self

    def declare_tool(self, more=""):
        return self.declare(f'[program.tool]\nscript = "{self.tool}"\n{more}\n')

    def start(self):
        self.process = subprocess.Popen([BIN / "pmld", "--profile", "test"], env=self.environment, stdin=subprocess.DEVNULL,
                                        stderr=open(self.folder / "log", "a"))
        until(lambda: self.socket.exists() and self.run("-c", "").returncode == 0)
        return self

    def run(self, *words, script=None, fallback=False, environment=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.folder)
        choice = [] if fallback else ["--no-fallback", "--wait"]
        return subprocess.run([BIN / "pml", "-p", "test", *choice, *([script] if script else []), *map(str, words)],
                              env={**self.environment, **(environment or {})}, capture_output=True, text=True, timeout=DEADLINE, **options)

    def cold(self, *words, environment=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.folder)
        return subprocess.run(["/usr/bin/python3", *map(str, words)], env={**self.environment, **(environment or {})},
                              capture_output=True, text=True, timeout=DEADLINE, **options)

    def check(self, *words, **options):
        """One launch, as python3 would have it."""
        cold, warm = self.cold(self.tool, *words, **options), self.run(self.tool, *words, **options)
        assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)

    def ask(self, question):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(DEADLINE)
            peer.connect(str(self.socket))
            peer.sendall(f"{question}\n".encode())
            text = b""
            while data := peer.recv(65536):
                text += data
        return text.decode()

    def programs(self):
        return [json.loads(line) for line in self.ask("programs").splitlines() if line]

    def program(self, name="tool"):
        found = [program for program in self.programs() if program["name"] == name]
        assert len(found) == 1, self.programs()
        return found[0]

    def is_ready(self):
        return self.program()["state"] == "ready"

    def wait_ready(self):
        return until(self.is_ready)

    def warm_launches(self):
        return self.program()["warm"]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(DEADLINE) == 0
        self.process = None

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    made.close()


def test_declared_program_is_warm_after_its_first_launch(service):
    service.declare_tool().start()
    assert service.program()["state"] == "waiting"
    service.check()
    service.wait_ready()
    for status in (0, 3):
        service.check(status)
        service.wait_ready()
    program = service.program()
    assert (program["launches"], program["warm"]) == (3, 2)
    assert program["saves-usec"] > 0 and program["stops-before"]
    assert program["saved-usec"] >= program["saves-usec"]


def test_trace_says_who_served(service):
    service.declare_tool().start()
    service.check()
    service.wait_ready()
    warm = service.run(service.tool, environment={"PML_TRACE": "1"})
    service.wait_ready()
    other = service.run(service.tool, environment={"PML_TRACE": "1", "LC_ALL": "C"})
    assert "pml: by a worker of its own" in warm.stderr
    assert "pml: not by a worker of its own: variable LC_ALL" in other.stderr


def test_ahead_answers_when_it_is_ready(service):
    service.declare_tool().start()
    assert service.ask("ahead tool").startswith("error nobody has started tool")
    service.check()
    answer = service.ask("ahead tool").split()
    assert answer[0] == "ready" and int(answer[1]) > 0
    assert service.is_ready()


def test_another_caller_is_served_as_cold_and_then_run_ahead_for(service):
    service.declare_tool().start()
    service.check()
    service.wait_ready()
    for _ in range(3):
        service.check(environment={"LC_ALL": "C"})
    assert service.program()["missed"] == "variable LC_ALL"
    before = service.warm_launches()

    def is_served():
        service.check(environment={"LC_ALL": "C"})
        return service.warm_launches() > before

    until(is_served)


def test_changed_file_makes_another(service):
    service.declare_tool().start()
    service.check()
    service.wait_ready()
    first = service.program()["pid"]
    service.tool.write_text(TOOL.replace("print(", 'print("new", '))
    service.check()
    until(lambda: service.is_ready() and service.program()["pid"] != first)
    service.check(4)


# It asks whether it is there before it writes it, as many that save a picture do.
WRITER = """
import argparse, asyncio, decimal, email.message, json, logging, os, sys, unittest
if os.path.exists("NAME"):
    os.stat("NAME")
open("NAME", "a").write("x")
print(sys.argv, len(open("NAME").read()) > 0, len(sys.modules))
"""


@pytest.mark.parametrize("learn", ['programs = "none"', 'programs = "all"'])
def test_what_its_launches_change_costs_a_few_of_them_no_more(service, learn):
    service.tool.write_text(WRITER.replace("NAME", str(service.folder / "out")))
    service.declare(f'[program.tool]\nscript = "{service.tool}"\n' if "none" in learn else "", learn).start()
    name = "tool" if "none" in learn else "tool.py"
    for _ in range(3):
        service.check()
    until(service.programs)

    def is_known():
        service.check()
        return "which changes with each launch" in service.program(name).get("stops-before", "")

    until(is_known)
    until(lambda: service.program(name)["waiting"])
    before = service.program(name)
    for _ in range(4):
        service.check()
        until(lambda: service.program(name)["waiting"])
    after = service.program(name)
    assert after["pid"] == before["pid"] and after["warm"] - before["warm"] == 4
    assert service.ask(f"ahead {name}").startswith("ready")


@pytest.mark.parametrize("question, is_told", [("os.path.isdir(F)", False), ("os.path.realpath(F + '/x')", False), ("Path(F).resolve()", False), ("Path(F).is_symlink()", False), ("Path(F).samefile('/')", False), ("os.path.ismount(F)", False),
                                                ("os.listdir(F)", True), ("os.stat(F)", True), ("Path(F).stat()", True)])
def test_what_comes_into_a_folder_matters_where_that_was_asked(service, question, is_told):
    other = service.folder / "other"
    other.mkdir()
    service.tool.write_text(f"import os\nfrom pathlib import Path\nF = {str(other)!r}\n{question}\n" + TOOL)
    service.declare_tool().start()
    service.check()
    service.wait_ready()
    (other / "new").touch()
    service.check()
    assert service.warm_launches() == (0 if is_told else 1)


def test_learned_after_three_launches_and_after_a_restart(service):
    service.declare(learn='programs = "all"').start()
    for launches in (1, 2):
        service.check()
        assert service.programs() == []
    service.check()
    until(lambda: service.programs())
    until(lambda: service.program("tool.py")["state"] == "ready")
    service.check()
    assert service.program("tool.py")["warm"] == 1
    service.stop()
    text = service.state.read_text()
    assert "COLOUR" not in text and "PATH" not in text
    service.start()
    assert service.program("tool.py")["launches"] == 4
    service.check(environment={"COLOUR": "red"})
    until(lambda: service.program("tool.py")["state"] == "ready")


# What it imports depends on its words, and it reads a file that they name.
CHOOSING_TOOL = """\
import sys
words = sys.argv[1:]
import argparse, asyncio, decimal, email.message, json, unittest, xml.dom.minidom
text = open(words[0]).read()
print(text, words, sys.orig_argv[1:], len(sys.modules))
"""


@pytest.fixture
def choosing(service):
    service.tool.write_text(CHOOSING_TOOL)
    service.data = service.folder / "data"
    service.data.write_text("first")
    os.utime(service.data, (1, 1))
    return service.declare_tool().start()


def launch_until_further(service, *words):
    """With the same words, until a worker has gone on with them; gives it time between launches."""
    for _ in range(10):
        with contextlib.suppress(AssertionError):
            return until(lambda: service.program().get("repeated-stops"), 3)
        service.check(*words)
    raise AssertionError("no worker has gone on")


def test_arguments_that_come_twice_in_a_row_are_run_ahead_with(choosing):
    stop = launch_until_further(choosing, choosing.data, "more")
    assert stop.startswith("standard output: write") and stop.endswith("tool.py:5)")
    program = choosing.program()
    assert program["stops-before"] == "sys.argv"
    choosing.check(choosing.data, "more")
    after = choosing.program()
    assert after["warm"] == program["warm"] + 1
    assert after["saved-usec"] - program["saved-usec"] > 2 * program["saves-usec"]
    choosing.check(choosing.data)
    choosing.check(choosing.folder / "nowhere")
    assert choosing.program()["warm"] == after["warm"] + 2


def test_what_the_arguments_name_is_read_as_it_is_now(choosing):
    for text in ("second", "another", "third"):
        launch_until_further(choosing, choosing.data)
        choosing.data.write_text(text)
        choosing.check(choosing.data)
    choosing.data.unlink()
    choosing.check(choosing.data)


def test_data_that_always_changes_is_not_run_ahead_for_for_ever(choosing):
    def changes_in_vain():
        choosing.data.write_text(os.urandom(4).hex())
        choosing.check(choosing.data)

    changes_in_vain()
    choosing.wait_ready()
    first = choosing.program()["pid"]
    for _ in range(8):
        changes_in_vain()
    choosing.wait_ready()
    program = choosing.program()
    # A worker may just have gone on with what the last launch has read.
    assert program["pid"] == first and program["misses"] == 0


def test_a_caller_of_another_kind_is_run_ahead_for_with_its_arguments(choosing):
    choosing.tool.write_text("import os\n" + CHOOSING_TOOL.replace("text =", "home = os.environ.get('COLOUR')\ntext ="))
    launch_until_further(choosing, choosing.data)
    before = choosing.program()

    def is_served():
        choosing.check(choosing.data, environment={"COLOUR": "red"})
        program = choosing.program()
        return program["pid"] != before["pid"]

    until(is_served)
    until(lambda: choosing.program().get("repeated-stops"))


def test_arguments_are_kept_nowhere(service):
    service.declare(learn='programs = "all"').start()
    for _ in range(3):
        service.run(service.tool, "0", "--password=secret-word")
    until(lambda: service.programs())
    until(lambda: service.program("tool.py")["state"] == "ready")
    assert "secret-word" not in service.ask("programs")
    service.stop()
    assert "secret-word" not in service.state.read_text()


def test_a_script_of_a_persons_own_is_not_learned_unless_asked(service):
    service.declare(learn='programs = "installed"').start()
    for _ in range(3):
        service.check()
    until(lambda: service.programs() and service.program("tool.py")["state"] == "given-up")
    assert "pmlctl adopt tool.py" in service.program("tool.py")["reason"]


def test_what_would_save_little_is_not_learned(service):
    service.tool.write_text("import sys\nprint(sys.argv)\n")
    service.declare(learn='programs = "all"').start()
    for _ in range(3):
        service.check()
    until(lambda: service.programs() and service.program("tool.py")["state"] == "given-up")
    assert "it would save only" in service.program("tool.py")["reason"]
    service.check()


def test_most_bounds_the_learned_ones_and_keeps_the_best(service):
    service.declare(learn='programs = "all"\nmost = 1').start()
    more = {"little.py": "", "much.py": "import multiprocessing.pool, concurrent.futures, pydoc, ssl, http.server\n", "some.py": "import ssl\n"}
    for name, line in more.items():
        (service.folder / name).write_text(line + TOOL.replace(", xml.dom.minidom", ""))
    for name in more:
        for _ in range(3):
            service.run(service.folder / name)

    def are_known():
        told = {program["name"]: program for program in service.programs()}
        return len(told) == 3 and all(program["memory"] and program["saves-usec"] for program in told.values()) and told

    known = until(are_known)
    best = max(known.values(), key=lambda program: program["saves-usec"] / program["memory"])["name"]
    until(lambda: [program["name"] for program in service.programs() if program["state"] == "ready"] == [best])


def test_one_script_is_one_program_however_it_is_named(service):
    service.declare("", 'programs = "all"').start()
    (service.folder / "there").symlink_to(service.folder)
    words = ["tool.py", "./tool.py", str(service.tool), str(service.folder / "there/tool.py")]
    for word in words:
        cold, warm = service.cold(word), service.run(word)
        assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)
    program = service.program("tool.py")
    assert program["launches"] == len(words)
    assert sorted(way["target"] for way in program["ways"]) == sorted(words)
    for _ in range(2):  # each way has what runs ahead for itself
        assert service.run(str(service.tool)).returncode == 0
    assert until(lambda: service.program("tool.py")["state"] == "ready" and service.program("tool.py"))["target"] == str(service.tool)
    cold, warm = service.cold("tool.py"), service.run("tool.py")
    assert warm.stdout == cold.stdout
    assert service.ask(f"forget {service.folder}/there/tool.py") == "done\n"
    assert service.programs() == []


def test_forget(service):
    service.declare_tool().start()
    assert service.ask("forget tool") == "done\n"  # nothing is known of it yet
    service.check()
    service.wait_ready()
    template = service.program()["pid"]
    assert service.ask("forget tool") == "done\n"
    until(lambda: not pathlib.Path(f"/proc/{template}").exists())
    assert service.program()["launches"] == 0
    assert service.ask("forget nothing") == "error there is no such program\n"
    service.check()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_killed_template_under_launches(service, number):
    service.declare_tool("workers = 2").start()
    service.check()
    service.wait_ready()
    for _ in range(3):
        with contextlib.suppress(KeyError, ProcessLookupError):
            os.kill(service.program()["pid"], number)
        service.check(2)
    until(service.is_ready)
    service.check(1)


def test_killed_worker_under_launches(service):
    service.declare_tool("workers = 1").start()
    service.check()
    service.wait_ready()
    for _ in range(3):
        template = service.program()["pid"]
        for child in pathlib.Path(f"/proc/{template}/task/{template}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        service.check(2)
    until(service.is_ready)


def test_program_that_ends_ahead_is_python3s(service):
    service.tool.write_text("import json, sys\nraise SystemExit(7)\n")
    service.declare_tool().start()
    service.check()
    until(lambda: service.program()["state"] == "given-up")
    assert service.program()["reason"]
    service.check()


def test_reload_takes_a_program_back(service):
    service.declare_tool().start()
    service.check()
    service.wait_ready()
    template = service.program()["pid"]
    service.declare()
    assert service.ask("reload") == "done\n"
    until(lambda: not pathlib.Path(f"/proc/{template}").exists())
    service.check()
    time.sleep(0)
    assert not [program for program in service.programs() if program["state"] in ("ready", "running-ahead")]


def test_stop_leaves_nothing_and_ends_a_job_of_a_template(service):
    service.tool.write_text(TOOL + "")
    service.declare_tool().start()
    service.check()
    service.wait_ready()
    template = service.program()["pid"]
    waiting = subprocess.Popen([BIN / "pml", "-p", "test", "--no-fallback", service.tool], env=service.environment, cwd=service.folder,
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    until(lambda: service.warm_launches() == 1)
    service.stop()
    assert waiting.wait(DEADLINE) == -signal.SIGTERM
    until(lambda: not pathlib.Path(f"/proc/{template}").exists())


def test_signals_reach_a_job_of_a_template(service):
    service.declare_tool().start()
    service.check()
    service.wait_ready()
    waiting = subprocess.Popen([BIN / "pml", "-p", "test", "--no-fallback", service.tool], env=service.environment, cwd=service.folder,
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    until(lambda: service.warm_launches() == 1)
    until(lambda: " running " in service.ask("jobs"))
    waiting.terminate()
    assert waiting.wait(DEADLINE) == -signal.SIGTERM


def test_garbage_in_the_state_is_no_harm(service):
    service.state.parent.mkdir(parents=True)
    service.state.write_text('{"version": 1, "programs": [{]}')
    service.declare_tool().start()
    service.check()
    service.wait_ready()
