"""pmlctl, on a real service without systemd.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import fcntl
import json
import os
import pathlib
import signal
import struct
import subprocess
import termios
import time

import pytest

BIN = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local")) / "bin"
PYTHON = "/usr/bin/python3"


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


class World:
    """A home of this test's own with a profile "t" and, once started, its service."""

    def __init__(self, folder):
        self.folder = folder
        self.profiles = folder / ".config" / "pml" / "profiles"
        self.profiles.mkdir(parents=True)
        self.profile = self.profiles / "t.toml"
        self.profile.write_text('description = "of the test"\n[preload]\nmodules = ["json"]\n[pool]\nworkers = 2\nspare = 1\n')
        self.runtime = folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.environment = {
            "HOME": str(folder), "XDG_RUNTIME_DIR": str(self.runtime), "LANG": "C.UTF-8",
            "PATH": f"{folder}/.local/bin:{folder}/bin:/usr/bin:/bin",
        }
        for name in ("PML_MODULE_DIR", "PML_HELPER_DIR"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.services = []

    def run(self, *words, program="pmlctl", **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([BIN / program, *words], env=self.environment, cwd=self.folder, capture_output=True,
                              text=True, timeout=60, **options)

    def json(self, *words):
        done = self.run("--json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def serve(self, name="t"):
        self.services.append(subprocess.Popen([BIN / "pmld", "--profile", name], env=self.environment, stdin=subprocess.DEVNULL,
                                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        until(lambda: self.run("-p", name, "--no-fallback", "--wait", "-c", "", program="pml").returncode == 0)

    def job(self, code):
        process = subprocess.Popen([BIN / "pml", "-p", "t", "--no-fallback", "--wait", "-c", code], env=self.environment, stderr=subprocess.DEVNULL)
        name = until(lambda: [job["job"] for job in self.json("jobs") if job["state"] == "running"])[0]
        return process, name


@pytest.fixture
def idle(tmp_path):
    world = World(tmp_path)
    yield world
    for service in world.services:
        service.terminate()
    for service in world.services:
        service.wait(20)


@pytest.fixture
def world(idle):
    idle.serve()
    return idle


def refused(done, status, *texts):
    assert done.returncode == status, done
    assert done.stdout == ""
    assert done.stderr.startswith("pmlctl: ") and done.stderr.count("\n") == 1
    for text in texts:
        assert text in done.stderr


def test_list(world):
    lines = {line["profile"]: line for line in world.json("list")}
    assert lines["t"]["service"] == "standalone" and lines["t"]["description"] == "of the test"
    assert lines["default"]["service"] == "inactive"
    assert "of the test" in world.run().stdout


def test_status(world):
    world.run("-p", "t", "--no-fallback", "--wait", "-c", "raise SystemExit(3)", program="pml")
    status = until(lambda: (s := world.json("status", "t"))["served"] >= 2 and s)
    assert 0 < status["launch_p50_usec"] <= status["launch_p95_usec"] <= status["launch_p99_usec"]
    assert status["memory"]["shared_kib"] > 0 and status["memory"]["private_kib"] > 0
    assert status["state"] == "warm" and status["interpreter"] == PYTHON
    assert [preload["module"] for preload in status["preloads"]] == ["json"]
    assert status["last_jobs"][-1]["end"] == "exited:3"
    assert status["memory"]["processes"] >= 2 and status["memory"]["zygote_pss_kib"] > 0
    text = world.run("status").stdout
    assert "warm since" in text and "status 3" in text and "\033" not in text


def test_status_by_socket(world):
    assert world.json("--socket", str(world.runtime / "pml" / "t.sock"), "status")["profile"] == "t"
    refused(world.run("--socket", "/nowhere/s.sock", "status"), 3, "/nowhere/s.sock")


def test_jobs_and_kill(world):
    assert world.run("jobs").stdout == "Nothing runs.\n"
    process, name = world.job("import time; time.sleep(60)")
    assert "time.sleep(60)" in world.run("jobs", "t").stdout
    assert world.run("kill", name, "INT").returncode == 0
    assert process.wait(10) == -signal.SIGINT
    refused(world.run("kill", name), 1, "pmlctl jobs")
    process, name = world.job("import time; time.sleep(60)")
    refused(world.run("kill", name, "NOSUCH"), 64)
    assert world.run("-p", "t", "kill", name).returncode == 0
    assert process.wait(10) == -signal.SIGTERM


def test_reload(world):
    generation = world.json("status", "t")["generation"]
    assert world.run("reload", "t").returncode == 0
    until(lambda: world.json("status", "t")["generation"] > generation)
    world.profile.write_text("[pool]\nworkers = 0\n")
    refused(world.run("reload", "t"), 78, "t.toml:2:11", "reload again")
    assert "t.toml:2:11" in world.json("status", "t")["profile_error"]


def test_show(idle):
    drop_in = idle.profiles / "t.toml.d" / "10.toml"
    drop_in.parent.mkdir()
    drop_in.write_text('[preload]\nmodules = ["decimal"]\n')
    values = idle.json("show", "t")["values"]
    assert values["preload.modules"] == {"value": ["json", "decimal"], "file": str(drop_in), "files": [str(idle.profile), str(drop_in)]}
    assert values["pool.workers"] == {"value": 2, "file": str(idle.profile)}
    assert values["pool.max-queue"] == {"value": 128}
    text = idle.run("show", "t").stdout
    assert f'modules = [\n  "json",  # {idle.profile}\n  "decimal",  # {drop_in}\n]\n' in text
    assert f"workers = 2  # {idle.profile}\n" in text and "max-queue = 128  # default\n" in text
    drop_in.write_text('[preload]\nmodules = ["", "decimal"]\n')
    assert f'modules = ["decimal"]  # {drop_in}\n' in idle.run("show", "t").stdout
    refused(idle.run("show", "nosuch"), 4, "pmlctl list")


def test_check(idle):
    assert idle.run("check").returncode == 0
    idle.profile.write_text("[pool]\nworker = 3\n")
    done = idle.run("check")
    assert done.returncode == 78 and "t.toml:2:1" in done.stderr and "pool.workers" in done.stderr
    assert idle.run("check", str(idle.profile)).returncode == 78
    assert idle.run("check", "default").returncode == 0
    assert idle.run("check", "./nosuch.toml").returncode == 78
    idle.profile.write_text('[python]\ninterpreter = "/nowhere/python3"\n')
    assert "/nowhere/python3" in idle.run("check", "t").stderr


def test_doctor(world):
    findings = world.json("doctor", "t")
    assert "the service is warm" in [finding["finding"] for finding in findings]
    assert not [finding for finding in findings if finding["health"] == "bad"]
    assert world.run("doctor", "nosuch").returncode == 1


def test_why_the_last_client_stepped_aside(world):
    assert not [finding for finding in world.json("doctor", "t") if "stepped aside" in finding["finding"]]
    world.environment["PYTHONHASHSEED"] = "7"
    assert world.run("-p", "t", "-c", "print(6 * 7)", program="pml").stdout == "42\n"
    del world.environment["PYTHONHASHSEED"]
    findings = {finding["finding"]: finding["remedy"] for finding in world.json("doctor", "t")}
    assert "[python.env]" in findings["1 program stepped aside: environment"]
    last = [text for text in findings if text.startswith("the last one to step aside: ")]
    assert "ago, environment (PYTHONHASHSEED): -c print(6 * 7)" in last[0]
    status = world.json("status", "t")
    assert status["refused"] == {"environment": 1} and status["last_refused_detail"] == "PYTHONHASHSEED"
    text = world.run("status", "t").stdout
    assert "Stepped aside: 1 environment" in text and "environment (PYTHONHASHSEED)" in text


def test_preloads_that_fail(idle):
    (idle.folder / "lib").mkdir()
    (idle.folder / "lib" / "kills.py").write_text("import os\nos.abort()\n")
    (idle.folder / "lib" / "raises.py").write_text("raise ValueError('no luck')\n")
    idle.profile.write_text(f'[python]\npath = ["{idle.folder}/lib"]\n[preload]\nmodules = ["kills", "raises", "json"]\n')
    idle.serve()
    status = idle.json("status", "t")
    assert status["quarantined_preloads"][0]["module"] == "kills"
    assert status["failed_preloads"] == [{"module": "raises", "reason": "ValueError: no luck"}]
    text = idle.run("status", "t").stdout
    assert "Quarantined: kills" in text and "Failed: raises  ValueError: no luck" in text
    done = idle.run("doctor", "t")
    assert done.returncode == 1 and "✗ preload kills is quarantined" in done.stdout and "! preload raises failed" in done.stdout


def test_top_without_a_terminal_shows_once(world):
    assert "warm since" in world.run("top", "t").stdout


def on_a_terminal(world, *words, rows=24, until_seen=None, **environment):
    """What pmlctl writes to a terminal of 80 columns, and how it ends; interrupted once `until_seen` was written."""
    master, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
    process = subprocess.Popen([BIN / "pmlctl", *words], env={**world.environment, "TERM": "xterm", **environment}, cwd=world.folder,
                               stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    text = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        text += data
        if until_seen and until_seen in text:
            process.send_signal(signal.SIGINT)
            until_seen = None
    os.close(master)
    return text.decode(), process.wait(10)


def test_colours_are_for_terminals(world):
    assert "\033[1m" in on_a_terminal(world, "list")[0]
    assert "\033" not in on_a_terminal(world, "list", NO_COLOR="1")[0]
    assert "\033" not in on_a_terminal(world, "list", TERM="dumb")[0]
    assert "\033" not in world.run("list").stdout


def test_the_pager_is_for_what_is_longer_than_the_terminal(world):
    pager = "sed s/^/paged:/"
    assert "paged:" in on_a_terminal(world, "status", "t", rows=5, PAGER=pager)[0]
    assert "paged:" not in on_a_terminal(world, "status", "t", rows=50, PAGER=pager)[0]
    assert "paged:" not in on_a_terminal(world, "status", "t", "--no-pager", rows=5, PAGER=pager)[0]


def test_top_is_live_and_fits_the_terminal(world):
    process, name = world.job("import time; time.sleep(60) #" + "long" * 50)
    text, status = on_a_terminal(world, "top", "t", rows=20, until_seen=name.encode(), NO_COLOR="1")
    assert status == -signal.SIGINT
    screen = text.split("\033[H\033[J")[1].split("\r\n")
    assert len(screen) <= 20 and max(map(len, screen)) <= 80 and any(line.endswith("…") for line in screen)
    assert world.run("kill", name).returncode == 0 and process.wait(10) == -signal.SIGTERM


def test_suggest(idle):
    (idle.folder / "own.py").write_text("import decimal\n")
    (idle.folder / "s.py").write_text("import sys, json, own\nprint('out')\nprint('err', *sys.argv[1:], file=sys.stderr)\n")
    done = idle.run("suggest", "-p", "t", "--write", "--", "s.py", "-x")
    assert done.returncode == 0 and done.stdout.startswith("out\n") and done.stderr == "err -x\n"
    values = idle.json("show", "t")["values"]
    modules = values["preload.modules"]["value"]
    assert modules[0] == "json" and "own" not in modules
    assert idle.run("suggest", "-p", "nosuch", "s.py").returncode == 4


def test_suggest_from_what_was_seen_in_service(idle):
    idle.profile.write_text('[preload]\nmodules = ["json"]\n[pool]\nworkers = 2\nspare = 1\n')
    idle.serve()
    refused(idle.run("suggest", "-p", "t"), 1, "imports = true", "pmlctl suggest -p t -- SCRIPT")
    idle.profile.write_text('[preload]\nmodules = ["json"]\n[pool]\nworkers = 2\nspare = 1\n[watch]\nimports = true\n')
    generation = idle.json("status", "t")["generation"]
    assert idle.run("reload", "t").returncode == 0
    until(lambda: idle.json("status", "t")["generation"] > generation)
    until(lambda: idle.json("status", "t")["idle"] > 0)
    assert idle.run("suggest", "-p", "t").stdout == "No program has imported anything else that is worth preloading.\n"
    (idle.folder / "own.py").write_text("")
    (idle.folder / "s.py").write_text("import json, own, http.server\n")
    for _ in range(2):
        assert idle.run("-p", "t", "--no-fallback", "--wait", "s.py", program="pml").returncode == 0
    assert idle.run("-p", "t", "--no-fallback", "--wait", "-c", "import http.server, os; os._exit(0)", program="pml").returncode == 0
    found = until(lambda: [entry for entry in idle.json("suggest", "-p", "t") if entry.get("jobs") == 2])
    assert found[0]["module"] == "http.server" and not found[0]["preloaded"]
    assert "http.server" in idle.run("suggest", "-p", "t", "--write").stdout
    modules = idle.json("show", "t")["values"]["preload.modules"]["value"]
    assert "http.server" in modules and "own" not in modules and "json" in modules
    refused(idle.run("suggest", "-p", "nosuch"), 4, "pmlctl list")


def test_a_program_cannot_see_that_its_imports_are_noted(world):
    look = ("import os, sys, socket\n"
            "print(os.listdir('/proc/self/fd'), sorted(os.environ), sorted(sys.modules), sys.getallocatedblocks() > 0)")
    before = world.run("-p", "t", "--no-fallback", "--wait", "-c", look, program="pml").stdout
    generation = world.json("status", "t")["generation"]
    world.profile.write_text(world.profile.read_text() + "[watch]\nimports = true\n")
    assert world.run("reload", "t").returncode == 0
    until(lambda: world.json("status", "t")["generation"] > generation and world.json("status", "t")["idle"] > 0)
    assert world.run("-p", "t", "--no-fallback", "--wait", "-c", look, program="pml").stdout == before
    until(lambda: [entry for entry in world.json("suggest", "-p", "t") if entry.get("jobs")])


def test_suggest_writes_twice(idle):
    (idle.folder / "s.py").write_text("import http.server\n")
    (idle.folder / "u.py").write_text("import xml.dom.minidom\n")
    for script in ("s.py", "u.py", "u.py"):
        assert idle.run("suggest", "-p", "t", "--write", "--", script).returncode == 0
    modules = idle.json("show", "t")["values"]["preload.modules"]["value"]
    assert "http.server" in modules and "xml.dom.minidom" in modules and len(modules) == len(set(modules))


def test_complete(world):
    assert {"default", "t"} <= set(world.run("complete", "profiles").stdout.split())
    assert {"json", "email"} <= set(world.run("-p", "t", "complete", "modules").stdout.split())
    assert "json.tool" in world.run("-p", "t", "complete", "modules", "json.t").stdout.split()
    assert world.run("-p", "nosuch", "complete", "modules").stdout == ""
    (world.profiles / "wrap-x.toml").write_text("")
    (world.profiles / "wrap-y.toml").write_text("[pool]\nworkers = 1\n")
    assert world.run("complete", "wrapped").stdout == "y\n"
    process, name = world.job("import time; time.sleep(60)")
    assert world.run("complete", "jobs").stdout == name + "\n"
    assert world.run("kill", name).returncode == 0 and process.wait(10) == -signal.SIGTERM


def test_wrap_and_unwrap(idle):
    tools = idle.folder / "bin"
    tools.mkdir()
    original = "#!/usr/bin/python3\nimport sys\nfrom json import tool\nprint(sys.argv, 'json.tool' in sys.modules)\nsys.exit(7)\n"
    (tools / "tool").write_text(original)
    (tools / "tool").chmod(0o755)
    assert idle.run("wrap", "tool").returncode == 0
    launcher = idle.folder / ".local" / "bin" / "tool"
    assert launcher.read_text() == original.replace("#!/usr/bin/python3", f"#!{BIN}/pml -pwrap-tool")
    assert idle.json("show", "wrap-tool")["values"]["preload.modules"]["value"] == ["json"]
    idle.serve("wrap-tool")
    done = subprocess.run(["tool", "a b"], env=idle.environment, capture_output=True, text=True, timeout=30, executable=launcher)
    assert (done.returncode, done.stdout) == (7, f"['{launcher}', 'a b'] True\n")
    until(lambda: idle.json("status", "wrap-tool")["served"] >= 2)
    refused(idle.run("wrap", "tool"), 1, "pmlctl unwrap tool")
    assert idle.run("unwrap", "tool").returncode == 0
    assert not launcher.exists() and not (idle.profiles / "wrap-tool.toml").exists()
    refused(idle.run("unwrap", "tool"), 1, "not wrapped")
    assert idle.services[-1].wait(10) == 0


def test_wrap_keeps_what_stood_in_its_place(idle):
    place = idle.folder / ".local" / "bin"
    place.mkdir(parents=True)
    original = "#!/usr/bin/env python3\nimport decimal\n"
    (place / "tool").write_text(original)
    (place / "tool").chmod(0o755)
    assert idle.run("wrap", "tool").returncode == 0
    assert (place / "tool").read_text() != original
    assert idle.run("unwrap", "tool").returncode == 0
    assert (place / "tool").read_text() == original and os.access(place / "tool", os.X_OK)


@pytest.mark.parametrize("name, text", [("sh", "no Python script"), ("nosuch-command", "install it first"), ("a/b", "PATH")])
def test_wrap_refuses(idle, name, text):
    done = idle.run("wrap", name)
    assert done.returncode in (1, 64) and text in done.stderr
    assert not (idle.folder / ".local").exists()


def test_bench(world):
    result = world.json("bench", "-p", "t", "-n", "3", "--", "-c", "import json")
    assert result["cold"]["runs"] == result["warm"]["runs"] == 3
    assert result["warm"]["p50_usec"] > 0
    assert "MEDIAN" in world.run("bench", "-p", "t", "-n", "2", "-c", "pass").stdout
    refused(world.run("bench", "-p", "t", "-n", "2", "--", "-O", "-c", "pass"), 69, "pmlctl doctor t")


def test_nothing_runs(idle):
    refused(idle.run("status", "t"), 3, "pmld --profile t --daemonize")
    refused(idle.run("jobs", "t"), 3)
    refused(idle.run("reload", "t"), 3)
    refused(idle.run("top", "t"), 3)
    refused(idle.run("status", "nosuch"), 4, "nosuch.toml")


@pytest.mark.parametrize("words", [["statsu"], ["--nosuch"], ["kill"], ["list", "x"], ["bench", "-n", "0", "x"]])
def test_misuse(idle, words):
    refused(idle.run(*words), 64, "pmlctl --help")


@pytest.mark.parametrize("program", ["pml", "pmlctl", "pmld"])
def test_help_fits_a_screen(idle, program):
    done = idle.run("--help", program=program)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) < 24 and max(map(len, done.stdout.splitlines())) <= 80
    assert idle.run("--version", program=program).stdout.split()[0] in (program, "pmld")
