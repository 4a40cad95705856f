"""Speaks to a template as pmld does: starts it, has it fork, gives a worker a job, and says how that ended.

    ahead_driver.py [--module FOLDER] SCRIPT|-m MODULE|-e NAME [ARG…]     runs it cold and ahead, and compares
"""

import array
import glob
import importlib.machinery
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

RUN_AHEAD, FORK, LEAVE = 5, 2, 4
EVENTS = {6: "worker", 8: "exited", 14: "ahead", 15: "not_ahead", 7: "fork_failed"}
VERDICTS = {1: "accepted", 2: "declined", 4: "ahead", 5: "differs", 6: "not_ahead"}
REPLIES = {1: "started", 6: "refused", 7: "retry"}
FACTS = {1: "variable", 2: "every variable", 3: "folder", 4: "mask", 5: "affinity", 6: "priority", 7: "terminal", 8: "terminal size", 9: "blocking", 10: "seekable"}


def text(value):
    value = os.fsencode(value)
    return struct.pack("=I", len(value)) + value + b"\0"


def texts(values):
    return struct.pack("=I", len(values)) + b"".join(map(text, values))


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, code):
        value = struct.unpack_from("=" + code, self.data, self.at)[0]
        self.at += struct.calcsize("=" + code)
        return value

    def text(self):
        size = self.number("I")
        value = self.data[self.at : self.at + size]
        self.at += size + 1
        return os.fsdecode(value)


def module_folder():
    """Where pml's module lies: $PML_MODULE_DIR, or in the prefix that is tested."""
    if folder := os.environ.get("PML_MODULE_DIR"):
        return folder  # that of the prefix may be built with sanitizers, which python3 is not
    prefix = os.environ.get("PML_TEST_PREFIX", "build-test/stage")
    found = glob.glob(os.path.join(prefix, "lib*", "**", "_pml_zygote" + importlib.machinery.EXTENSION_SUFFIXES[0]), recursive=True)
    return os.path.dirname(max(found, key=os.path.getmtime))


def order(kind, value=0):
    return struct.pack("=Biii", kind, value, 0, 0) + texts([]) * 8 + text("") + b"\0"


def memory(data):
    number = os.memfd_create("plan")
    os.write(number, data)
    return number


def receive(link, timeout=60):
    if not select.select([link], [], [], timeout)[0]:
        raise TimeoutError("nothing came")
    data, ancillary, _, _ = link.recvmsg(1 << 18, socket.CMSG_SPACE(16 * 4))
    numbers = array.array("i")
    for _, _, payload in ancillary:
        numbers.frombytes(payload[: len(payload) - len(payload) % 4])
    return data, list(numbers)


def report_of(number):
    size = os.fstat(number).st_size
    reader = Reader(os.pread(number, size, 0))
    os.close(number)
    facts = [(FACTS[reader.number("B")], reader.number("i"), reader.text()) for _ in range(reader.number("I"))]
    files = [(reader.text(), struct.unpack("=BQQQQQ", bytes(reader.number("B") for _ in range(41)))) for _ in range(reader.number("I"))]
    return {"facts": facts, "files": dict(files), "question": reader.text(), "place": reader.text(),
            "cpu": reader.number("Q") / 1000, "ms": reader.number("Q") / 1000, "start": reader.number("Q") / 1000,
            "untried": reader.number("B") == 1, "before arguments": reader.number("B") == 1, "unheard": reader.number("B") == 1}


def entry_point_code():
    with open(os.path.join(os.path.dirname(__file__), "../../src/wire/entry_point_code.hpp"), encoding="utf-8") as file:
        return file.read().partition('R"python(')[2].partition(')python"')[0]


