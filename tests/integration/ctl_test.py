"""pmlctl, on a real service without systemd.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import fcntl
import json
import os
import pathlib
import re
import signal
import socket
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

    def status(self, name="t"):
        return self.json("status", name)[0]

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


# What a sandbox, a container or a debugger makes of a caller.
CONFINED = [["setpriv", "--no-new-privs"], ["unshare", "--net"]]


@pytest.mark.parametrize("confined", CONFINED, ids=lambda words: words[0])
def test_whoever_is_denied_is_told_so(world, confined):
    if subprocess.run([*confined, "true"], capture_output=True).returncode:
        pytest.skip("cannot be done here")
    process, name = world.job("import time; time.sleep(100)")

    def run(*words):
        return subprocess.run([*confined, BIN / "pmlctl", *words], env=world.environment, cwd=world.folder, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60)
    for words in (["status"], ["status", "t"], ["jobs"], ["jobs", "t"], ["reload", "t"], ["kill", name], ["programs"], ["forget", "x"],
                  ["suggest", "-p", "t"], ["top", "t"], ["stop", "t"]):
        done = run(*words)
        assert done.returncode == 3, words
        assert done.stdout == "" and done.stderr.count("\n") == 1, words
        assert "answers no such caller: the caller is" in done.stderr and "ordinary shell" in done.stderr, words
    assert [line["service"] for line in json.loads(run("--json", "list").stdout) if line["profile"] == "t"] == ["denied"]
    done = run("doctor", "t")
    assert done.returncode == 1 and "answers no such caller" in done.stdout
    assert (done := run("complete", "line", "pmlctl", "kill", "")).returncode == 0 and done.stderr == ""
    assert world.run("kill", name).returncode == 0
    process.wait(20)


def test_whoever_is_denied_before_he_has_said_a_word_is_told_so(idle):
    sentence, detail = b"the caller is more confined than the service", b"seccomp"
    body = struct.pack("<Bi", 6, 8) + b"".join(struct.pack("<I", len(text)) + text + b"\0" for text in (detail, b""))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(idle.runtime / "denies.sock"))
        server.listen()
        asked = subprocess.Popen([BIN / "pmlctl", "--socket", idle.runtime / "denies.sock", "jobs"], env=idle.environment,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        connection = server.accept()[0]
        connection.sendall(struct.pack("<I", len(body)) + body)
        connection.close()  # with what was asked unread
        out, error = asked.communicate(timeout=60)
    assert asked.returncode == 3 and out == b"" and sentence + b": " + detail + b";" in error


def test_list(world):
    lines = {line["profile"]: line for line in world.json("list")}
    assert lines["t"]["service"] == "standalone" and lines["t"]["description"] == "of the test"
    assert lines["default"]["service"] == "inactive"
    assert "of the test" in world.run().stdout


def test_status(world):
    world.run("-p", "t", "--no-fallback", "--wait", "-c", "raise SystemExit(3)", program="pml")
    status = until(lambda: (s := world.status())["served"] >= 2 and s)
    assert 0 < status["launch_p50_usec"] <= status["launch_p95_usec"] <= status["launch_p99_usec"]
    assert status["memory"]["shared_kib"] > 0 and status["memory"]["private_kib"] > 0
    assert status["state"] == "warm" and status["interpreter"] == PYTHON
    assert [preload["module"] for preload in status["preloads"]] == ["json"]
    assert status["last_jobs"][-1]["end"] == "exited:3"
    assert status["memory"]["processes"] >= 2 and status["memory"]["zygote_pss_kib"] > 0
    text = world.run("status").stdout
    assert "warm since" in text and "status 3" in text and "\033" not in text


def test_status_by_socket(world):
    assert world.json("--socket", str(world.runtime / "pml" / "t.sock"), "status")[0]["profile"] == "t"
    done = world.run("--socket", "t.sock", "status")  # a path, as for pml, and no profile's name
    refused(done, 3, "./t.sock")
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
    generation = world.status()["generation"]
    world.profile.write_text(world.profile.read_text() + "[job]\nlog-command = false\n")
    assert world.status()["to_do"] == [{"what": "the profile was edited since the pool was made", "command": "pmlctl reload t"}]
    assert "! the profile was edited" in world.run("status", "t").stdout
    assert world.run("reload", "t").returncode == 0
    status = world.status()  # it has waited
    assert status["generation"] > generation and status["state"] == "warm" and status["idle"] > 0 and status["to_do"] == []
    world.profile.write_text("[pool]\nworkers = 0\n")
    assert "t.toml:2:11" in world.status()["to_do"][0]["what"]
    refused(world.run("reload", "t"), 78, "t.toml:2:11", "reload again")
    assert "t.toml:2:11" in world.status()["profile_error"]


def test_after_a_reload_the_old_pool_serves_nobody(world):
    for number in range(10):
        python = world.folder / f"python{number}"
        python.symlink_to(PYTHON)
        world.profile.write_text(f'[python]\ninterpreter = "{python}"\n[pool]\nworkers = 3\n')
        assert world.run("reload", "t").returncode == 0
        done = world.run("-p", "t", "--no-fallback", "-c", "import sys; print(sys.executable)", program="pml")
        assert done.stdout == f"{python}\n", done


def test_show(idle):
    drop_in = idle.profiles / "t.toml.d" / "10.toml"
    drop_in.parent.mkdir()
    drop_in.write_text('[preload]\nmodules = ["decimal"]\n')
    values = idle.json("show", "t")[0]["values"]
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
    idle.profile.write_text('[python]\ninterpreter = "/bin/ls"\n')
    done = idle.run("check", "t")
    assert done.returncode == 78 and "/bin/ls" in done.stderr and "no Python" in done.stderr
    assert idle.run("check", "./nosuch.toml").returncode == 78
    idle.profile.write_text('[python]\ninterpreter = "/nowhere/python3"\n')
    assert "/nowhere/python3" in idle.run("check", "t").stderr


def test_a_line_of_quirks_that_does_not_count_is_said(idle):
    file = idle.folder / "quirks"
    good = (BIN.parent / "share/pml/quirks").read_text()
    number = good.count("\n") + 1
    file.write_text(good + "question json harmless\n")
    done = idle.run("check", str(file))
    assert done.returncode == 78 and done.stderr.startswith(f"{file}:{number}: does not count")
    assert "question MODULE:KIND harmless" in done.stderr and done.stderr.count("\n") == 1
    assert idle.run("check", str(BIN.parent / "share/pml/quirks")).returncode == 0

    # In place of the installed one, for this service and this pmlctl alone.
    installed = f"{BIN.parent}/share/pml/quirks"
    private = ["unshare", "--mount", "--", "sh", "-c", f'mount --bind {file} {installed} && exec "$@"', "sh"]
    if subprocess.run([*private, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    script = (f"{BIN}/pmld --profile t 2>{idle.folder}/log >/dev/null &"
              f" until {BIN}/pml -p t --no-fallback --wait -c '' 2>/dev/null; do sleep 0.05; done;"
              f" {BIN}/pmlctl status t; {BIN}/pmlctl check; echo $?; kill $!; wait")
    done = subprocess.run([*private, "sh", "-c", script], env=idle.environment, cwd=idle.folder, capture_output=True, text=True, timeout=60)
    assert f"{installed}:{number}: does not count" in (idle.folder / "log").read_text()
    assert f"! {installed}:{number} does not count" in done.stdout and "pmlctl check" in done.stdout
    assert done.stdout.endswith("78\n") and f"{installed}:{number}: does not count" in done.stderr


def test_what_cannot_be_a_profile_is_refused_by_every_verb(idle):
    verbs = ("status", "jobs", "top", "logs", "start", "stop", "restart", "reload", "enable", "disable", "programs", "show", "check", "edit",
             "profile remove", "verify", "suggest -p", "bench -p")
    for verb in verbs:
        for name in ("a b", "../../x", ""):
            if "/" in name and verb in ("status", "jobs", "top", "reload", "programs", "verify", "check", "suggest -p"):
                continue  # the path of a socket, or of a file
            if not name and verb.endswith("-p"):
                continue  # an option without its value
            words = [*verb.split(), name, *(["--", "-c", ""] if verb == "bench -p" else [])]
            refused(idle.run(*words), 4, f'"{name}" cannot be the name of a profile', "pmlctl list")
    assert not (idle.folder / ".config/x.toml.d").exists()
    assert "cannot be the name" in idle.run("doctor", "a b").stdout


def test_of_several_one_that_fails_hides_no_other(world):
    done = world.run("status", "nosuch", "t")
    assert done.returncode == 4 and "● t" in done.stdout and "pmlctl profile new nosuch" in done.stderr
    done = world.run("--json", "status", "t", "nosuch")
    assert done.returncode == 4 and [status["profile"] for status in json.loads(done.stdout)] == ["t"]
    refused(world.run("--json", "status", "nosuch"), 4)
    done = world.run("programs", "nosuch", "t")
    assert done.returncode == 4 and done.stdout != "" and done.stderr.count("\n") == 1
    world.profile.write_text("[pool]\nworker = 3\n")
    done = world.run("check", "nosuch", "t")
    assert done.returncode == 78 and "pool.workers" in done.stderr and "nosuch" in done.stderr


def test_doctor_says_first_what_comes_first(idle):
    for name, text in (("nosuch", None), ("bad", "[pool]\nworker = 3\n")):
        if text:
            (idle.profiles / f"{name}.toml").write_text(text)
        done = idle.run("--json", "doctor", name)
        assert done.returncode == 1 and [finding["health"] for finding in json.loads(done.stdout)] == ["bad"]
    (idle.profiles / "masked.toml").symlink_to("/dev/null")
    assert json.loads(idle.run("--json", "doctor", "masked").stdout)[0]["remedy"] == f"rm {idle.profiles}/masked.toml"
    idle.environment["EDITOR"] = "true"
    refused(idle.run("edit", "bad"), 78, "pool.workers", "pmlctl edit bad")


def test_messages_name_the_pool_that_is_meant(world):
    refused(world.run("profile", "remove", "nosuch"), 4, "pmlctl profile list")
    refused(world.run("status", "-p", "venv-x-0123"), 4, "pmlctl profile new --venv FOLDER")
    refused(world.run("unadopt", "--all"), 1, "python3 is not adopted")
    refused(world.run("verify", "t", "nosuchmodule"), 1, "cannot import nosuchmodule", "pmlctl show t")
    refused(world.run("verify", "default", "json"), 3, "pmlctl start default")
    (world.profiles / "sleeps.toml").write_text("[pool]\nworkers = 1\n")
    refused(world.run("bench", "-n", "2", "-p", "t", "-p", "sleeps", "--", "-c", "pass"), 69, "pmlctl doctor sleeps")
    os.kill(world.services[0].pid, signal.SIGSTOP)
    try:
        finding = json.loads(world.run("--json", "doctor", "t").stdout)[-1]
    finally:
        os.kill(world.services[0].pid, signal.SIGCONT)
    assert finding["health"] == "bad" and "has not answered" in finding["finding"] and "pmlctl restart" in finding["remedy"]


def test_a_verb_of_two_words_is_meant_as_such(idle):
    refused(idle.run("profile", "lst"), 64, 'did you mean "profile list"?')
    refused(idle.run("profile", "frobnicate"), 64, "list, new, remove")


def test_one_variable_chooses_the_interpreter_of_profiles_that_name_none(idle):
    chosen = idle.folder / "chosen"
    chosen.symlink_to(PYTHON)
    program = ["-p", "t", "-c", "import sys; print(sys.executable)"]
    warm = {**idle.environment, "PML_PYTHON": str(chosen)}
    plain = idle.environment
    idle.environment = warm
    assert idle.run(*program, program="pml").stdout == f"{chosen}\n"  # nobody serves yet
    idle.serve()
    done = idle.run("--no-fallback", *program, program="pml")
    assert (done.returncode, done.stdout) == (0, f"{chosen}\n")
    assert idle.status()["interpreter"] == str(chosen)
    assert "PML_PYTHON" in idle.run("show", "t").stdout

    other = idle.folder / "other"
    other.symlink_to(PYTHON)
    for environment, python in ((plain, PYTHON), ({**plain, "PML_PYTHON": ""}, PYTHON), ({**plain, "PML_PYTHON": str(other)}, str(other))):
        idle.environment = environment
        assert idle.run(*program, program="pml").stdout == f"{python}\n"
        done = idle.run("--no-fallback", *program, program="pml")
        assert done.returncode == 69 and "PML_PYTHON" in done.stderr
        assert f"the pool is of {chosen}, and PML_PYTHON here means {python}: pmlctl restart t" in idle.run("status", "t").stdout
    assert "set-environment PML_PYTHON" in idle.run("doctor", "t").stdout
    idle.environment = {**plain, "PML_PYTHON": "chosen"}
    assert idle.run("check", "t").returncode == 78
    # A profile that names its own does not ask.
    idle.environment = warm
    idle.profile.write_text(f'[python]\ninterpreter = "{PYTHON}"\n')
    assert idle.run("reload", "t").returncode == 0
    for environment in (plain, warm):
        idle.environment = environment
        done = idle.run("--no-fallback", *program, program="pml")
        assert (done.returncode, done.stdout) == (0, f"{PYTHON}\n")


def test_doctor(world):
    findings = world.json("doctor", "t")
    assert "the service is warm" in [finding["finding"] for finding in findings]
    assert not [finding for finding in findings if finding["health"] == "bad"]
    assert world.run("doctor", "nosuch").returncode == 1


def test_why_the_last_client_stepped_aside(world):
    assert not [finding for finding in world.json("doctor", "t") if "stepped aside" in finding["finding"]]
    world.environment["MALLOC_ARENA_MAX"] = "7"
    assert world.run("-p", "t", "-c", "print(6 * 7)", program="pml").stdout == "42\n"
    del world.environment["MALLOC_ARENA_MAX"]
    findings = {finding["finding"]: finding["remedy"] for finding in world.json("doctor", "t")}
    assert "[python.env]" in findings["1 program stepped aside: environment"]
    last = [text for text in findings if text.startswith("the last one to step aside: ")]
    assert "ago, environment (MALLOC_ARENA_MAX): -c print(6 * 7)" in last[0]
    status = world.status()
    assert status["refused"] == {"environment": 1} and status["last_refused_detail"] == "MALLOC_ARENA_MAX"
    text = world.run("status", "t").stdout
    assert "Stepped aside: 1 environment" in text and "environment (MALLOC_ARENA_MAX)" in text


def test_preloads_that_fail(idle):
    (idle.folder / "lib").mkdir()
    (idle.folder / "lib" / "kills.py").write_text("import os\nos.abort()\n")
    (idle.folder / "lib" / "raises.py").write_text("raise ValueError('no luck')\n")
    idle.profile.write_text(f'[python]\npath = ["{idle.folder}/lib"]\n[preload]\nmodules = ["kills", "raises", "json"]\n')
    idle.serve()
    status = idle.status()
    assert status["quarantined_preloads"][0]["module"] == "kills"
    assert status["failed_preloads"] == [{"module": "raises", "reason": "ValueError: no luck"}]
    text = idle.run("status", "t").stdout
    assert "Quarantined: kills" in text and "Failed: raises  ValueError: no luck" in text
    done = idle.run("doctor", "t")
    assert done.returncode == 1 and "✗ preload kills is quarantined" in done.stdout and "! preload raises failed" in done.stdout


def test_top_without_a_terminal_shows_once(world):
    assert "warm since" in world.run("top", "t").stdout


def on_a_terminal(world, *words, rows=24, until_seen=None, type=None, **environment):
    """What pmlctl writes to a terminal of 80 columns, and how it ends; `type` is typed once `until_seen` was written, or it is interrupted."""
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
            os.write(master, type) if type else process.send_signal(signal.SIGINT)
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
    assert on_a_terminal(world, "top", "t", until_seen=b"warm since", type=b"xq", NO_COLOR="1")[1] == 0
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
    values = idle.json("show", "t")[0]["values"]
    modules = values["preload.modules"]["value"]
    assert modules[0] == "json" and "own" not in modules
    assert "pmlctl suggest -p t --write" in idle.run("suggest", "-p", "t", "-c", "import http.server").stdout
    assert idle.run("suggest", "-p", "nosuch", "s.py").returncode == 4


def test_suggest_from_what_was_seen_in_service(idle):
    idle.profile.write_text('[preload]\nmodules = ["json"]\n[pool]\nworkers = 2\nspare = 1\n')
    idle.serve()
    refused(idle.run("suggest", "-p", "t"), 1, "imports = true", "pmlctl suggest -p t -- SCRIPT")
    idle.profile.write_text('[preload]\nmodules = ["json"]\n[pool]\nworkers = 2\nspare = 1\n[watch]\nimports = true\n')
    generation = idle.status()["generation"]
    assert idle.run("reload", "t").returncode == 0
    until(lambda: idle.status()["generation"] > generation)
    until(lambda: idle.status()["idle"] > 0)
    assert idle.run("suggest", "-p", "t").stdout == "No program has imported anything else that is worth preloading.\n"
    (idle.folder / "own.py").write_text("")
    (idle.folder / "s.py").write_text("import json, own, http.server\n")
    for _ in range(2):
        assert idle.run("-p", "t", "--no-fallback", "--wait", "s.py", program="pml").returncode == 0
    assert idle.run("-p", "t", "--no-fallback", "--wait", "-c", "import http.server, os; os._exit(0)", program="pml").returncode == 0
    found = until(lambda: [entry for entry in idle.json("suggest", "-p", "t") if entry.get("jobs") == 2])
    assert found[0]["module"] == "http.server" and not found[0]["preloaded"]
    assert "http.server" in idle.run("suggest", "-p", "t", "--write").stdout
    modules = idle.json("show", "t")[0]["values"]["preload.modules"]["value"]
    assert "http.server" in modules and "own" not in modules and "json" in modules
    refused(idle.run("suggest", "-p", "nosuch"), 4, "pmlctl list")


def test_a_program_cannot_see_that_its_imports_are_noted(world):
    look = ("import os, sys, socket\n"
            "print(os.listdir('/proc/self/fd'), sorted(os.environ), sorted(sys.modules), sys.getallocatedblocks() > 0)")
    before = world.run("-p", "t", "--no-fallback", "--wait", "-c", look, program="pml").stdout
    generation = world.status()["generation"]
    world.profile.write_text(world.profile.read_text() + "[watch]\nimports = true\n")
    assert world.run("reload", "t").returncode == 0
    until(lambda: world.status()["generation"] > generation and world.status()["idle"] > 0)
    assert world.run("-p", "t", "--no-fallback", "--wait", "-c", look, program="pml").stdout == before
    until(lambda: [entry for entry in world.json("suggest", "-p", "t") if entry.get("jobs")])


def test_suggest_writes_twice(idle):
    (idle.folder / "s.py").write_text("import http.server\n")
    (idle.folder / "u.py").write_text("import xml.dom.minidom\n")
    for script in ("s.py", "u.py", "u.py"):
        assert idle.run("suggest", "-p", "t", "--write", "--", script).returncode == 0
    modules = idle.json("show", "t")[0]["values"]["preload.modules"]["value"]
    assert "http.server" in modules and "xml.dom.minidom" in modules and len(modules) == len(set(modules))


def test_complete(world):
    assert {"default", "t"} <= set(world.run("complete", "profiles").stdout.split())
    assert {"default", "t"} <= set(world.run("complete", "line", "--", "status", "").stdout.split())
    assert {"json", "email"} <= set(world.run("-p", "t", "complete", "modules").stdout.split())
    assert "json.tool" in world.run("-p", "t", "complete", "modules", "json.t").stdout.split()
    assert world.run("-p", "nosuch", "complete", "modules").stdout == ""
    process, name = world.job("import time; time.sleep(60)")
    assert world.run("complete", "line", "--", "kill", "").stdout.startswith(name + "\t")
    assert world.run("kill", name).returncode == 0 and process.wait(10) == -signal.SIGTERM


@pytest.fixture
def adopting(idle):
    """Whatever pool `adopt` has started is stopped."""
    yield idle
    for socket in (idle.runtime / "pml").glob("*.sock"):
        idle.run("stop", socket.stem)


TOOL = "#!/usr/bin/python3\nimport sys\nfrom decimal import Decimal\nprint(sys.argv[1:], Decimal(1))\nsys.exit(sys.argv[1:] == ['fail'])\n"


def make_tool(folder, text=TOOL, name="tool"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder / name


def test_adopt_and_unadopt(adopting):
    make_tool(adopting.folder / "bin")
    done = adopting.run("adopt", "tool")
    assert done.returncode == 0 and "tool: the same cold and warm; " in done.stdout and "with python3, " in done.stdout, done
    launcher = adopting.folder / ".local/bin/tool"
    assert launcher.read_text() == TOOL.replace("#!/usr/bin/python3", f"#!{BIN}/pml -pdefault")
    drop_in = adopting.profiles / "default.toml.d/tool.toml"
    assert f'[program."tool"]\nscript = "{launcher}"\n' in drop_in.read_text()
    done = subprocess.run(["tool", "a b"], env={**adopting.environment, "PML_TRACE": "1"}, capture_output=True, text=True, timeout=30, executable=launcher)
    assert (done.returncode, done.stdout) == (0, "['a b'] 1\n") and "started" in done.stderr
    refused(adopting.run("adopt", "tool"), 1, "pmlctl unadopt tool")
    assert "tool\n" in adopting.run("complete", "line", "--", "unadopt", "").stdout
    assert adopting.run("unwrap", "tool").returncode == 0  # the old name
    assert not launcher.exists() and not drop_in.parent.exists()
    refused(adopting.run("unadopt", "tool"), 1, "not adopted")


def test_adopt_keeps_what_stood_in_its_place(adopting):
    place = adopting.folder / ".local/bin"
    make_tool(place, TOOL.replace("/usr/bin/python3", "/usr/bin/env python3"))
    original = (place / "tool").read_text()
    assert adopting.run("adopt", "tool").returncode == 0
    assert (place / "tool").read_text() != original
    assert adopting.run("unadopt", "tool").returncode == 0
    assert (place / "tool").read_text() == original and os.access(place / "tool", os.X_OK)


def test_adopt_of_several_goes_on(adopting):
    for name in ("one", "two"):
        make_tool(adopting.folder / "bin", name=name)
    assert adopting.run("adopt", "one").returncode == 0
    done = adopting.run("adopt", "one", "two")
    assert done.returncode == 1 and "one is adopted already" in done.stderr and "two: the same cold and warm" in done.stdout


def test_adopt_of_a_script_runs_it_only_with_leave(adopting):
    script = make_tool(adopting.folder, "import decimal, pathlib, sys\npathlib.Path('ran').touch()\nprint(sys.argv[1:])\n", "report.py")
    done = adopting.run("adopt", "report.py")
    assert done.returncode == 0 and f"pml -p default {script}" in done.stdout and not (adopting.folder / "ran").exists(), done
    done = adopting.run("unadopt", "report.py")
    assert (done.returncode, done.stdout) == (0, "report is as it was.\n")
    done = adopting.run("adopt", "./report.py", "--", "--month", "3")
    assert done.returncode == 0 and "the same cold and warm" in done.stdout and (adopting.folder / "ran").exists()
    assert script.read_text().startswith("import decimal")  # it is not touched


def test_adopt_takes_back_what_differs_or_fails(adopting):
    differs = "#!/usr/bin/python3\nimport os\nprint(open(f'/proc/{os.getppid()}/comm').read())\n"
    make_tool(adopting.folder / "bin", differs)
    done = adopting.run("adopt", "tool")
    assert done.returncode == 1 and "tool is not adopted: " in done.stderr and "differs" in done.stderr
    assert not (adopting.folder / ".local/bin/tool").exists() and not (adopting.profiles / "default.toml.d").exists()


def test_adopt_of_an_environment(adopting):
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", adopting.folder / "shop/.venv"], check=True)
    done = adopting.run("adopt", "shop")
    assert done.returncode == 0 and "has a warm pool" in done.stdout, done
    name = next(adopting.profiles.glob("venv-shop-*.toml")).stem
    assert adopting.status(name)["interpreter"] == f"{adopting.folder}/shop/.venv/bin/python3"
    make_tool(adopting.folder / "bin", TOOL.replace("/usr/bin/python3", f"{adopting.folder}/shop/.venv/bin/python3"))
    assert adopting.run("adopt", "tool").returncode == 0
    assert (adopting.profiles / f"{name}.toml.d/tool.toml").exists()
    refused(adopting.run("adopt", str(adopting.profiles)), 78, "python3 -m venv")


def test_adopt_all(adopting):
    link = adopting.folder / ".local/bin/python3"
    assert adopting.run("adopt", "--all").returncode == 0
    assert link.resolve() == (BIN / "pml").resolve()
    script = make_tool(adopting.folder, TOOL.replace("/usr/bin/python3", "/usr/bin/env python3"))
    done = subprocess.run([script, "x"], env={**adopting.environment, "PML_TRACE": "1"}, capture_output=True, text=True, timeout=30)
    assert done.stdout == "['x'] 1\n" and "started" in done.stderr
    refused(adopting.run("adopt", "--all"), 1, "pmlctl unadopt --all")
    assert adopting.run("unadopt", "--all").returncode == 0 and not link.is_symlink()
    refused(adopting.run("unadopt", "--all"), 1, "pmlctl")
    link.write_text("mine")
    refused(adopting.run("adopt", "--all"), 1, "move it away")
    assert link.read_text() == "mine"


def test_what_wrap_of_0_1_has_made_is_taken_back(idle):
    make_tool(idle.folder / ".local/share/pml/wrapped")
    launcher = make_tool(idle.folder / ".local/bin", TOOL.replace("/usr/bin/python3", f"{BIN}/pml -pwrap-tool"))
    profile = idle.profiles / "wrap-tool.toml"
    profile.write_text("# written by pmlctl wrap\n[pool]\nworkers = 1\n")
    refused(idle.run("adopt", "tool"), 1, "pmlctl unadopt tool")
    assert idle.run("unadopt", "tool").returncode == 0
    assert launcher.read_text() == TOOL and not profile.exists()


@pytest.mark.parametrize("name, text", [("sh", "no Python script"), ("nosuch-command", "install it"), ("a/b", "no file a/b"), ("/bin/sh", "no Python script")])
def test_adopt_refuses(idle, name, text):
    done = idle.run("adopt", name)
    assert done.returncode in (1, 64) and text in done.stderr
    assert not (idle.folder / ".local").exists()


def test_bench(world):
    cold, warm = world.json("bench", "-p", "t", "-n", "3", "--", "-c", "import json")
    assert (cold["name"], cold["runs"], warm["name"], warm["runs"]) == ("python3", 3, "pml", 3)
    assert warm["p50_usec"] > 0
    names = [one["name"] for one in world.json("bench", "-p", "t", "-p", "t", "-n", "1", "-c", "pass")]
    assert names == ["python3", "pml -p t", "pml -p t"]
    done = world.run("bench", "-p", "t", "-n", "2", "--export-json", "b.json", "--export-markdown", "b.md", "-c", "pass")
    assert done.returncode == 0, done
    assert [len(result["times"]) for result in json.loads((world.folder / "b.json").read_text())["results"]] == [2, 2]
    assert "| `python3` |" in (world.folder / "b.md").read_text()
    assert "MEDIAN" in world.run("bench", "-p", "t", "-n", "2", "-c", "pass").stdout
    refused(world.run("bench", "-p", "t", "-n", "2", "--", "-O", "-c", "pass"), 69, "pmlctl doctor t")


def test_bench_measures_no_program_that_fails_or_differs(world):
    refused(world.run("bench", "-p", "t", "-n", "1", "nofile.py"), 1, "status 2", "--ignore-failure")
    refused(world.run("bench", "-p", "t", "-n", "1", "sleep"), 64, "no Python program")
    refused(world.run("bench", "-p", "t", "-n", "1", "-c", "raise SystemExit(7)"), 1, "status 7")
    assert world.run("bench", "-p", "t", "-i", "-n", "1", "-c", "raise SystemExit(7)").returncode == 0
    differs = "import os; print(bool(os.popen('ps -o comm= -p %d' % os.getppid()).read().count('pmlctl')))"
    refused(world.run("bench", "-p", "t", "-n", "1", "-c", differs), 1, "differs", "standard output")
    assert world.run("bench", "-p", "t", "-n", "1", "-c", "import time; print(time.time())").returncode == 0


def test_suggest_refuses_a_program_that_fails(idle):
    done = idle.run("suggest", "-p", "t", "--write", "--", "-c", "import decimal; raise SystemExit(3)")
    assert done.returncode == 1 and "status 3" in done.stderr and not list(idle.profiles.glob("t.toml.d/*"))


def test_a_drop_in_of_suggest_is_read_as_toml(idle):
    drop_in = idle.profiles / "t.toml.d/50-suggested.toml"
    drop_in.parent.mkdir()
    drop_in.write_text("[preload]\nmodules = [\n  'decimal', # mine\n  \"fractions\" ]\n")
    assert idle.run("suggest", "-p", "t", "--write", "-c", "import http.server").returncode == 0
    modules = idle.json("show", "t")[0]["values"]["preload.modules"]["value"]
    assert modules == ["json", "decimal", "fractions", "http.server"]


def test_a_pool_without_a_manager(idle):
    refused(idle.run("logs", "t"), 3, "pmlctl restart t")
    assert idle.run("start", "t").returncode == 0
    pid = idle.status()["pid"]
    assert idle.status()["state"] == "warm"
    assert idle.run("restart", "t").returncode == 0
    assert idle.status()["pid"] != pid
    assert idle.run("logs", "t").returncode == 0
    refused(idle.run("enable", "t"), 1, "pmlctl start t")
    assert idle.run("start", "t").returncode == 0  # it is there
    assert idle.run("stop", "t").returncode == 0
    refused(idle.run("status", "t"), 3, "pmlctl start t")
    refused(idle.run("start", "nosuch"), 4, "pmlctl profile new nosuch")
    refused(idle.run("start", "defualt"), 4, 'did you mean "default"?')


def test_a_service_that_does_not_answer_is_no_service_that_does_not_run(world):
    os.kill(world.services[0].pid, signal.SIGSTOP)
    try:
        refused(world.run("status", "t"), 3, "has not answered", "pmlctl logs t", "pmlctl restart t")
    finally:
        os.kill(world.services[0].pid, signal.SIGCONT)


def test_the_journal_need_not_have_the_arguments(idle):
    idle.profile.write_text("[pool]\nworkers = 1\n[job]\nlog-command = false\n")
    idle.serve()
    (idle.folder / "s.py").write_text("")
    for words in (["s.py", "--password=hunter2"], ["-c", "hunter2 = 1"]):
        assert idle.run("-p", "t", "--no-fallback", "--wait", *words, program="pml").returncode == 0
    jobs = until(lambda: (jobs := idle.status()["last_jobs"])[-1]["command"] == "-c" and jobs)
    assert jobs[-2]["command"] == "s.py" and "hunter2" not in str(idle.status())


@pytest.mark.parametrize("folder, words", [(".config/pml/profiles", ("profile", "new", "x")), (".local/bin", ("adopt", "--all"))], ids=lambda item: item[0])
def test_a_full_disk_is_told_as_such(idle, folder, words):
    (idle.folder / folder).mkdir(parents=True, exist_ok=True)
    full = 'mount -t tmpfs -o size=4k,nr_inodes=2 none "$0" && : >"$0/one" && exec "$@"'
    if subprocess.run(["unshare", "-m", "sh", "-c", full, idle.folder / folder, "true"], capture_output=True).returncode:
        pytest.skip("cannot be done here")
    refused(subprocess.run(["unshare", "-m", "sh", "-c", full, idle.folder / folder, BIN / "pmlctl", *words], env=idle.environment,
                           cwd=idle.folder, capture_output=True, text=True), 73, "No space left", "make room")


def test_profiles_of_ones_own(idle):
    assert idle.run("profile", "new", "mine", "--preload", "json").returncode == 0
    listed = {line["profile"]: line["maker"] for line in idle.json("profile", "list")}
    assert listed == {"t": "", "mine": "profile new"}
    refused(idle.run("profile", "new", "t"), 1, "pmlctl edit t")
    refused(idle.run("profile", "new", "a/b"), 64, "name of a profile")
    refused(idle.run("profile", "new", "default"), 1, "pmlctl edit default")
    refused(idle.run("profile", "new", "x", "--preload", 'a"b'), 64, "is not a module's name")
    assert not list(idle.profiles.glob("x.toml*")) and not list(idle.profiles.glob("default*"))
    refused(idle.run("profile", "remove", "mien"), 4, 'did you mean "mine"?')
    refused(idle.run("profile", "new", "x", "--interpreter", "/bin/ls"), 78, "no Python")
    assert idle.run("profile", "remove", "mine").returncode == 0 and not (idle.profiles / "mine.toml").exists()
    refused(idle.run("profile", "remove", "mine"), 4, "pmlctl")
    refused(idle.run("profile", "remove", "default"), 1, "touch ")


def test_what_pmlctl_has_not_made_it_removes_only_with_leave(world):
    refused(world.run("profile", "remove", "t"), 1, f"{world.profile} was not made by pmlctl", "pmlctl profile remove --yes t")
    drop_in = world.profiles / "default.toml.d/50-own.toml"
    drop_in.parent.mkdir()
    drop_in.write_text("[pool]\nworkers = 1\n")
    refused(world.run("profile", "remove", "default"), 1, f"{drop_in} was not made by pmlctl", "pmlctl profile remove --yes default")
    assert world.profile.exists() and drop_in.exists() and world.status()["state"] == "warm"
    assert on_a_terminal(world, "profile", "remove", "default", until_seen=b"[y/N]", type=b"n\n")[1] == 1 and drop_in.exists()

    world.serve("default")
    before = world.status("default")
    done = world.run("profile", "remove", "--yes", "nosuch", "default", "t")
    assert done.returncode == 4 and 'no profile "nosuch"' in done.stderr and "as pml brings it" in done.stdout, done
    assert not drop_in.parent.exists() and not world.profile.exists()
    after = until(lambda: (s := world.status("default"))["generation"] > before["generation"] and s)
    assert after["pid"] == before["pid"]


def test_an_environment_is_meant_by_the_project_that_holds_it(idle):
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", idle.folder / "shop/.venv"], check=True)
    (idle.folder / "empty").mkdir()
    assert idle.run("profile", "new", "--venv", "shop").returncode == 0
    name = next(idle.profiles.glob("venv-shop-*.toml")).stem
    for folder in ("shop", "shop/.venv"):
        assert idle.json("show", "--venv", folder)[0]["profile"] == name
        refused(idle.run("status", "--venv", folder), 3, f"pmlctl start {name}")
    for words in (["status", "--venv"], ["profile", "new", "--venv"], ["adopt"]):
        refused(idle.run(*words, "empty"), 78, "python3 -m venv empty/.venv")
    refused(idle.run("status", "--venv", "nowhere"), 78, "python3 -m venv nowhere")


@pytest.mark.parametrize("active", [False, True])
def test_suggest_makes_a_profile_of_the_environments_python(idle, active):
    venv = idle.folder / "shop/.venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", venv], check=True)
    (next(venv.glob("lib/python*/site-packages")) / "only_there.py").write_text("import http.server\n")
    words = ["suggest", *([] if active else ["--venv", str(venv)])]
    idle.environment.update({"VIRTUAL_ENV": str(venv)} if active else {})
    refused(idle.run(*words, "-c", "import only_there"), 4, "pmlctl profile new --venv ")
    done = idle.run(*words, "--write", "-c", "import only_there")
    assert done.returncode == 0, done
    name = next(idle.profiles.glob("venv-shop-*.toml")).stem
    assert f"pmlctl start {name}\n" in done.stdout
    values = idle.json("show", name)[0]["values"]
    assert values["python.interpreter"]["value"] == f"{venv}/bin/python3" and "only_there" in values["preload.modules"]["value"]


def test_what_was_probably_meant(adopting):
    make_tool(adopting.folder / "bin")
    assert adopting.run("adopt", "tool").returncode == 0
    refused(adopting.run("adopt", "tol"), 1, 'did you mean "tool"?')
    refused(adopting.run("unadopt", "tol"), 1, 'did you mean "tool"?')
    refused(adopting.run("forget", "tol"), 1, 'did you mean "tool"?')
    done = adopting.run("--profle", "t", program="pmld")
    assert done.returncode == 64 and "did you mean --profile?" in done.stderr


def test_a_program_that_fails_is_adopted_with_arguments_that_it_takes(adopting):
    (adopting.folder / "picky.py").write_text("import sys\nsys.exit(0 if sys.argv[1:] else 3)\n")
    refused(adopting.run("adopt", "--yes", "picky.py"), 1, "status 3", "picky.py -- ARGUMENT")


@pytest.mark.parametrize("words", [["list"], ["--json", "list"], ["help"], ["--version"], ["jobs", "--help"]])
def test_what_cannot_be_written_is_told(idle, words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN / "pmlctl", *words], env=idle.environment, cwd=idle.folder, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 73 and "cannot be written to" in done.stderr


def test_an_export_goes_where_it_is_sent(world):
    (world.folder / "kept.json").write_text("old")
    for name, target in {"link.json": "kept.json", "out": "/proc/self/fd/1", "full": "/dev/full"}.items():
        (world.folder / name).symlink_to(target)
    bench = ("bench", "-n", "1", "-p", "t", "--export-markdown")
    assert world.run(*bench, "out", "--export-json", "link.json", "--", "-c", "pass").stdout.startswith("| Command |")
    assert (world.folder / "link.json").is_symlink() and "results" in (world.folder / "kept.json").read_text()
    refused(world.run(*bench, "full", "--", "-c", "pass"), 73, "No space left")
    refused(world.run(*bench, "misspelt/b.md", "--", "-c", "pass"), 73, "mkdir -p misspelt")
    assert not (world.folder / "misspelt").exists()


def test_a_folder_is_no_profile(idle):
    for word in ("/", "./"):
        done = idle.run("check", word)
        assert done.returncode == 78 and done.stderr == f"{word}: is a folder; name a file in it\n"


def test_signals_in_small_letters(world):
    process, name = world.job("import time; time.sleep(1000)")
    assert world.run("kill", name, "sigterm").returncode == 0
    assert process.wait(20) == -15


def test_edit(world):
    editor = world.folder / "editor"
    editor.write_text("#!/bin/sh\necho '[preload]\nmodules = [\"decimal\"]' > \"$1\"\n")
    editor.chmod(0o755)
    world.environment["EDITOR"] = str(editor)
    assert "runs with it" in world.run("edit", "t").stdout
    assert [preload["module"] for preload in world.status()["preloads"]] == ["decimal"]
    editor.write_text("#!/bin/sh\necho '[pool]\nworker = 3' > \"$1\"\n")
    refused(world.run("edit", "t"), 78, "t.toml:2:1", "pmlctl edit t")
    world.environment["EDITOR"] = "false"
    refused(world.run("edit", "default"), 1, "EDITOR=")
    world.environment["EDITOR"] = "true"
    assert world.run("edit", "default").stdout == "Nothing was changed.\n"
    assert not (world.profiles / "default.toml.d").exists()


def test_leave_takes_back_what_pmlctl_made_and_lists_the_rest(adopting):
    idle = adopting
    (idle.folder / "bin").mkdir()
    (idle.folder / "bin/tool").write_text("#!/usr/bin/python3\nimport decimal\n")
    (idle.folder / "bin/tool").chmod(0o755)
    for words in (["adopt", "tool"], ["profile", "new", "mine"], ["suggest", "-p", "t", "--write", "-c", "import http.server"]):
        assert idle.run(*words).returncode == 0
    own = idle.profiles / "mine.toml.d/90-watch.toml"
    own.parent.mkdir()
    own.write_text("[watch]\nimports = true\n")
    done = idle.run("leave")
    assert done.returncode == 0 and f"Kept, because you wrote it: {idle.profile}\n" in done.stdout
    assert own.exists() and f"Kept, because you wrote it: {own.parent}\n" in done.stdout
    assert sorted(path.name for path in idle.profiles.iterdir()) == ["mine.toml.d", "t.toml"] and not list((idle.folder / ".local/bin").iterdir())


def test_doctor_mends_what_is_safe(world):
    os.chmod(world.runtime / "pml", 0o777)
    world.profile.write_text(world.profile.read_text() + "[hints]\ncold = false\n")
    found = world.run("--json", "doctor", "t")
    assert found.returncode == 1
    remedies = {finding["remedy"] for finding in json.loads(found.stdout) if finding["safe"]}
    assert {"pmlctl reload t", f"chmod 0700 {world.runtime}/pml"} <= remedies
    assert world.run("doctor", "--fix", "t").returncode == 0
    assert (world.runtime / "pml").stat().st_mode & 0o777 == 0o700 and world.status()["to_do"] == []


def test_doctor_by_socket_looks_for_no_units(world):
    findings = world.json("--socket", str(world.runtime / "pml" / "t.sock"), "doctor")
    assert not [finding for finding in findings if finding["health"] == "bad"]


VOCABULARY = (pathlib.Path(__file__).resolve().parents[2] / "src/ctl/vocabulary.cpp").read_text()
VERBS = re.findall(r'Verb\{"([a-z ]+)"', VOCABULARY.split("k_hidden")[0])


def test_the_table_is_read():
    assert {"list", "verify", "profile new", "help"} <= set(VERBS) and "complete" not in VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_its_help(idle, verb):
    done = idle.run(*verb.split(), "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"Usage: pmlctl {verb}") and done.stderr == ""
    assert idle.run("help", *verb.split()).stdout == done.stdout
    assert f"  {verb} " in idle.run("help").stdout


@pytest.mark.parametrize("words", [
    ["jobs", "a", "b"], ["top", "a", "b"], ["logs", "a", "b"], ["kill"], ["kill", "1", "2", "3"], ["adopt"], ["unadopt"], ["forget"], ["adopt", "--all", "x"], ["bench"],
    ["show", "a", "b"], ["edit", "a", "b"], ["profile"], ["profile", "new"], ["profile", "new", "a", "b"], ["profile", "remove"],
    ["profile", "list", "x"], ["python"], ["python", "add"], ["python", "list", "x"], ["doctor", "a", "b"], ["help", "nosuch"],
    ["list", "--venv", "x"], ["kill", "--fix", "1"], ["bench", "--socket", "x", "y"], ["status", "--write"], ["--jsno"], ["kill", "a b"],
    ["suggest", "-n", "3", "x"], ["logs", "-n", "x"], ["bench", "-m"], ["bench", "--", "-c"], ["suggest", "-c"], ["help", "profile", "x"]])
def test_wrong_words_are_refused_with_what_to_type(idle, words):
    refused(idle.run(*words), 64, "pmlctl ")


@pytest.mark.parametrize("verb", ["status", "jobs", "top", "logs", "start", "stop", "restart", "reload", "enable", "disable", "show", "edit"])
def test_profiles_that_are_not_there(idle, verb):
    refused(idle.run(verb, "nosuch"), 4, "nosuch", "pmlctl")


def test_nothing_runs(idle):
    refused(idle.run("status", "t"), 3, "pmlctl start t")
    refused(idle.run("jobs", "t"), 3)
    refused(idle.run("reload", "t"), 3)
    refused(idle.run("top", "t"), 3)
    refused(idle.run("status", "nosuch"), 4, "pmlctl profile new nosuch")


@pytest.mark.parametrize("words", [["statsu"], ["--nosuch"], ["profile", "nwe"]])
def test_misuse(idle, words):
    refused(idle.run(*words), 64, "pmlctl --help")


@pytest.mark.parametrize("program", ["pml", "pmlctl", "pmld"])
def test_help_fits_a_screen(idle, program):
    done = idle.run("--help", program=program)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) < 24 and max(map(len, done.stdout.splitlines())) <= 80
    assert idle.run("--version", program=program).stdout.split()[0] in (program, "pmld")
