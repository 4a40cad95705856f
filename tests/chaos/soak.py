#!/usr/bin/python3
"""Launches many programs through one private pmld and watches what it and its zygote hold.

    soak.py [--prefix DIR] [--launches N] [--callers N] [--module NAME]...

Fails if a launch goes wrong, if either grows by more than 1 MiB after the first tenth of the
launches, or if the number of descriptors changes.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from chaos import descriptors, parent_and_state, processes, settle, words_of

ENOUGH_KIB = 1024


def resident_kib(pid):
    """The process's own memory; pages of files come and go."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


class Soak:
    def __init__(self, options, folder):
        self.options, self.socket = options, folder / "s.sock"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(folder)}
        self.log = open(folder / "pmld.log", "wb")
        self.service = subprocess.Popen([options.prefix / "bin/pmld", self.socket, *options.module], env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.left, self.wrong, self.lock = 0, 0, threading.Lock()

    def launch(self):
        done = subprocess.run([self.options.prefix / "bin/pml", "--socket", self.socket, "--no-fallback", "--wait", "-c", "print(42)"],
                              env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return done.returncode == 0 and done.stdout == b"42\n"

    def caller(self):
        while True:
            with self.lock:
                if self.left <= 0:
                    return
                self.left -= 1
            if not self.launch():
                with self.lock:
                    self.wrong += 1

    def launch_many(self, count):
        self.left = count
        threads = [threading.Thread(target=self.caller) for _ in range(self.options.callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def zygote(self):
        return next(pid for pid in processes() if parent_and_state(pid)[0] == self.service.pid and "_pml_zygote" in words_of(pid))

    def measure(self):
        """(resident KiB, descriptors) of pmld and of the zygote, once all is quiet."""
        pids = [self.service.pid, self.zygote()]
        idle = lambda: sum("(pml: idle worker)" in words_of(pid) for pid in processes() if parent_and_state(pid)[0] == pids[1])  # noqa: E731
        settle(lambda: idle() == 5, 5)
        time.sleep(0.5)
        return [(resident_kib(pids[0]), descriptors(pids[0])), (resident_kib(pids[1]), len(os.listdir(f"/proc/{pids[1]}/fd")))]

    def run(self):
        assert settle(lambda: self.socket.exists() and self.launch(), 20), "the service does not start"
        part = max(self.options.launches // 10, 1)
        rows = []
        for i in range(1, 11):
            began = time.monotonic()
            self.launch_many(part)
            rate = part / (time.monotonic() - began)
            rows.append(self.measure())
            (pmld, pmld_fds), (zygote, zygote_fds) = rows[-1]
            print(f"{i * part:7d} launches, {rate:6.0f}/s; pmld {pmld} KiB, {pmld_fds} descriptors; zygote {zygote} KiB, {zygote_fds} descriptors", flush=True)
        return self.verdict(rows, part)

    def verdict(self, rows, part):
        bad = [f"{self.wrong} launches went wrong"] if self.wrong else []
        for index, name in enumerate(("pmld", "zygote")):
            sizes = [row[index][0] for row in rows]
            growth = sizes[-1] - sizes[0]
            print(f"{name}: {growth:+d} KiB, slope {slope(sizes) * 10000 / part:+.1f} KiB per 10,000 launches")
            if growth > ENOUGH_KIB:
                bad.append(f"{name} has grown by {growth} KiB")
            if len({row[index][1] for row in rows}) > 1:
                bad.append(f"descriptors of {name}: {[row[index][1] for row in rows]}")
        return bad


def slope(values):
    """Of the straight line nearest to the values, per step."""
    mean_x, mean_y = (len(values) - 1) / 2, sum(values) / len(values)
    return sum((x - mean_x) * (y - mean_y) for x, y in enumerate(values)) / sum((x - mean_x) ** 2 for x in range(len(values)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", type=pathlib.Path, default=pathlib.Path("/usr/local"))
    parser.add_argument("--launches", type=int, default=100000)
    parser.add_argument("--callers", type=int, default=3)
    parser.add_argument("--module", action="append", default=[])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pml-soak-"))
    soak = Soak(parser.parse_args(), folder)
    try:
        bad = soak.run()
    finally:
        soak.service.terminate()
        soak.service.wait(30)
    for item in bad:
        print("FAILED:", item)
    if not bad:
        shutil.rmtree(folder)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