class Program:
    """What is run: `kind` script, module or entry point."""

    def __init__(self, words, options=(), environment=None, cwd=None):
        self.options = list(options)
        self.environment = dict(os.environ if environment is None else environment)
        self.cwd = cwd or os.getcwd()
        self.kind, self.target, self.arguments = 0, words[0], list(words[1:])
        if words[0] in ("-m", "-e"):
            self.kind = 1 if words[0] == "-m" else 4
            self.target, self.arguments = words[1], list(words[2:])

    def command(self, interpreter):
        if self.kind == 1:
            return [interpreter, *self.options, "-m", self.target, *self.arguments]
        if self.kind == 4:
            return [interpreter, *self.options, "-c", entry_point_code(), self.target, *self.arguments]
        return [interpreter, *self.options, self.target, *self.arguments]

    def request(self, descriptors):
        limits = b""
        for kind in range(16):
            soft, hard = resource.prlimit(0, kind)
            limits += struct.pack("=QQ", soft & (1 << 64) - 1, hard & (1 << 64) - 1)
        mask = os.umask(0)
        os.umask(mask)
        return (struct.pack("=BI", self.kind, 0) + text(self.target) + texts(self.arguments) + texts(self.options)
                + texts([f"{k}={v}" for k, v in self.environment.items()]) + text("") + text(self.cwd)
                + struct.pack("=I", mask) + limits + struct.pack("=iiiii", os.getpriority(os.PRIO_PROCESS, 0), 0, 0, 0, 0)
                + text("") + struct.pack("=QQ", 0, 0) + struct.pack("=I", len(descriptors))
                + b"".join(struct.pack("=i", n) for n in descriptors) + struct.pack("=iQii", -1, 0, 0, -1))


