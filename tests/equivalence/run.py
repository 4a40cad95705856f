#!/usr/bin/python3
"""Runs every case cold (python3) and warm (pml) and compares what can be seen of it.

A case is a file cases/NAME.toml. Adding a case is adding a file. Its keys:

  line      the line of the promise it stands for, "Section: what"
  shell     one bash line; $PY stands for the interpreter, python3 or pml
  files     a table of the files in the case's folder, by name; "NAME!" is made executable
  folders   names of folders to be made there
  stdin     what standard input holds (a pipe); without it standard input is /dev/null
  env       variables to be set; unset: names of variables to be removed
  terminal  a list of [AWAIT, SEND]: the line runs on a terminal of its own; once AWAIT was printed,
            SEND is typed ("size:ROWSxCOLUMNS" resizes, "hangup" closes the terminal)
  expect    "warm" (the default), "aside" or "either": who runs it
  root      true: only root can make the situation; for others who runs it does not matter
  reach     true: another user runs pml; skipped where it, or the interpreter, is in somebody's private folder
  alone     true: it changes what all cases share, so it runs after them
  pool      the name of a folder in pools/, whose profile serves the case instead; python3 gets the folder's
            lib, which is the profile's path, as PYTHONPATH
  limit     seconds after which a run counts as hanging, 30 by default

The last command of the line replaces the shell, so that the case's status and death signal are the
program's own. Standard output, standard error, status and every file left in the case's folder are
compared byte for byte, but for addresses such as 0x7f65192e22c0, which are random. Of compiled files
the header and the code are compared, because marshal's bytes depend on how many references the
strings have.

Whether a case was served warm is found out by a further run with --no-fallback. What `expect` says is
meant for one version of Python, with numpy and PySide2: another may serve more, where it has more built in or
less preloaded. What a case prints is never meant for one: it is what the interpreter prints cold.

--ahead: the programs that the case's line starts are declared. A first launch tells the service its caller; when what it
left is tidied up and workers wait that have run the programs ahead, the line runs again, and must do what it does cold.
"""

import argparse
import collections
import concurrent.futures
import difflib
import fcntl
import importlib.util
import itertools
import json
import marshal
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import tomllib

import declared

HERE = pathlib.Path(__file__).resolve().parent
REFERENCE = (3, 11)  # what `expect` was written for, with numpy and the first of the bindings
BINDINGS = ("PySide2", "PySide6")
EPOCH = 1_600_000_000  # of every file of a case, so that compiled files are the same
ADDRESS = re.compile(rb"\b0x[0-9a-f]{8,16}\b")
KEYS = {"line", "shell", "files", "folders", "stdin", "env", "unset", "terminal", "expect", "limit", "root", "reach", "alone", "pool"}
Outcome = collections.namedtuple("Outcome", "stdout stderr status files")


