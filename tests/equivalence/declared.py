"""Programs that a profile declares, as the service tells of them through its socket."""

import json
import socket


def tell(path, question):
    """The answer of the service behind the socket; a program has its time to run ahead. TimeoutError: none within 60 s."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(60)
        peer.connect(str(path))
        peer.sendall(question.encode() + b"\n")
        answer = b""
        while data := peer.recv(65536):
            answer += data
    return answer.decode()


def programs(path):
    """What the service knows of each program, by name."""
    return {one["name"]: one for one in map(json.loads, filter(None, tell(path, "programs").splitlines()))}


def launches_ahead(path, names):
    """How many launches of these programs were served by what ran ahead."""
    return sum(one["warm"] for name, one in programs(path).items() if name in names)
