"""A stand-in for pmld and its workers that speaks the wire format, for tests of the client."""

import array
import os
import socket
import struct
import threading

STARTED, EXITED, KILLED, STOPPED, CONTINUED, REFUSED, RETRY = range(1, 8)
HEADER = struct.Struct("=4sHHII")
MAGIC = b"\x7fPML"
SIGNAL = struct.Struct("=ii")


def reply_body(kind, value=0, text=b"", interpreter=b""):
    return b"".join([struct.pack("=Bi", kind, value), pack_text(text), pack_text(interpreter)])


def pack_text(text):
    return struct.pack("=I", len(text)) + text + b"\0"


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, code):
        size = struct.calcsize("=" + code)
        (value,) = struct.unpack_from("=" + code, self.data, self.at)
        self.at += size
        return value

    def text(self):
        size = self.number("I")
        value = self.data[self.at : self.at + size]
        assert self.data[self.at + size] == 0
        self.at += size + 1
        return value

    def texts(self):
        return [self.text() for _ in range(self.number("I"))]


class Request:
    """A request as pml sent it; `files` maps numbers of the job's table to descriptors here."""

    def __init__(self, body, descriptors):
        read = Reader(body)
        self.kind = read.number("B")
        self.flags = read.number("I")
        self.target = read.text()
        self.arguments = read.texts()
        self.options = read.texts()
        self.environment = read.texts()
        self.report_name = read.text()
        self.cwd = read.text()
        self.umask = read.number("I")
        self.limits = [(read.number("Q"), read.number("Q")) for _ in range(16)]
        self.nice = read.number("i")
        self.scheduler = read.number("i")
        self.scheduler_priority = read.number("i")
        self.oom_score_adjust = read.number("i")
        self.personality = read.number("i")
        self.affinity = read.text()
        self.ignored = read.number("Q")
        self.blocked = read.number("Q")
        numbers = [read.number("i") for _ in range(read.number("I"))]
        self.io_priority = read.number("i")
        self.timer_slack = read.number("Q")
        self.session_keyring = read.number("i")
        self.coredump_filter = read.number("i")
        assert read.at == len(body)
        assert len(numbers) == len(descriptors)
        self.files = dict(zip(numbers, descriptors))

    def close(self):
        for descriptor in self.files.values():
            os.close(descriptor)
        self.files = {}


class Conversation:
    """One connection. Everything waits at most ten seconds."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(10)
        self.request = None

    def receive_request(self):
        data, descriptors = b"", []
        while len(data) < HEADER.size or len(data) < HEADER.size + HEADER.unpack_from(data)[4]:
            part, control, flags, _ = self.connection.recvmsg(1 << 20, socket.CMSG_SPACE(253 * 4))
            assert part and not flags & socket.MSG_CTRUNC
            data += part
            for level, kind, content in control:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                descriptors.extend(array.array("i", content))
        magic, version, _, count, size = HEADER.unpack_from(data)
        assert (magic, version) == (MAGIC, 2)
        assert count == len(descriptors) and size == len(data) - HEADER.size
        self.request = Request(data[HEADER.size :], descriptors)
        return self.request

    def reply(self, *arguments, **named):
        body = reply_body(*arguments, **named)
        self.connection.sendall(struct.pack("=I", len(body)) + body)

    def report(self, *arguments):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(reply_body(*arguments), b"\0" + self.request.report_name)

    def receive_signal(self):
        data = b""
        while len(data) < SIGNAL.size:
            part = self.connection.recv(SIGNAL.size - len(data))
            assert part
            data += part
        return SIGNAL.unpack(data)

    def at_end(self):
        """Waits for the end of the connection."""
        try:
            return self.connection.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        if self.request:
            self.request.close()
        self.connection.close()


class FakeService:
    """Listens at `path` and runs `script(conversation)` for each connection, in a thread."""

    def __init__(self, path):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.errors = []
        self.thread = None

    def serve(self, *scripts):
        self.thread = threading.Thread(target=self._serve, args=(scripts,), daemon=True)
        self.thread.start()

    def _serve(self, scripts):
        for script in scripts:
            conversation = Conversation(self.listener.accept()[0])
            try:
                script(conversation)
            except BaseException as error:  # shown by finish()
                self.errors.append(error)
            finally:
                conversation.close()

    def finish(self):
        if self.thread:
            self.thread.join(15)
            assert not self.thread.is_alive(), "the client did not do what the script waits for"
        self.listener.close()
        if self.errors:
            raise self.errors[0]