class Bench:
    """The folders of one run of the suite, and the environment that all cases share."""

    def __init__(self, prefix, interpreter, venv, launch=None):
        self.launch = launch
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="pml-equivalence-"))
        self.prefix = pathlib.Path(prefix).resolve()
        if venv:
            command = [interpreter, "-m", "venv", "--without-pip", "--system-site-packages", self.root / "venv"]
            subprocess.run(command, check=True)
            interpreter = f"{self.root}/venv/bin/python"
        self.interpreter = interpreter
        self.foreign = self.ask(f"sys.version_info[:2] != {REFERENCE} or not u.find_spec('numpy') or not u.find_spec('PySide2')") != "False"
        self.qt = next((name for name in BINDINGS if self.ask(f"u.find_spec({name!r}) is not None") == "True"), BINDINGS[0])
        for name in ("run", "config/pml/profiles", "home", "lib", "tmp", "cases"):
            (self.root / name).mkdir(parents=True, mode=0o700)
        self.add_profile("equivalence", HERE / "profile.toml")
        for pool in sorted((HERE / "pools").iterdir()):
            self.add_profile(pool.name, pool / "profile.toml")
        for name in (".", *(["venv"] if venv else ()), "config", "config/pml/profiles", "home", "lib", "cases"):
            (self.root / name).chmod(0o755)  # a case may become another user
        path = ["/usr/local/bin", "/usr/bin", "/bin"]
        if (own := os.path.dirname(interpreter)) not in path:
            path.insert(0, own)  # PML=0 is the python3 of PATH
        self.environment = {
            "PATH": ":".join(path),
            "HOME": str(self.root / "home"),
            "USER": "tester",
            "LOGNAME": "tester",
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "TMPDIR": str(self.root / "tmp"),
            "XDG_RUNTIME_DIR": str(self.root / "run"),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "PML_QUIET": "1",  # a line on the terminal about a cold start is no difference of the program
        }
        self.services = {}  # by profile
        self.ahead = False
        self.programs = collections.defaultdict(dict)  # by profile: names of declared programs, by kind and target

    def add_profile(self, name, template):
        """Writes the profile; the folder lib beside its template is copied to where every user may read it."""
        text = template.read_text().replace("@INTERPRETER@", self.interpreter).replace(BINDINGS[0], self.qt)
        if (lib := template.parent / "lib").is_dir():
            shutil.copytree(lib, self.library(name))
            text = text.replace("@LIB@", str(self.library(name)))
        if self.launch:
            assert text.count("[pool]\n") == 1, f"{template} has no [pool]"
            text = text.replace("[pool]\n", f'[pool]\nlaunch = "{self.launch}"\n')
        (self.root / f"config/pml/profiles/{name}.toml").write_text(text)

    def declare(self, profile, programs):
        """Adds them to the profile; their names there."""
        known, names = self.programs[profile], []
        with open(self.root / f"config/pml/profiles/{profile}.toml", "a", encoding="utf-8") as file:
            for program in programs:
                if program not in known:
                    known[program] = f"program-{len(known)}"
                    file.write(f"\n[program.{known[program]}]\n{program[0]} = {json.dumps(program[1], ensure_ascii=False)}\n")
                names.append(known[program])
        return names

    def folder(self, case):
        """Where the case runs. What runs ahead may have looked at the folder around it, which others change."""
        folder = self.root / "cases" / case["name"]
        if not self.ahead:
            return folder
        folder.mkdir(exist_ok=True)
        return folder / "case"

    def socket(self, profile):
        return self.root / f"run/pml/{profile}.sock"

    def tell(self, profile, question):
        return declared.tell(self.socket(profile), question)

    def served_ahead(self, case):
        """How many launches of the case's programs were served by what ran ahead, and what else is known of them."""
        told = [one for name, one in declared.programs(self.socket(case["pool"])).items() if name in case["programs"]]
        return sum(one["warm"] for one in told), told

    def ask(self, expression):
        """What an expression is in the interpreter."""
        question = f"import importlib.util as u, sys; print({expression})"
        return subprocess.run([self.interpreter, "-c", question], capture_output=True, text=True).stdout.strip()

    def with_binding(self, case):
        """The case as the Qt binding that is there has it."""
        if self.qt == BINDINGS[0]:
            return case
        number = self.qt[-1]
        def adapted(text):
            return text.replace(BINDINGS[0], self.qt).replace("shiboken2", "shiboken" + number).replace(".exec_(", ".exec(")
        return {**case, "files": {adapted(name): adapted(text) for name, text in case.get("files", {}).items()}}

    def library(self, profile):
        return self.root / "lib" / profile

    def commands(self, profile):
        pml = f"{self.prefix}/bin/pml -p {profile}"
        python = f"env PYTHONPATH={self.library(profile)} {self.interpreter}" if self.library(profile).is_dir() else self.interpreter
        return python, pml, pml + " --no-fallback"

    def log(self, profile):
        return self.root / f"{profile}.log"

    def start_service(self, profile):
        """Starts pmld and waits until it serves."""
        with open(self.log(profile), "wb") as log:
            service = self.services[profile] = subprocess.Popen(
                [self.prefix / "bin/pmld", "--profile", profile], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        probe = [self.prefix / "bin/pml", "-p", profile, "--no-fallback", "--wait", "-c", ""]
        deadline = time.monotonic() + 90
        while True:
            done = subprocess.run(probe, env=self.environment, capture_output=True, timeout=90)
            imaged = self.launch in (None, "worker") or any((self.root / "run").rglob(f"{profile}.sock.in-place")) \
                or "jobs run in workers" in self.log(profile).read_text(errors="replace")
            if done.returncode == 0 and imaged:
                return
            if service.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"equivalence: the service of {profile} does not serve: "
                         + done.stderr.decode(errors="replace")
                         + self.log(profile).read_text(errors="replace")[-3000:])
            time.sleep(0.02)

    def stop_services(self):
        """Stops each pmld; returns what is wrong with the way they went."""
        problems = []
        for profile, service in self.services.items():
            if service.poll() is not None:
                problems.append(f"the service of {profile} had ended before, status {service.returncode}:\n"
                                + self.log(profile).read_text(errors="replace")[-3000:])
                continue
            service.terminate()
            try:
                service.wait(20)
            except subprocess.TimeoutExpired:
                problems.append(f"the service of {profile} did not end on SIGTERM")
                service.kill()
                service.wait()
        deadline = time.monotonic() + 5
        while (left := self.left_over()) and time.monotonic() < deadline:
            time.sleep(0.05)
        problems += [f"a process was left over: {line}" for line in left]
        for path in (self.root / "run").rglob("*.sock"):
            problems.append(f"a socket was left over: {path}")
        return problems

    def left_over(self):
        """The processes whose environment names this run's folder, and ends those."""
        mark = f"={self.root}/".encode()
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if mark in (entry / "environ").read_bytes():
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found.append(f"{entry.name} {words}")
            except OSError:
                pass
        return found

    def remove(self):
        for line in self.left_over():
            try:
                os.kill(int(line.split()[0]), signal.SIGKILL)
            except OSError:
                pass
        subprocess.run(["chmod", "-R", "u+rwx", self.root], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.root, ignore_errors=True)