class Template:
    def __init__(self, program, modules, interpreter="/usr/bin/python3", tried=(), allowed=(), template_stops=(), worker_stops=(), changing=(), bounds=(5000, 30000, 1024), seekable=True):
        allowed = list(allowed) + [line.strip() for line in open(os.path.join(os.path.dirname(__file__), "../../config/ahead"), encoding="utf-8") if line.strip() and line[0] != "#"]
        self.link, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = (f"import sys\nsys.path[:0]=[{modules!r}]\nimport _pml_zygote\nsys.path_importer_cache.pop({modules!r},0)\n"
                "del sys.path[:1]\n_pml_zygote.serve(3)")
        self.output = tempfile.TemporaryFile()
        pid = os.fork()
        if pid == 0:
            os.dup2(far.fileno(), 3)
            null = os.open("/dev/null", os.O_RDWR)
            for number, source in ((0, null), (1, self.output.fileno()), (2, self.output.fileno())):
                os.dup2(source, number)
            os.closerange(4, 1 << 12)
            os.chdir(program.cwd)
            os.set_inheritable(3, True)
            os.execve(interpreter, [interpreter, *program.options, "-c", code], program.environment)
        far.close()
        self.pid, self.interpreter = pid, interpreter
        streams = b"".join(struct.pack("=BBBBii", 1, 0, 1, seekable, 0, 0) for _ in range(3))
        body = program.request([0, 1, 2, -1])
        plan = (struct.pack("=I", len(body)) + body + b"\0" + streams + texts(template_stops) + texts(worker_stops) + texts(allowed)
                + texts(changing) + texts(tried) + text("") + struct.pack("=BIII", 0, *bounds))
        number = memory(plan)
        socket.send_fds(self.link, [order(RUN_AHEAD)], [number])
        os.close(number)
        self.report = self.why = None

    def wait(self, timeout=60):
        """True where the program has stopped."""
        data, numbers = receive(self.link, timeout)
        if not data:
            self.why = "the template has left: " + self.said()
            return False
        reader = Reader(data)
        kind = EVENTS[reader.number("B")]
        if kind == "ahead":
            self.report = report_of(numbers[0])
            return True
        reader.at = 1 + 4 + 4 + 16
        self.name, self.why = reader.text(), reader.text()
        return False

    def said(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def worker(self, timeout=60):
        self.link.send(order(FORK, 1))
        while True:
            data, numbers = receive(self.link, timeout)
            kind = EVENTS[data[0]]
            if kind == "worker":
                return Worker(struct.unpack_from("=i", data, 1)[0], numbers[0], self)

    def status(self, pid, timeout=60):
        while True:
            data, _ = receive(self.link, timeout)
            if EVENTS.get(data[0]) == "exited" and struct.unpack_from("=i", data, 1)[0] == pid:
                return os.waitstatus_to_exitcode(struct.unpack_from("=i", data, 5)[0])

    def close(self):
        self.link.close()
        os.waitpid(self.pid, 0)


class Worker:
    def __init__(self, pid, number, template):
        self.pid, self.template = pid, template
        self.link = socket.socket(fileno=number)
        self.report = self.why = None

    def wait(self, timeout=60):
        data, numbers = receive(self.link, timeout)
        if data and VERDICTS[data[0]] == "ahead":
            self.report = report_of(numbers[0])
            return True
        self.why = "left: " + (Reader(data[5:]).text() if data else "") + self.template.said()
        return False

    def go_on(self, arguments, timeout=60):
        """Past the words behind sys.argv[0]; True where it stopped again."""
        body = texts(arguments)
        self.link.send(struct.pack("=IIII", len(body), 0, 0, 1) + body)
        return self.wait(timeout)

    def run(self, program, stdin=b"", cwd=None, pipes=False):
        """Its reply, and where that is `started`, status, output and error output."""
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            source.write(stdin)
            source.seek(0)
            near, far = socket.socketpair()
            folder = os.open(cwd or program.cwd, os.O_PATH)
            body = program.request([0, 1, 2, -1])
            header = struct.pack("=IIII", len(body), 4, 0, 0)
            begin = time.perf_counter()
            streams = [source.fileno(), out.fileno(), err.fileno()]
            ends = [os.pipe() for _ in streams] if pipes else []
            if pipes:
                streams = [ends[0][0], ends[1][1], ends[2][1]]
            socket.send_fds(self.link, [header + body], [far.fileno(), *streams, folder])
            far.close()
            for number in ends and [ends[0][1], *streams]:
                os.close(number)
            os.close(folder)
            reply = near.recv(1 << 16)
            kind = REPLIES[reply[4]] if reply else "nothing"
            if kind != "started":
                return kind, None, b"", self.template.said().encode()
            status = self.template.status(self.pid)
            self.ms = (time.perf_counter() - begin) * 1000
            if pipes:
                return kind, status, *(open(read, "rb").read() for read, _ in ends[1:])
            out.seek(0)
            err.seek(0)
            return kind, status, out.read(), err.read()


def cold(program, interpreter="/usr/bin/python3", stdin=b""):
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(stdin)
        source.seek(0)
        begin = time.perf_counter()
        done = subprocess.run(program.command(interpreter), stdin=source, stdout=out, stderr=err, cwd=program.cwd, env=program.environment)
        ms = (time.perf_counter() - begin) * 1000
        out.seek(0)
        err.seek(0)
        return done.returncode, out.read(), err.read(), ms


def main(words):
    modules = module_folder()
    while words and words[0].startswith("--"):
        if words[0] == "--module":
            modules = words[1]
            words = words[1:]
        words = words[1:]
    program = Program(words)
    status, out, err, cold_ms = cold(program)
    template = Template(program, modules)
    if not template.wait():
        print("not ahead:", template.why, template.said())
        return 1
    print(f"template: {template.report['question']} at {template.report['place']}: {template.report['ms']:.0f} ms, {len(template.report['files'])} files")
    worker = template.worker()
    if not worker.wait():
        print("worker:", worker.why)
        return 1
    print(f"worker:   {worker.report['question']} at {worker.report['place']}: {worker.report['ms']:.0f} ms", worker.report["facts"])
    with open(f"/proc/{worker.pid}/smaps_rollup") as file:
        print("private:", sum(int(line.split()[1]) for line in file if line.startswith("Private")), "KiB")
    kind, warm_status, warm_out, warm_err = worker.run(program)
    same = (status, out, err) == (warm_status, warm_out, warm_err)
    if not same:
        print("cold:", status, out[-1500:].decode(), err[-1500:].decode())
        print("warm:", kind, warm_status, warm_out[-1500:].decode(), warm_err[-2500:].decode())
    print("SAME" if same else "DIFFER", f"cold {cold_ms:.0f} ms, warm {getattr(worker, 'ms', 0):.0f} ms")
    template.close()
    if os.environ.get("SAID"): print(template.said())
    return not same


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
