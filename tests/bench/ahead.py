#!/usr/bin/python3
"""What programs gain that run ahead.

    tests/bench/ahead.py --prefix DIR [--rounds N] [-k NAME] [--learned] [--json FILE]

Each is declared (or, with --learned, only started three times), and measured cold and warm in turn when its worker waits. Saved
share: (cold − warm) / (cold − floor); the floor is the program's own work, with all that it imports there (programs/floor.py).
A program that is not installed is left out. README.md says what each figure means.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
SOURCE = "import os, sys\n\n\ndef twice( x ):\n    return x*2\n\n\nprint(twice(len(sys.argv)), os.sep)\n"
FILES = {
    "tool.py": SOURCE,
    "test_one.py": "def test_one():\n    assert 1 + 1 == 2\n",
    "docs/conf.py": "project = 'bench'\n",
    "docs/index.rst": "Bench\n=====\n\nText.\n",
    "s_sympy.py": "import sys\nimport sympy\nx = sympy.symbols('x')\nprint(sympy.diff(sympy.sin(x) ** 2, x), sys.argv[1:])\n",
    "s_sklearn.py": "import sys\nimport sklearn.linear_model\nprint(sklearn.linear_model.LinearRegression().fit([[0], [1]], [0, 2]).coef_, sys.argv[1:])\n",
    "s_pandas.py": "import sys\nimport pandas, matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as p\npandas.DataFrame({'a': [1, 2]}).plot()\np.savefig('out.png')\nprint(sys.argv[1:])\n",
    "s_torch.py": "import sys\nimport torch\nprint(torch.zeros(2) + 1, sys.argv[1:])\n",
    "site/manage.py": "import os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')\nfrom django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n",
    "site/settings.py": "SECRET_KEY = 'x'\nINSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth']\nDATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n",
}
# A window with a label, until it is painted.
QT = (
    "import sys\nfrom KIT.QtWidgets import QApplication, QLabel\nfrom KIT.QtCore import QTimer\n\n\nclass Label(QLabel):\n    def paintEvent(self, event):\n"
    "        super().paintEvent(event)\n        QTimer.singleShot(0, QApplication.quit)\n\n\napplication = QApplication(sys.argv)\nlabel = Label('hello')\nlabel.show()\n"
    "sys.exit(application.exec_())\n"
)
FILES |= {f"w_{kit}.py": QT.replace("KIT", kit) for kit in ("PyQt5", "PySide2")}
FILES["w_gtk.py"] = (
    "import gi\ngi.require_version('Gtk', '3.0')\nfrom gi.repository import Gtk, GLib\nwindow = Gtk.Window(title='hello')\nwindow.add(Gtk.Label(label='hello'))\n"
    "window.connect('draw', lambda *rest: GLib.idle_add(Gtk.main_quit) and None)\nwindow.show_all()\nGtk.main()\n"
)
# Name, program (looked for in /usr/bin where it is no path), arguments, what has to be importable.
PROGRAMS = [
    ("black", "black", ["--diff", "tool.py"], ""),
    ("pylint", "pylint", ["tool.py"], ""),
    ("flake8", "flake8", ["tool.py"], ""),
    ("isort", "isort", ["--diff", "tool.py"], ""),
    ("sphinx-build", "sphinx-build", ["-q", "-E", "docs", "out"], ""),
    ("sphinx-build --version", "sphinx-build", ["--version"], ""),
    ("django-admin", "django-admin", ["version"], ""),
    ("manage.py check", "site/manage.py", ["check"], "django"),
    ("nox", "nox", ["--version"], ""),
    ("yt-dlp", "yt-dlp", ["--version"], ""),
    ("borg", "borg", ["--version"], ""),
    ("ansible", "ansible", ["--version"], ""),
    ("pip list", "pip", ["list"], ""),
    ("pytest", "pytest-3", ["-q", "test_one.py"], ""),
    ("sympy", "s_sympy.py", ["a"], "sympy"),
    ("scikit-learn", "s_sklearn.py", ["a"], "sklearn"),
    ("pandas + matplotlib", "s_pandas.py", ["a"], "pandas"),
    ("torch", "s_torch.py", ["a"], "torch"),
]
# With a display only: xvfb-run tests/bench/ahead.py -k window
WINDOWS = [("window: PyQt5", "w_PyQt5.py", ["a"], "PyQt5"), ("window: PySide2", "w_PySide2.py", ["a"], "PySide2"), ("window: GTK 3", "w_gtk.py", ["a"], "gi")]


class World:
    """A folder, a home and a service of this run's own."""

    def __init__(self, options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pml-bench-ahead-"))
        self.bin = pathlib.Path(options.prefix).resolve() / "bin"
        for name, text in FILES.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(text)
        (self.folder / "run").mkdir(mode=0o700)
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8",
                            "XDG_RUNTIME_DIR": str(self.folder / "run"), "XDG_CONFIG_HOME": str(self.folder / "config")}
        self.environment |= {name: os.environ[name] for name in ("DISPLAY", "XAUTHORITY") if name in os.environ}
        self.profile = self.folder / "config/pml/profiles/bench.toml"
        self.profile.parent.mkdir(parents=True)
        self.service = None

    def serve(self, programs, learned):
        text = f'[python]\ninterpreter = "{PYTHON}"\n[learn]\nprograms = "{"all" if learned else "none"}"\n'
        paths = dict.fromkeys(path for _, path, _ in programs)
        if not learned:
            text += "".join(f'[program.p{number}]\nscript = "{path}"\n' for number, path in enumerate(paths))
        self.profile.write_text(text)
        self.service = subprocess.Popen([self.bin / "pmld", "--profile", "bench"], env=self.environment, stdin=subprocess.DEVNULL,
                                        stderr=open(self.folder / "log", "a"))
        deadline = time.monotonic() + 60
        while self.run([self.bin / "pml", "-p", "bench", "--no-fallback", "-c", ""])[1].returncode:
            if time.monotonic() > deadline:
                sys.exit("the service does not serve: " + (self.folder / "log").read_text())

    def run(self, command):
        began = time.perf_counter()
        done = subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, stdin=subprocess.DEVNULL)
        return (time.perf_counter() - began) * 1000, done

    def cold(self, path, words):
        return self.run([PYTHON, path, *words])

    def warm(self, path, words):
        return self.run([self.bin / "pml", "-p", "bench", path, *words])

    def program(self, path):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(self.folder / "run/pml/bench.sock"))
            peer.sendall(b"programs\n")
            text = b""
            while data := peer.recv(65536):
                text += data
        found = [one for one in map(json.loads, filter(None, text.decode().splitlines())) if one["target"] == path]
        return found[0] if found else {"state": "unknown", "warm": 0}

    def wait(self, path):
        """Until a worker waits for it; false where none ever will."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            program = self.program(path)
            if program["state"] == "ready" and program["waiting"]:
                return True
            if program["state"] == "given-up":
                return False
            time.sleep(0.05)
        return False

    def floor(self, path, words, rounds):
        done = self.run([PYTHON, HERE / "programs/floor.py", str(rounds), path, *words])[1]
        return statistics.median(map(float, done.stdout.split()))

    def close(self):
        if self.service:
            self.service.terminate()
            self.service.wait()
        shutil.rmtree(self.folder)


def available(world, options):
    for name, program, words, needed in PROGRAMS + (WINDOWS if "DISPLAY" in os.environ else []):
        if options.pattern not in name:
            continue
        path = str(world.folder / program) if program.endswith(".py") else shutil.which(program, path="/usr/bin")
        if path and (not needed or subprocess.run([PYTHON, "-c", f"import importlib.util as u; raise SystemExit(not u.find_spec({needed!r}))"]).returncode == 0):
            yield name, path, words


def measure(world, name, path, words, options):
    cold_text = [world.cold(path, words)[1] for _ in range(2)][1]
    for _ in range(3):
        world.warm(path, words)
    ready = world.wait(path)
    cold, warm, floor, same = [], [], [], True
    before = world.program(path)["warm"]
    for _ in range(options.rounds):
        cold.append(world.cold(path, words)[0])
        ready = ready and world.wait(path)
        spent, done = world.warm(path, words)
        warm.append(spent)
        same = same and (done.returncode, len(done.stdout), done.stderr) == (cold_text.returncode, len(cold_text.stdout), cold_text.stderr)
    floor = world.floor(path, words, options.rounds)
    known = world.program(path)
    cold, warm = statistics.median(cold), statistics.median(warm)
    return {"program": name, "cold": cold, "warm": warm, "floor": floor, "share": (cold - warm) / max(cold - floor, 0.001), "same": same,
            "ahead": known["warm"] - before, "stops": known.get("reason") or known.get("stops-before", "") + " at " + known.get("stops-at", ""),
            "missed": known.get("missed", ""), "trial": known.get("trial", ""), "memory": known.get("memory", 0) / (1 << 20)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", default="/usr/local", help="where pml is installed")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("-k", dest="pattern", default="", help="only programs whose name contains this")
    parser.add_argument("--learned", action="store_true", help="nothing is declared")
    parser.add_argument("--json", help="where the figures are written to, too")
    options = parser.parse_args()
    world, rows = World(options), []
    try:
        programs = list(available(world, options))
        world.serve(programs, options.learned)
        print(f"{'program':<24} {'cold':>7} {'warm':>7} {'floor':>7} {'share':>6}  ahead  same  MiB  stops before")
        for program in programs:
            row = measure(world, *program, options)
            rows.append(row)
            print(f"{row['program']:<24} {row['cold']:>7.1f} {row['warm']:>7.1f} {row['floor']:>7.1f} {row['share']:>6.2f}  {row['ahead']:>2}/{options.rounds:<2}"
                  f"  {'yes' if row['same'] else 'NO':<4} {row['memory']:>4.0f}  {row['stops']}" + (f" (missed: {row['missed']})" if row["missed"] else "") + (f" [trial: {row['trial']}]" if row["trial"] else ""), flush=True)
    finally:
        world.close()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1))
    return 0 if all(row["same"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
