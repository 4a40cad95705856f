#!/usr/bin/python3
"""A stand-in for a zygote and its workers: a program that pmld takes for the profile's interpreter.

It speaks the wire format on descriptor 3. Names of preloads say what becomes of them:
crash, hang, leave (exit status 3), raise, absent, warn, anything else: imported.
The target of a request says what the job does: see `run_job`.
"""

import os
import selectors
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from fake_service import EXITED, REFUSED, STARTED, Reader, Request, pack_text, reply_body  # noqa: E402

BOOT, FORK, SIGNAL, LEAVE = range(1, 5)
PRELOADING, PRELOADED, FAILED, WARNING, WARM, WORKER, FORK_FAILED, ENDED, STOPPED, CONTINUED = range(1, 11)
TRIED = 16
ACCEPTED, DECLINED, REHEARSED = 1, 2, 3
JOB_HEADER = struct.Struct("=IIII")
MOST_DESCRIPTORS = 253


def event(kind, pid=0, value=0, cpu=0, rss=0, name=b"", text=b"", files=()):
    head = struct.pack("=BiiQQ", kind, pid, value, cpu, rss)
    texts = struct.pack("=I", len(files)) + b"".join(map(pack_text, files))
    return head + pack_text(name) + pack_text(text) + texts


def verdict(kind, value=0, text=b""):
    return struct.pack("=Bi", kind, value) + pack_text(text) + bytes(16) + pack_text(b"") + pack_text(b"")


def frame(body):
    return struct.pack("=I", len(body)) + body


class Zygote:
    def __init__(self, link):
        self.link = link
        self.children = {}  # pid: pidfd
        self.selector = selectors.DefaultSelector()
        self.selector.register(link, selectors.EVENT_READ, self.order)

    def say(self, *args, descriptors=(), **words):
        packet = event(*args, **words)
        if descriptors:
            socket.send_fds(self.link, [packet], descriptors)
        else:
            self.link.send(packet)

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                key.data(key)

    def order(self, _key):
        packet = self.link.recv(1 << 20)
        if not packet:
            sys.exit(0)
        read = Reader(packet)
        kind = read.number("B")
        value, target, flag = (read.number("i") for _ in range(3))
        lists = [read.texts() for _ in range(8)]
        read.text()
        trial = read.number("B")
        if kind == BOOT and trial:
            self.say(TRIED)
        elif kind == BOOT:
            self.boot(lists[0], lists[1])
        elif kind == FORK:
            for _ in range(value):
                self.fork()
        elif kind == SIGNAL and target in self.children:
            (os.killpg if flag else os.kill)(target, value)
        elif kind == LEAVE:
            sys.exit(0)

    def boot(self, modules, optional):
        if os.environ.get("FAKE_STOPS_EARLY"):
            sys.exit(3)
        for name in modules + optional:
            self.say(PRELOADING, name=name)
            if name == b"crash":
                signal.signal(signal.SIGSEGV, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGSEGV)
            if name == b"hang":
                time.sleep(1000)
            if name == b"leave":
                sys.exit(3)
            if name == b"warn":
                self.say(WARNING, name=name, text=b"left a thread behind")
            if name in (b"raise", b"absent"):
                self.say(FAILED, name=name, value=name == b"absent", text=b"Traceback\nValueError: broken")
            else:
                self.say(PRELOADED, name=name, value=10)
        watched = os.environ.get("FAKE_FILES", "")
        self.say(WARM, value=len(modules), files=[os.fsencode(name) for name in watched.split(":") if name])

    def fork(self):
        if os.path.exists(os.environ.get("FAKE_NO_FORK", "/nonexistent")):
            return
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            near.close()
            self.link.close()
            worker(far)
        far.close()
        self.children[pid] = os.pidfd_open(pid)
        self.selector.register(self.children[pid], selectors.EVENT_READ, lambda _key: self.reap(pid))
        self.say(WORKER, pid=pid, descriptors=[near.fileno()])
        near.close()

    def reap(self, pid):
        _, status, usage = os.wait4(pid, 0)
        self.selector.unregister(self.children[pid])
        os.close(self.children.pop(pid))
        cpu = int((usage.ru_utime + usage.ru_stime) * 1e6)
        self.say(ENDED, pid=pid, value=status, cpu=cpu, rss=usage.ru_maxrss)


def worker(link):
    """An idle worker: waits for one job, does it, ends."""
    try:
        os.setpgid(0, 0)
        if os.path.exists(os.environ.get("FAKE_WORKERS_END", "/nonexistent")):
            os._exit(1)
        packet, descriptors, _, _ = socket.recv_fds(link, 1 << 20, MOST_DESCRIPTORS)
        if not packet:
            os._exit(0)
        size, count, in_memory, _ = JOB_HEADER.unpack_from(packet)
        connection = socket.socket(fileno=descriptors.pop(0))
        body = packet[JOB_HEADER.size :]
        if in_memory:
            memory = descriptors.pop(0)
            body = os.pread(memory, size, 0)
        while len(descriptors) < count:
            descriptors += socket.recv_fds(link, 1, MOST_DESCRIPTORS)[1]
        run_job(link, connection, Request(body, descriptors))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(99)


def run_job(link, connection, request):
    words = request.target.decode().split()
    if words[0] == "vanish":  # without a verdict
        os._exit(0)
    if words[0] == "decline":
        connection.send(frame(reply_body(REFUSED, 12, b"json")))
        link.send(verdict(DECLINED, 12, b"json"))
        os._exit(0)
    if words[0] == "hesitate":  # a verdict only after a file appears
        while not os.path.exists(words[1]):
            time.sleep(0.005)
    connection.send(frame(reply_body(STARTED, os.getpid())))
    if words[-1] == "unrehearsed":  # more often than the service looks before it hears of the end
        for _ in range(4):
            link.send(verdict(REHEARSED))
    link.send(verdict(ACCEPTED))
    connection.close()
    link.close()
    if words[-1] == "unrehearsed":
        os._exit(7)
    if words[0] == "exit":
        os._exit(int(words[1]))
    if words[0] == "kill":
        os.kill(os.getpid(), int(words[1]))
    if words[0] == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if words[0] == "print":
        os.write(request.files[1], " ".join(words[1:]).encode() + b"\n")
        os._exit(0)
    if words[0] == "environment":
        os.write(request.files[1], b"\0".join(request.environment))
        os._exit(0)
    if words[0] == "script.sh":  # what the text dialect sends for "file script.sh …"
        os.fchdir(request.files[-1])
        os.write(request.files[1], os.getcwdb() + b" " + b" ".join(request.arguments) + b"\n")
        os._exit(0)
    signal.pause()
    os._exit(0)


if __name__ == "__main__":
    Zygote(socket.socket(fileno=3)).serve()