def load(path):
    with open(path, "rb") as file:
        case = tomllib.load(file)
    unknown = set(case) - KEYS
    if unknown or "shell" not in case or "line" not in case:
        sys.exit(f"{path}: unknown or missing keys: {sorted(unknown)}")
    if case.setdefault("expect", "warm") not in ("warm", "aside", "either"):
        sys.exit(f"{path}: expect is warm, aside or either")
    case["name"] = path.stem
    case.setdefault("pool", "equivalence")
    if case.get("root") and os.geteuid() != 0:
        case["expect"] = "either"
    return case


def reachable(path):
    """Whether every user may use what is there."""
    return all(folder.stat().st_mode & 0o001 for folder in [path, *path.parents])


def make_folder(folder, case):
    if folder.exists():
        subprocess.run(["chmod", "-R", "u+rwx", folder])
        shutil.rmtree(folder)
    folder.mkdir(mode=0o755)
    for name in case.get("folders", ()):
        (folder / name).mkdir(parents=True)
    for name, content in case.get("files", {}).items():
        path = folder / name.rstrip("!")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.removeprefix("\n").encode())
        path.chmod(0o755 if name.endswith("!") else 0o644)
        os.utime(path, (EPOCH, EPOCH))


def restore_folder(folder, case):
    """As make_folder() left it, without touching what is still so."""
    names = {name.rstrip("!"): (content, 0o755 if name.endswith("!") else 0o644) for name, content in case.get("files", {}).items()}
    kept = {*names, *case.get("folders", ())}
    kept |= {str(parent) for name in kept for parent in pathlib.Path(name).parents}
    for path in sorted(folder.rglob("*"), reverse=True):
        if str(path.relative_to(folder)) not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name, (content, mode) in names.items():
        path, content = folder / name, content.removeprefix("\n").encode()
        info = path.lstat() if path.exists() and not path.is_symlink() and path.is_file() else None
        if info and path.read_bytes() == content and info.st_mode & 0o7777 == mode and info.st_mtime == EPOCH:
            continue
        make_folder(folder, case)
        return


def describe_file(path):
    """What is compared of a file."""
    info = path.lstat()
    mode = f"{info.st_mode:o}"
    if path.is_symlink():
        return mode, os.readlink(path)
    if not path.is_file():
        return mode, ""
    data = path.read_bytes()
    if path.suffix == ".pyc" and data[:4] != importlib.util.MAGIC_NUMBER:
        return mode, data[:8]  # of another version, whose code only that can read
    if path.suffix == ".pyc":
        try:
            return mode, data[:8], marshal.loads(data[16:])  # without the source's time
        except (EOFError, ValueError):
            pass
    return mode, data


