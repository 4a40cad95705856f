#!/usr/bin/python3
"""Kills, stops and restarts what belongs to a private pmld, under callers with known answers.

    chaos.py --prefix DIR [--seconds N] [--seed S] [--callers N] [--programs] [--verbose]

With --programs the callers run scripts, which the service learns and runs ahead.


Every call must end within ten seconds with the right answer, with the death that was dealt to it,
or with one clear line of pml's and a status of its own; afterwards nothing may be left.
"""

import argparse
import collections
import contextlib
import ctypes
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

LIMIT = 10.0
DISK_SIZE = "32m"
OWN_STATUSES = (69, 70, 75)
PYTHON = "/usr/bin/python3"
MEGABYTE = hashlib.sha256(b"0123456789abcdef" * 65536).hexdigest()
# name, code, standard input, expected status, standard output
CASES = [
    ("answer", "import sys; print(21*2); sys.exit(3)", b"", 3, b"42\n"),
    ("megabyte", "import sys; sys.stdout.write('0123456789abcdef'*65536)", b"", 0, None),
    ("signal", "import os, signal; os.kill(os.getpid(), signal.SIGUSR1)", b"", -signal.SIGUSR1, b""),
    ("sleep", "import time; time.sleep(0.3); print('slept')", b"", 0, b"slept\n"),
    ("echo", "import sys; sys.stdout.write(sys.stdin.read())", b"line\n" * 2000, 0, b"line\n" * 2000),
    ("pipe", "import sys; print(len(sys.stdin.read()))", None, 0, b"5891\n"),
]
# Worth learning: they take their time to import.
LEARNED = "import asyncio, decimal, email.message, logging, unittest, xml.dom.minidom\n"
PROFILE = """description = "chaos"
[pool]
workers = 5
spare = 3
[preload]
modules = ["json", "decimal"]
[learn]
programs = "all"
"""
PRODUCER = "for i in range(1, 1001): print(i, end=' ' if i % 2 else '\\n')\nfor i in range(999): print('x')"


def now():
    return time.monotonic()


