#!/usr/bin/python3
"""Runs CPython's own regression tests cold and warm and compares the verdicts, test by test.

    cpython.py --prefix DIR [--interpreter PATH] [--again N] [--ignore PATTERN]... [--ahead] NAME...

DIR is where pml is installed (bin/pml, bin/pmld); NAME is a module of CPython's test package
(Debian: libpython3.11-testsuite). A test whose verdicts differ is run again on both sides, up to N
times (default 1), because some depend on time. --ignore leaves out the tests whose names match, on both
sides: those that hang on this machine, whoever starts them. With --ahead `-m test` is a declared program, and each
module is run by a worker that has run it ahead. Exit status: 0 when no verdict differs.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import declared

PROFILE = """
[python]
interpreter = "{interpreter}"
[preload]
modules = ["argparse", "json", "re", "subprocess", "logging", "unittest", "asyncio", "tempfile",
           "threading", "socket", "ssl", "random", "pathlib", "dataclasses", "typing", "inspect"]
"""
LIMIT = 900  # seconds for one module


class Bench:
    """A private service and the two ways to run a module."""

    def __init__(self, prefix, interpreter, root, ignored, ahead):
        self.prefix, self.interpreter, self.root = prefix, interpreter, root
        self.ignored = [word for pattern in ignored for word in ("-i", pattern)]
        (root / "config/pml/profiles").mkdir(parents=True)
        (root / "run").mkdir(mode=0o700)
        # test_site makes the user's site folder; a pool that started without one would step aside.
        version = subprocess.check_output(
            [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True).strip()
        (root / f".local/lib/python{version}/site-packages").mkdir(parents=True)
        (root / "config/pml/profiles/cpython.toml").write_text(
            PROFILE.format(interpreter=interpreter) + ('[program.test]\nmodule = "test"\n' if ahead else ""))
        self.socket, self.ahead = root / "run/pml/cpython.sock", ahead
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(root), "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(root / "run"), "XDG_CONFIG_HOME": str(root / "config"),
        }
        self.pidfile = root / "pmld.pid"
        subprocess.run([prefix / "bin/pmld", "--profile", "cpython", "-d", "-p", self.pidfile],
                       env=self.environment, check=True)

    def stop(self):
        os.kill(int(self.pidfile.read_text()), 15)

    @contextlib.contextmanager
    def folder(self):
        """An empty one; what is run ahead by -m is run in the one that it was run ahead in."""
        if not self.ahead:
            with tempfile.TemporaryDirectory(dir=self.root) as folder:
                yield folder
            return
        folder = self.root / "work"
        folder.mkdir(exist_ok=True)
        yield folder
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def verdicts(self, name, warm):
        """{test: verdict} of one run, or a text that says why there are none."""
        python = ([self.prefix / "bin/pml", "-p", "cpython", "--no-fallback"] if warm
                  else [self.interpreter])
        if warm and self.ahead:
            declared.tell(self.socket, "programs")  # changes of files are seen before
            declared.tell(self.socket, "ahead test")
        with self.folder() as folder:
            report = pathlib.Path(folder) / "report.xml"
            try:
                done = subprocess.run(
                    [*python, "-m", "test", "--junit-xml", report, *self.ignored, name], cwd=folder,
                    env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, timeout=LIMIT)
            except subprocess.TimeoutExpired:
                return f"no end within {LIMIT} s"
            if not report.exists():
                return f"status {done.returncode}: " + done.stdout.decode(errors="replace")[-300:]
            return read_report(report)


def read_report(path):
    found = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        if not kinds and case.get("result") != "completed":
            kinds = [case.get("result", "?")]
        found[case.get("name")] = kinds[0] if kinds else "passed"
    return found


def compare(bench, name):
    """The differing tests of one module: {test: (cold, warm)}, and how many there are."""
    cold, warm = bench.verdicts(name, False), bench.verdicts(name, True)
    if isinstance(cold, str) or isinstance(warm, str):
        return {"(the run)": (cold, warm)}, 0  # without verdicts nothing was compared
    tests = sorted(cold.keys() | warm.keys())
    return {test: (cold.get(test), warm.get(test)) for test in tests
            if cold.get(test) != warm.get(test)}, len(tests)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--prefix", type=pathlib.Path, required=True)
    parser.add_argument("--interpreter", default="/usr/bin/python3")
    parser.add_argument("--again", type=int, default=1)
    parser.add_argument("--ignore", action="append", default=[])
    parser.add_argument("--ahead", action="store_true", help="-m test is a declared program, and runs ahead")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    failed = total = 0
    with tempfile.TemporaryDirectory(prefix="pml-cpython-") as root:
        bench = Bench(options.prefix.resolve(), options.interpreter, pathlib.Path(root), options.ignore, options.ahead)
        try:
            for name in options.names:
                differing, count = compare(bench, name)
                for _ in range(options.again):
                    if differing:
                        again, _ = compare(bench, name)
                        differing = {test: pair for test, pair in differing.items() if test in again}
                total += count
                failed += len(differing)
                print(f"{name}: {count} tests, {len(differing)} differ", flush=True)
                for test, (cold, warm) in differing.items():
                    print(f"    {test}: cold {cold}, warm {warm}", flush=True)
            served = declared.launches_ahead(bench.socket, ["test"])
        finally:
            bench.stop()
    print(f"cpython: {total} tests in {len(options.names)} modules, {failed} differ"
          + (f"; {served} launches ran ahead" if options.ahead else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