def snapshot(folder):
    return {str(path.relative_to(folder)): describe_file(path) for path in sorted(folder.rglob("*"))}


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass


def drive_terminal(process, master, steps, limit):
    """Reads the terminal to its end, typing each step's answer once what it awaits was printed."""
    seen, position, pending = b"", 0, list(steps)
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        while pending and (at := seen.find(pending[0][0].encode(), position)) >= 0:
            position = at + len(pending[0][0].encode())
            action = pending.pop(0)[1]
            time.sleep(0.1)  # until the program that printed it waits for an answer
            if action == "hangup":
                os.close(master)
                return seen
            if action.startswith("size:"):
                rows, columns = map(int, action[5:].split("x"))
                fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            else:
                os.write(master, action.encode())
        if not select.select([master], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    else:
        end_group(process)
        seen += b"\n(the run took too long)"
    try:  # the terminal stays until the program has ended
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass
    if pending:
        seen += f"\n(never seen: {pending[0][0]!r})".encode()
    os.close(master)
    return seen


def run_on_terminal(command, folder, environment, case):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def become_leader():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=slave, stdout=slave,
                               stderr=slave, preexec_fn=become_leader)
    os.close(slave)
    limit = case.get("limit", 30)
    seen = drive_terminal(process, master, case["terminal"], limit)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        end_group(process)
        process.wait()
        seen += b"\n(the program did not end with its terminal)"
    return seen, b"", process.returncode


def run_on_pipes(command, folder, environment, case):
    given = case.get("stdin")
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL if given is None else subprocess.PIPE, start_new_session=True)
    try:
        stdout, stderr = process.communicate(None if given is None else given.encode(),
                                             timeout=case.get("limit", 30))
    except subprocess.TimeoutExpired:
        end_group(process)
        try:
            stdout, stderr = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            stdout, stderr = b"", b""
        stderr += b"\n(the run took too long)"
    return stdout, stderr, process.returncode


def run_once(bench, case, interpreter, prepare=make_folder):
    folder = bench.folder(case)
    prepare(folder, case)
    environment = {**bench.environment, **case.get("env", {})}
    for name in case.get("unset", ()):
        environment.pop(name, None)
    command = ["/bin/bash", "-c", case["shell"].strip().replace("$PY", interpreter)]
    run = run_on_terminal if "terminal" in case else run_on_pipes
    stdout, stderr, status = run(command, folder, environment, case)
    return Outcome(ADDRESS.sub(b"0xADDRESS", stdout), ADDRESS.sub(b"0xADDRESS", stderr), status, snapshot(folder))


RECORDER = """\
#!/bin/bash
{ printf '%s\\0' "$PWD" "$@"; printf '\\1'; } >>'LOG'
exec 'INTERPRETER' "$@"
"""


def program_in(folder, words):
    """Kind and target of the program that python3 runs with these words in that folder, or nothing."""
    words = iter(words)
    for word in words:
        if word[:1] != "-":
            return "script", os.path.join(folder, word)
        if word in ("-", "--help", "--version"):
            return None
        for place, letter in enumerate(word[1:], 2):
            if letter == "c" or letter == "-" and not word.startswith("--check"):
                return None
            if letter == "m":
                return "module", word[place:] or next(words, "")
            if letter in "WX-":
                if place > len(word) - 1:
                    next(words, None)
                break
    return None


def programs_of(bench, case):
    """The programs that the case's line starts by the interpreter's name, each once: a run of it tells."""
    tool, log = bench.root / f"{case['name']}.recorder", bench.root / f"{case['name']}.recorded"
    tool.write_text(RECORDER.replace("LOG", str(log)).replace("INTERPRETER", bench.interpreter))
    tool.chmod(0o755)
    log.touch()
    log.chmod(0o666)  # a case may become another user
    run_once(bench, bench.with_binding(case), bench.commands(case["pool"])[0].replace(bench.interpreter, str(tool)))
    programs = []
    for line in log.read_bytes().split(b"\1"):
        folder, *words = [os.fsdecode(word) for word in line.split(b"\0")[:-1]] or [""]
        program = program_in(folder, words)
        if program and can_be_declared(*program) and program not in programs:
            programs.append(program)
    return programs