def words_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def parent_and_state(pid):
    try:
        rest = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(rest[1]), rest[0]
    except (OSError, IndexError):
        return 0, "X"


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def send(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Service:
    """A standalone pmld, started again by hand whenever it has ended."""

    def __init__(self, prefix, folder, programs):
        self.folder, self.prefix, self.programs = folder, prefix, programs
        self.socket = folder / "run/pml/chaos.sock"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "CHAOS": str(folder),
                            "XDG_RUNTIME_DIR": str(folder / "run"), "XDG_CONFIG_HOME": str(folder / "config")}
        for name in ("PML_MODULE_DIR", "PML_HELPER_DIR"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        (folder / "config/pml/profiles").mkdir(parents=True)
        (folder / "config/pml/profiles/chaos.toml").write_text(PROFILE)  # pml-cold asks for it
        for name, code, *_ in [*CASES, ("producer", PRODUCER)]:
            (folder / f"chaos_{name}.py").write_text(LEARNED + code)
        self.log = open(folder / "pmld.log", "wb")
        self.starts, self.ending, self.process, self.bad_ends, self.removed = 0, False, None, [], -9.0
        self.start()
        self.keeper = threading.Thread(target=self.keep)
        self.keeper.start()

    def start(self):
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.starts += 1
        words = ["--profile", "chaos"] if self.programs else ["-w", "5", "-s", "3", self.socket, "json", "decimal"]
        self.process = subprocess.Popen([self.prefix / "bin/pmld", *words],
                                        env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def keep(self):
        while not self.ending:
            if self.process.poll() is not None:
                # Told to stop before it has its handlers, or started into a folder that goes away.
                excused = (-signal.SIGTERM, 73) if now() - self.removed < 5 else ()
                if self.process.returncode not in (0, -signal.SIGKILL, *excused):
                    self.bad_ends.append(self.process.returncode)
                time.sleep(0.1)
                self.start()
            time.sleep(0.02)

    def children(self):
        return [pid for pid in processes() if parent_and_state(pid)[0] == self.process.pid]

    def zygote(self):
        return [pid for pid in self.children() if "_pml_zygote" in words_of(pid)]

    def marked(self):
        """Whatever has the mark in its environment and has not ended."""
        found, mark = [], f"CHAOS={self.folder}".encode()
        for pid in processes():
            try:
                if pid != os.getpid() and mark in pathlib.Path(f"/proc/{pid}/environ").read_bytes():
                    found.append(pid)
            except OSError:
                pass
        return found

    def end(self):
        self.ending = True
        self.keeper.join()
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        return True


class Call:
    """One launch with a known answer."""

    def __init__(self, number, case, service):
        self.number, (self.name, self.code, self.input, self.status, self.output) = number, case
        self.service, self.hit, self.stopped, self.pids, self.started = service, False, False, [], 0.0

    def popen(self, name, code, **streams):
        mark = f"#chaos-call={self.number};"
        program = [self.service.folder / f"chaos_{name}.py", mark] if self.service.programs else ["-c", f"{code}\n{mark}"]
        words = [self.service.prefix / "bin/pml", "-p", "chaos", *program]
        process = subprocess.Popen(words, env=self.service.environment, stderr=self.errors, stdout=subprocess.PIPE, **streams)
        self.pids.append(process.pid)
        return process

    def run(self):
        with tempfile.TemporaryFile(buffering=0) as self.errors:
            return self.run_with_errors()

    def run_with_errors(self):
        self.started = now()
        first = None
        if self.input is None:
            first = self.popen("producer", PRODUCER, stdin=subprocess.DEVNULL)
            process = self.popen(self.name, self.code, stdin=first.stdout)
            first.stdout.close()
        else:
            process = self.popen(self.name, self.code, stdin=subprocess.PIPE)
        try:
            self.out = process.communicate(self.input, timeout=LIMIT)[0]
            if first:
                first.wait(max(0.1, LIMIT - now() + self.started))
            self.errors.seek(0)
            self.err = self.errors.read()
        except subprocess.TimeoutExpired:
            self.look(process, first)
            return "HANG"
        return self.judge(process.returncode, first.returncode if first else 0)

    def look(self, *hanging):
        """Says what hangs, and ends it."""
        self.status_seen = "; ".join(
            f"{pid} {parent_and_state(pid)} {words_of(pid)[-60:]!r}" for pid in processes() if pid in self.pids or f"chaos-call={self.number};" in words_of(pid))
        self.out = self.err = b""
        for process in hanging:
            if process:
                process.kill()
                process.wait()

    def judge(self, status, first_status):
        self.status_seen = (first_status, status)
        right_output = hashlib.sha256(self.out).hexdigest() == MEGABYTE if self.output is None else self.out == self.output
        if status == self.status and right_output and first_status == 0 and not self.err:
            return "right"
        own = [line for line in self.err.decode(errors="replace").splitlines() if line.startswith("pml: ")]
        if own and (status in OWN_STATUSES or first_status in OWN_STATUSES):
            self.complaint = own[0]
            return "clear error"
        return "dead" if -signal.SIGKILL in (status, first_status) or self.hit else "WRONG"


class Chaos:
    def __init__(self, options, service):
        self.options, self.service = options, service
        self.random = random.Random(options.seed)
        self.end_time = now() + options.seconds
        self.counts, self.deeds, self.complaints = collections.Counter(), collections.Counter(), collections.Counter()
        self.calls, self.lock, self.numbers = {}, threading.Lock(), 0
        self.starts_seen = 1
        self.stopped, self.idle_kills, self.terminations, self.bad, self.longest = [], [], [], [], 0.0

    def caller(self, seed):
        chance = random.Random(seed)
        while now() < self.end_time:
            with self.lock:
                self.numbers += 1
                call = Call(self.numbers, chance.choice(CASES), self.service)
                self.calls[call.number] = call
            verdict = call.run()
            if verdict == "dead" and not call.hit:
                time.sleep(1)  # the deed may be in the middle of being noted
            with self.lock:
                del self.calls[call.number]
                self.count(call, verdict)

    def count(self, call, verdict):
        during = lambda times: any(call.started - 0.5 <= moment <= now() for moment in times)  # noqa: E731
        if verdict == "dead" and not call.hit and not during(self.idle_kills):
            verdict = "WRONG"  # nobody killed it, nor the worker that it may just have got
        # The service was told to stop; a program that is stopped cannot obey, and is killed in the end.
        ends = (-signal.SIGTERM, -signal.SIGKILL) if call.stopped else (-signal.SIGTERM,)
        if verdict == "WRONG" and any(end in call.status_seen for end in ends) and during(self.terminations):
            verdict = "dead"
        self.counts[verdict] += 1
        if verdict == "clear error":
            self.complaints[call.complaint] += 1
        self.longest = max(self.longest, now() - call.started)
        if verdict in ("WRONG", "HANG") or (verdict == "clear error" and self.options.verbose):
            self.bad.append(f"{verdict}: {call.name} #{call.number} {call.status_seen} out={call.out[:80]!r} err={call.err[-300:]!r}")
            if len(self.bad) <= 12:
                print(self.bad[-1], flush=True)

    # The deeds. Each picks its victim by what the processes show.

    def hurt(self, pid, longest_stop, idle=False):
        """Kills the process, or stops it for a while."""
        number = re.search(r"chaos-call=(\d+);", words_of(pid))
        if not number and not idle:
            return None  # it has ended meanwhile
        with self.lock:
            call = self.calls.get(int(number[1])) if number else None
            stop = self.random.random() < 0.4
            if call:
                call.stopped |= stop
                call.hit |= not stop
        if stop and send(pid, signal.SIGSTOP):
            self.stopped.append((now() + self.random.uniform(0.1, longest_stop), pid))
        elif not stop:
            send(pid, signal.SIGKILL)
        return "stop" if stop else "kill"

    def on_zygote(self):
        zygotes = self.service.zygote()  # and templates of programs
        for pid in self.random.sample(zygotes, min(1, len(zygotes))):
            self.idle_kills.append(now())  # not proven: a fresh fork shows the zygote's words; loosens the check
            deed = self.hurt(pid, 5, idle=True)
            self.idle_kills.append(now())
            return deed

    def on_idle(self):
        idle = [pid for pid in processes() if "(pml: idle worker)" in words_of(pid)]
        if idle:
            self.idle_kills.append(now())
            deed = self.hurt(self.random.choice(idle), 4, idle=True)
            self.idle_kills.append(now())
            return deed

    def on_job(self):
        with self.lock:
            clients = {pid for call in self.calls.values() for pid in call.pids}
        jobs = [pid for pid in processes() if pid not in clients and "#chaos-call=" in words_of(pid)]
        return self.hurt(self.random.choice(jobs), 1) if jobs else None

    def on_client(self):
        with self.lock:
            clients = [pid for call in self.calls.values() for pid in call.pids]
        return self.hurt(self.random.choice(clients), 1) if clients else None

    def on_service(self):
        return self.hurt(self.service.process.pid, 2, idle=True)

    def on_folder(self):
        self.service.removed = now()
        shutil.rmtree(self.service.socket.parent, ignore_errors=True)
        time.sleep(0.2)
        self.terminations.append(now())
        send(self.service.process.pid, signal.SIGTERM)
        return "remove"

    def on_disk(self):
        """Fills the disk that log, profile and socket live on, for a moment."""
        if not self.options.disk:
            return None
        filler = self.service.folder / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        time.sleep(0.3)
        filler.unlink()
        return "fill"

    def on_reload(self):
        # Before it has its handlers, this would end it.
        return "reload" if self.service.zygote() and send(self.service.process.pid, signal.SIGHUP) else None

    def wake(self, everybody=False):
        due = [item for item in self.stopped if everybody or item[0] <= now()]
        self.stopped = [item for item in self.stopped if item not in due]
        for _, pid in due:
            send(pid, signal.SIGCONT)
        if self.service.starts != self.starts_seen:
            # A client stops with its job. If the service that would wake it is gone, its shell must.
            self.starts_seen = self.service.starts
            with self.lock:
                orphans = [pid for call in self.calls.values() for pid in call.pids if parent_and_state(pid)[1] == "T"]
            self.stopped += [(now() + delay, pid) for pid in orphans for delay in (0.5, 2)]

    def kill_on(self):
        deeds = [(self.on_job, 6), (self.on_client, 5), (self.on_idle, 5), (self.on_zygote, 2), (self.on_reload, 1), (self.on_service, 0.7), (self.on_folder, 0.2), (self.on_disk, 1)]
        while now() < self.end_time:
            deed = self.random.choices([item for item, _ in deeds], [weight for _, weight in deeds])[0]
            what = deed()
            if what:
                self.deeds[f"{what} {deed.__name__[3:]}"] += 1
            self.wake()
            time.sleep(self.random.uniform(0.02, 0.25))
        self.wake(True)

    def run(self):
        threads = [threading.Thread(target=self.caller, args=(self.options.seed * 1000 + i,)) for i in range(self.options.callers)]
        for thread in threads:
            thread.start()
        self.kill_on()
        for thread in threads:
            thread.join()


def settle(condition, seconds):
    deadline = now() + seconds
    while now() < deadline and not condition():
        time.sleep(0.05)
    return condition()


def descriptors(pid):
    """How many the process has, without its links to idle workers."""
    idle = sum("(pml: idle worker)" in words_of(child) for zygote in [pid, *kids(pid)] for child in kids(zygote))
    return len(os.listdir(f"/proc/{pid}/fd")) - idle


def kids(pid):
    return [child for child in processes() if parent_and_state(child)[0] == pid]


def serves(service, seconds):
    words = [service.prefix / "bin/pml", "-p", "chaos", "--no-fallback", "--wait", "-c", "print(42)"]
    deadline = now() + seconds
    while now() < deadline:
        try:
            if subprocess.run(words, env=service.environment, capture_output=True, timeout=seconds).stdout == b"42\n":
                return True
        except subprocess.TimeoutExpired:
            pass
        time.sleep(0.05)
    return False


def launches_ahead(service):
    """How many calls were answered by programs that had run ahead, as far as the service's last start knows."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(service.socket))
        peer.sendall(b"programs\n")
        with peer.makefile("rb") as lines:
            return sum(json.loads(line)["warm"] for line in lines if line.strip())
    return 0


def leftovers(service, before):
    found = []
    if not serves(service, 10):
        found.append("the service does not serve")
    learned = len(CASES) + 1 if service.programs else 0  # each has a template, and a worker with its link
    if not settle(lambda: len(service.marked()) <= 7 + 2 * learned, 8):
        found.append(f"processes: {[(pid, parent_and_state(pid), words_of(pid)[-70:]) for pid in service.marked()]}")
    zombies = lambda: [pid for pid in processes() if parent_and_state(pid)[1] == "Z" and parent_and_state(pid)[0] in [service.process.pid, *service.zygote()]]  # noqa: E731
    if not settle(lambda: not zombies(), 2):
        found.append(f"zombies: {zombies()}")
    # A template, a worker and what is watched are a descriptor each; while one is made anew or tried, there are more.
    if not settle(lambda: before <= descriptors(service.process.pid) + 3 * learned and descriptors(service.process.pid) <= before + 3 * learned, 20 if learned else 3):
        found.append(f"descriptors of pmld: {descriptors(service.process.pid)} after, {before} before")
    if not service.end():
        found.append("pmld did not end at SIGTERM")
    if not settle(lambda: not service.marked(), 8):
        found.append(f"orphans: {[(pid, parent_and_state(pid), words_of(pid)[-70:]) for pid in service.marked()]}")
    if service.socket.exists():
        found.append("the socket")
    found += [f"pmld ended with {status}" for status in service.bad_ends]
    return found


def own_disk():
    """Goes on in a mount namespace of its own, where that can be: there the disk can be filled."""
    if "PML_CHAOS_DISK" not in os.environ and os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.environ["PML_CHAOS_DISK"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, "-B", *sys.argv])
    return os.environ.pop("PML_CHAOS_DISK", "") == "1"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", type=pathlib.Path, default=pathlib.Path("/usr/local"))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--programs", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    options.disk = own_disk()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans come here
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pml-chaos-"))
    if options.disk:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE},mode=700", "tmpfs", folder], check=True)
    service, ahead = Service(options.prefix, folder, options.programs), 0
    chaos, left = Chaos(options, service), ["it did not start"]
    try:
        assert serves(service, 20), "the service does not start"
        time.sleep(1)
        before = descriptors(service.process.pid)
        chaos.end_time = now() + options.seconds
        chaos.run()
        ahead = launches_ahead(service) if options.programs and serves(service, 10) else 0
        left = leftovers(service, before)
    finally:
        service.ending = True
        for pid in service.marked():
            send(pid, signal.SIGKILL)
    counts = chaos.counts
    print(f"seed {options.seed}, {options.seconds:g} s, {sum(counts.values())} calls, longest {chaos.longest:.1f} s; " + ", ".join(f"{count} {deed}" for deed, count in sorted(chaos.deeds.items())))
    print(f"right: {counts['right']}, killed as expected: {counts['dead']}, clear errors: {counts['clear error']}, pmld starts: {service.starts}")
    if options.programs:
        print(f"since the last start {ahead} were answered by what had run ahead")
    print(f"WRONG: {counts['WRONG']}, HANGS: {counts['HANG']}, leftovers: {len(left)}")
    for text, count in chaos.complaints.most_common(5):
        print(f"{count} times: {text}")
    for item in left:
        print("left:", item)
    failed = counts["WRONG"] or counts["HANG"] or left
    if failed:
        print("log:", folder / "pmld.log")
    else:
        if options.disk:
            service.log.close()
            subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
