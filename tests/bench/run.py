#!/usr/bin/python3
"""Measures an installed pml against the floor and against what a user would have instead.

    tests/bench/run.py --prefix DIR [--quick] [--json FILE]

Services of its own serve it; nothing of the user's is touched. What is compared runs in turn, round
after round, so that a disturbance hits all contenders alike. README.md says what each figure means.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
PYTHON = "/usr/bin/python3"
QT = ["numpy", "PySide2.QtWidgets"]
IMPORT_QT = "import numpy, PySide2.QtWidgets"

PROFILES = {
    "bare": 'description = "nothing preloaded"\n',
    "numpy": '[preload]\nmodules = ["numpy"]\n',
    "qt": '[preload]\nmodules = ["numpy", "PySide2.QtWidgets"]\n',
    "burst": '[pool]\nworkers = 5\nspare = 5\n',
    "heap": f'[python]\npath = ["{PROGRAMS}"]\n[preload]\nmodules = ["pml_bench_heap"]\n',
}


class Report:
    """The figures, printed as they come and kept for the table."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, unit="", most=None, least=None):
        good = None
        if most is not None:
            good = value <= most
        elif least is not None:
            good = value >= least
        self.rows.append({"figure": name, "value": round(value, 4), "unit": unit, "at_most": most, "at_least": least, "held": good})

    def text(self):
        lines = [f"{'figure':<68} {'value':>10} {'':<7} {'limit':>8}"]
        for row in self.rows:
            limit = f"≤ {row['at_most']:g}" if row["at_most"] is not None else f"≥ {row['at_least']:g}" if row["at_least"] is not None else ""
            mark = {True: "held", False: "MISSED", None: ""}[row["held"]]
            lines.append(f"{row['figure']:<68} {row['value']:>10.3f} {row['unit']:<7} {limit:>8} {mark}".rstrip())
        return "\n".join(lines)