def can_be_declared(kind, target):
    return target.isprintable() and (kind == "script" and "$" not in target or re.fullmatch(r"\w+(\.\w+)*", target) is not None)


def refusal(outcome):
    """The reason with which a run with --no-fallback was refused, or nothing."""
    texts = [outcome.stderr, outcome.stdout]
    texts += [item[1] for item in outcome.files.values() if isinstance(item[1], bytes)]
    for text in texts:
        for line in text.splitlines():
            if b"pml: " in line:
                return line[line.index(b"pml: ") + 5:].decode(errors="replace")
    return f"status {outcome.status}" if outcome.status in (69, 75, 77) else None


def show_difference(what, cold, warm):
    def lines(value):
        return value.decode(errors="backslashreplace").splitlines() if isinstance(value, bytes) else [str(value)]
    diff = difflib.unified_diff(lines(cold), lines(warm), f"{what} cold", f"{what} warm", lineterm="", n=2)
    return "\n".join("    " + line[:600] for line in list(diff)[:40]) or f"    {what}: {cold!r} {warm!r}"


def compare(cold, warm):
    problems = []
    for what in ("stdout", "stderr", "status"):
        if getattr(cold, what) != getattr(warm, what):
            problems.append(show_difference(what, getattr(cold, what), getattr(warm, what)))
    for name in sorted(set(cold.files) | set(warm.files)):
        before, after = cold.files.get(name, ("missing",)), warm.files.get(name, ("missing",))
        if before != after:
            problems.append(show_difference(f"file {name}", before[-1], after[-1])
                            + (f"\n    mode {before[0]} {after[0]}" if before[0] != after[0] else ""))
    return problems


def judge_ahead(bench, case):
    """As judge(), of a case whose programs have run ahead: "ahead" where a worker of theirs has served."""
    python, pml, _ = bench.commands(case["pool"])
    if not case["programs"]:
        return case, "without", []
    cold = run_once(bench, case, python)
    first = run_once(bench, case, pml)
    restore_folder(bench.folder(case), case)
    bench.tell(case["pool"], "programs")  # changes of files are seen before
    try:
        for name in case["programs"]:
            bench.tell(case["pool"], "ahead " + name)
    except TimeoutError:
        return case, None, [f"    the service does not tell whether it is ready: {bench.served_ahead(case)[1]}"]
    before, known = bench.served_ahead(case)
    warm = run_once(bench, case, pml, restore_folder)
    served = bench.served_ahead(case)[0] > before
    for name in case["programs"]:
        bench.tell(case["pool"], "forget " + name)
    problems = compare(cold, warm) or compare(cold, first)
    case["why"] = "; ".join(sorted({one.get("reason") or one.get("missed") or one["state"] for one in known})) or "unknown"
    case["stops"] = "; ".join(sorted({one.get("stops-before", "") + " at " + one.get("stops-at", "") for one in known}))
    if bench.services[case["pool"]].poll() is not None:
        problems.append("    the service has ended")
    return case, "ahead" if served else "behind", problems


def judge(bench, case, check_cold):
    """Runs one case; returns its name, "warm", "aside" or None, and what is wrong."""
    case = bench.with_binding(case)
    if "programs" in case:
        return judge_ahead(bench, case)
    python, pml, strict = bench.commands(case["pool"])
    cold = run_once(bench, case, python)
    if check_cold:
        return case, None, compare(cold, run_once(bench, case, python))
    warm = run_once(bench, case, pml)
    problems = compare(cold, warm)
    served = run_once(bench, case, strict)
    reason = refusal(served)
    kind = "aside" if reason else "warm"
    if not reason and not problems:
        problems = compare(cold, served)
    if bench.services[case["pool"]].poll() is not None:
        problems.append("    the service has ended")
    # Which of the packages of that pool another interpreter has, and what they lack, is the machine's.
    forgiven = bench.foreign and (kind == "warm" or case["pool"] == "vendored")
    # What cannot be handed over to a worker is there in the caller's own process.
    forgiven = forgiven or bench.launch in ("in-place", "auto") and kind == "warm"
    if case["expect"] not in (kind, "either") and not forgiven:
        problems.append(f"    expected to be {case['expect']}, was {kind}: {reason or 'served'}")
    return case, kind, problems