class Service:
    """A pmld of this run's own."""

    def __init__(self, bench, profile, *words):
        self.path = bench.folder / "run" / "pml" / f"{profile}.sock"
        self.log = open(bench.folder / f"{profile}.log", "a")
        self.process = subprocess.Popen([bench.pmld, "--profile", profile, *words], env=bench.environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        self.workers = int(words[words.index("--workers") + 1]) if "--workers" in words else 5
        self.wait_until_full(60)

    def status(self):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(self.path))
            peer.sendall(b"status\n")
            text = b""
            while data := peer.recv(65536):
                text += data
        return dict(line.split(" ", 1) for line in text.decode().splitlines() if " " in line)

    def wait_until_full(self, seconds=10):
        """When the pool was full."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"pmld ended, see {self.log.name}")
            try:
                if int(self.status()["idle"]) >= self.workers:
                    return time.monotonic()
            except (OSError, KeyError):
                time.sleep(0.02)
            time.sleep(0.001)
        sys.exit(f"the pool of {self.path.stem} did not fill, see {self.log.name}")

    def processes(self):
        """The service, its zygote and the idle workers."""
        zygote = self.status()["zygote"]
        children = pathlib.Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
        return [str(self.process.pid), zygote, *children]

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


class Bench:
    def __init__(self, arguments, folder):
        self.quick = arguments.quick
        self.folder = pathlib.Path(folder)
        self.pml = f"{arguments.prefix}/bin/pml"
        self.pmld = f"{arguments.prefix}/bin/pmld"
        self.tools = pathlib.Path(arguments.tools) if arguments.tools else self.build_tools()
        self.environment = self.prepare()
        self.report = Report()

    def build_tools(self):
        """The measuring programs, for a run without a build folder."""
        tools = self.folder / "tools"
        tools.mkdir()
        qt = subprocess.run(["pkg-config", "--cflags", "--libs", "Qt5Widgets"], capture_output=True, text=True).stdout.split()
        for name, options in {"launch": ["-pthread"], "flood": ["-pthread"], "empty": ["-static"], "window": ["-fPIC", *qt]}.items():
            if name != "window" or qt:
                subprocess.run(["c++", "-std=c++20", "-O2", "-D_GNU_SOURCE", str(HERE / f"{name}.cpp"), "-o", str(tools / name), *options], check=True)
        return tools

    def prepare(self):
        profiles = self.folder / "config" / "pml" / "profiles"
        profiles.mkdir(parents=True)
        (self.folder / "run" / "pml").mkdir(parents=True)
        for name, text in PROFILES.items():
            (profiles / f"{name}.toml").write_text(text)
        kept = {name: os.environ[name] for name in ("PATH", "PML_MODULE_DIR", "PML_HELPER_DIR") if name in os.environ}
        return {**kept, "HOME": str(self.folder), "LANG": "C.UTF-8", "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(self.folder / "run"),
                "XDG_CONFIG_HOME": str(self.folder / "config")}

    def warm(self, profile, *words):
        return [self.pml, "-p", profile, "--no-fallback", *words]

    def tool(self, name, *words):
        return subprocess.run([str(self.tools / name), *map(str, words)], env=self.environment, check=True, capture_output=True, text=True).stdout

    def output_number(self, words):
        return float(subprocess.run(words, env=self.environment, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout)

    # One method for each group of figures.

    def launches(self):
        """What a start costs, from the caller's spawn to its wait's return."""
        seldom = "/10"
        contenders = {
            "true": ["/bin/true"],
            "empty": [str(self.tools / "empty")],
            "pml": self.warm("bare", "-c", "pass"),
            "pml numpy": self.warm("numpy", "-c", "import numpy"),
            "pml qt": self.warm("qt", "-c", IMPORT_QT),
            "pml heap": self.warm("heap", "-c", "import pml_bench_heap"),
            "python3": [PYTHON, "-c", "pass"],
            "python3 numpy" + seldom: [PYTHON, "-c", "import numpy"],
            "python3 qt" + seldom: [PYTHON, "-c", IMPORT_QT],
        }
        json_file = self.folder / "launch.json"
        words = ["--rounds", 100 if self.quick else 400, "--json", json_file]
        for name, command in contenders.items():
            words += ["@" + name, *command]
        self.tool("launch", *words)
        times = json.loads(json_file.read_text())
        for name, label in {"true": "/bin/true", "empty": "an empty static program", "python3": "python3 -c pass", "pml": "pml -c pass",
                            "pml numpy": "pml -c 'import numpy'", "python3 numpy": "python3 -c 'import numpy'", "pml qt": f"pml -c '{IMPORT_QT}'",
                            "python3 qt": f"python3 -c '{IMPORT_QT}'", "pml heap": "pml, 300 MB preloaded heap"}.items():
            for part in ("min", "p50", "p99"):
                self.report.add(f"{label}: {part}", times[name][part + "_us"] / 1000, "ms")

        def ratio(one, other, part="p50_us"):
            return times[one][part] / times[other][part]

        self.report.add("p50 of pml -c pass / p50 of an empty static program", ratio("pml", "empty"))
        self.report.add("min of pml -c pass / min of /bin/true", ratio("pml", "true", "min_us"))
        self.report.add("p50 of pml -c pass / p50 of /bin/true", ratio("pml", "true"), most=1.5)
        self.report.add("p50 with numpy and PySide2 / p50 of pml -c pass", ratio("pml qt", "pml"), most=1.5)
        self.report.add("min with numpy and PySide2 / min of pml -c pass", ratio("pml qt", "pml", "min_us"))
        self.report.add("p50 with a 300 MB preloaded heap / p50 of pml -c pass", ratio("pml heap", "pml"), most=2)
        self.report.add(f"cold / warm, {IMPORT_QT}", ratio("python3 qt", "pml qt"), least=100)
        for name, label, most in (("pml", "pml -c pass", 3), ("true", "/bin/true", None)):
            self.tool("launch", "--rounds", 100 if self.quick else 400, "--json", json_file, "@" + name, *contenders[name])
            alone = json.loads(json_file.read_text())[name]
            self.report.add(f"p99 of {label} / its p50, one after the other", alone["p99_us"] / alone["p50_us"], most=most)

    def faults(self):
        """Pages that an import makes the job's own: what most of its time goes into. No clock is in it, nor the machine's load."""
        code = f"stat = lambda: int(open('/proc/self/stat').read().rsplit(')', 1)[1].split()[7])\nstat(); a = stat()\n{IMPORT_QT}\nprint(stat() - a)"
        counts = sorted(self.output_number(self.warm("qt", "-c", code)) for _ in range(7))
        self.report.add(f"page faults of a job's {IMPORT_QT}", counts[3])

    def first_paint(self):
        """From the spawn to the first paint event of a window, on one clock."""
        if not (self.tools / "window").exists():
            print("first paint: left out, qtbase5-dev is not installed", file=sys.stderr)
            return
        script = str(PROGRAMS / "window.py")
        contenders = {"C++": [str(self.tools / "window")], "warm": self.warm("qt", script), "cold": [PYTHON, script]}
        times = {name: [] for name in contenders}
        for turn in range(6 if self.quick else 25):
            for name, words in contenders.items():
                time.sleep(0.02)
                begin = time.monotonic_ns()
                painted = self.output_number(words)
                if turn > 0:
                    times[name].append((painted - begin) / 1e6)
        for name, taken in times.items():
            taken.sort()
            self.report.add(f"first paint of the Qt program, {name}: min", taken[0], "ms")
            self.report.add(f"first paint of the Qt program, {name}: p50", taken[len(taken) // 2], "ms")
        middle = {name: taken[len(taken) // 2] for name, taken in times.items()}
        self.report.add("first paint, cold / warm", middle["cold"] / middle["warm"])
        self.report.add("first paint, warm / the C++ program", middle["warm"] / middle["C++"], most=1.3)

    def throughput(self):
        """Closed loops of callers against what fork alone allows, in turn."""
        span = 1.0 if self.quick else 2.0
        for profile, modules, code in (("bare", [], "pass"), ("qt", QT, IMPORT_QT)):
            rates = {callers: [] for callers in (1, 4, 16)}
            raw = []
            for _ in range(3):
                raw.append(self.output_number([PYTHON, str(PROGRAMS / "forks.py"), str(span), *modules]))
                for callers, found in rates.items():
                    found.append(float(self.tool("flood", callers, span, *self.warm(profile, "--wait", "-c", code))))
            self.report.add(f"raw fork, _exit and wait, {profile} image", max(raw), "/s")
            for callers, found in rates.items():
                self.report.add(f"throughput of {callers} callers, {profile}", max(found), "/s")
            self.report.add(f"throughput of 4 callers / raw rate, {profile} image", max(rates[4]) / max(raw), least=0.7)

    def memory(self):
        """What one more idle worker adds to all of them together, in proportional set size."""
        sizes = {}
        for workers in (4, 12):
            service = Service(self, "qt", "--workers", str(workers))
            time.sleep(0.3)
            sizes[workers] = sum(proportional_size(process) for process in service.processes())
            service.stop()
        self.report.add("memory of one more idle worker, numpy and PySide2", (sizes[12] - sizes[4]) / 8 / 1024, "MiB", most=1.5)

    def burst(self):
        """50 callers at once; how long until the pool is full again after the last has ended."""
        service = Service(self, "burst")
        taken = []
        for _ in range(3):
            service.wait_until_full()
            callers = [subprocess.Popen(self.warm("burst", "--wait", "-c", "pass"), env=self.environment, stdin=subprocess.DEVNULL) for _ in range(50)]
            failed = sum(caller.wait() != 0 for caller in callers)
            ended = time.monotonic()
            taken.append((service.wait_until_full() - ended) * 1000)
            if failed:
                print(f"burst: {failed} of 50 failed", file=sys.stderr)
        service.stop()
        self.report.add("pool full again after a burst of 50", min(taken), "ms")

    def idle(self, services):
        """Wake-ups and processor time of services that nobody uses."""
        span = 15 if self.quick else 60
        time.sleep(1)
        processes = [process for service in services for process in service.processes()]
        time.sleep(1)  # the question for the processes was a disturbance too
        before = switches(processes), processor_ticks(processes)
        time.sleep(span)
        after = switches(processes), processor_ticks(processes)
        self.report.add(f"wake-ups a minute of {len(services)} idle services, all processes", (after[0] - before[0]) * 60 / span, "", most=0)
        self.report.add("their processor time a minute", (after[1] - before[1]) / os.sysconf("SC_CLK_TCK") * 60 / span * 1000, "ms")

    def compute(self):
        script = str(PROGRAMS / "compute.py")
        contenders = {"warm": self.warm("bare", script), "cold": [PYTHON, script]}
        times = {name: [] for name in contenders}
        for _ in range(8 if self.quick else 20):
            for name, words in contenders.items():
                times[name].append(self.output_number(words))
        for name, taken in times.items():
            self.report.add(f"CPU-bound job, {name}: best", min(taken) * 1000, "ms")
        self.report.add("CPU-bound job, warm / cold", min(times["warm"]) / min(times["cold"]), most=1.02)

    def run(self, parts):
        if "memory" in parts:
            self.memory()
        if "burst" in parts:
            self.burst()
        services = [Service(self, profile) for profile in ("bare", "numpy", "qt", "heap")]
        try:
            for part in parts:
                if part == "idle":
                    self.idle(services)
                elif part not in ("memory", "burst"):
                    getattr(self, part)()
        finally:
            for service in services:
                service.stop()


PARTS = ("launches", "faults", "first_paint", "compute", "throughput", "burst", "idle", "memory")


def proportional_size(process):
    """KiB."""
    for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def switches(processes):
    total = 0
    for process in processes:
        for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def processor_ticks(processes):
    fields = (pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split() for process in processes)
    return sum(int(field[11]) + int(field[12]) for field in fields)


def machine():
    name = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} × {name}, Linux {os.uname().release}, load {' '.join(f'{load:.2f}' for load in os.getloadavg())}"


def main():
    parser = argparse.ArgumentParser(description="Measures an installed pml.")
    parser.add_argument("--prefix", required=True, help="where pml was installed")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: half a minute instead of four")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--tools", metavar="DIR", help="the measuring programs of a build with -Dbenchmarks=true (default: compiled now)")
    parser.add_argument("--only", metavar="PART", nargs="+", choices=PARTS, default=PARTS, help="of: " + " ".join(PARTS))
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="pml-bench-")
    try:
        bench = Bench(arguments, folder)
        begin = machine()
        bench.run(arguments.only)
        text = f"{begin}\n{bench.report.text()}\nat the end: {machine()}"
        print(text)
        if arguments.json:
            pathlib.Path(arguments.json).write_text(json.dumps({"machine": begin, "machine_after": machine(), "quick": arguments.quick, "figures": bench.report.rows}, indent=2) + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