def judge_twice(bench, case, check_cold):
    """As judge(), but what fails is tried again: on a machine under load even python3 is not always
    as fast as a case takes for granted. What differs only once is called unsteady."""
    first = judge(bench, case, check_cold)
    if not first[2]:
        return *first, []
    second = judge(bench, case, check_cold)
    return *second, [] if second[2] else first[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", default="/usr/local", help="where pml is installed")
    parser.add_argument("--interpreter", default="/usr/bin/python3")
    parser.add_argument("--venv", action="store_true", help="in a virtual environment of the interpreter's")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th case")
    parser.add_argument("-k", dest="pattern", default="", help="only cases whose name or line contains this")
    parser.add_argument("-j", dest="jobs", type=int, default=2)
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("--check-cold", action="store_true",
                        help="no pml: run each case twice with python3, which must not differ")
    parser.add_argument("--ahead", action="store_true", help="each case's programs are declared, and run ahead")
    parser.add_argument("--launch", choices=("worker", "in-place", "auto"), help="[pool] launch of every profile")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the run")
    options = parser.parse_args()

    cases = [load(path) for path in sorted((HERE / "cases").glob("*.toml"))]
    cases = [case for case in cases if options.pattern in case["name"] or options.pattern in case["line"]]
    cases = cases[::options.every]
    counts = collections.Counter()
    needed = [pathlib.Path(options.interpreter).resolve()]
    if not options.check_cold:
        needed.append(pathlib.Path(options.prefix).resolve() / "bin/pml")
    if os.geteuid() == 0 and not all(map(reachable, needed)):
        for case in [case for case in cases if case.get("reach")]:
            print(f"skipped {case['name']}: others cannot reach {' or '.join(map(str, needed))}", flush=True)
            cases.remove(case)
            counts["skipped"] += 1
    bench = Bench(options.prefix, options.interpreter, options.venv, options.launch)
    try:
        if options.ahead:
            bench.ahead = True
            with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
                for case, programs in zip(cases, pool.map(lambda case: programs_of(bench, case), cases)):
                    case["programs"] = bench.declare(case["pool"], programs)
        if not options.check_cold:
            for profile in sorted({case["pool"] for case in cases}):
                bench.start_service(profile)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            judged = itertools.chain(
                pool.map(lambda c: judge_twice(bench, c, options.check_cold),
                         [case for case in cases if not case.get("alone")]),
                (judge_twice(bench, case, options.check_cold) for case in cases if case.get("alone")))
            for case, kind, problems, once in judged:
                counts[kind] += 1
                if once:
                    counts["unsteady"] += 1
                    print(f"unsteady {case['name']}, once:", *once, sep="\n", flush=True)
                if problems:
                    counts["failed"] += 1
                    print(f"FAILED {case['name']} ({case['line']})", *problems, sep="\n", flush=True)
                elif options.verbose:
                    print(f"ok     {case['name']} {kind or ''}" + (f" ({case['why']}; stops before {case['stops']})" if "why" in case else ""), flush=True)
        for problem in bench.stop_services():
            counts["failed"] += 1
            print("FAILED afterwards:", problem)
    finally:
        if options.keep:
            print("kept:", bench.root)
        else:
            bench.remove()
    if options.ahead:
        programs = counts["ahead"] + counts["behind"]
        print(f"equivalence ahead: {len(cases)} cases, {programs} with a program that has a name, {counts['ahead']} ran ahead, "
              f"{counts['unsteady']} unsteady, {counts['skipped']} skipped, {counts['failed']} failed "
              f"(share ahead {100 * counts['ahead'] // max(1, programs)} %)")
        return 1 if counts["failed"] else 0
    share = 100 * counts["warm"] // max(1, len(cases))
    print(f"equivalence: {len(cases)} cases, {counts['warm']} warm, {counts['aside']} aside, "
          f"{counts['unsteady']} unsteady, {counts['skipped']} skipped, {counts['failed']} failed (share warm {share} %)")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
