"""One clear line and the right status for what is wrong, and a service that lives."""

import os
import socket
import subprocess

import pytest

from conftest import PML, until


def connect(pool):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(str(pool.socket))
    return peer


def still_serves(pool):
    done = pool.run("-c", "print(6*7)")
    assert (done.stdout, done.returncode) == ("42\n", 0), done.stderr


@pytest.mark.parametrize("words, status", [
    (["nothing-here.py"], 2), (["-m", "no_such_module_here"], 1), (["-c", "1/0"], 1), (["-c", "("], 1)])
def test_programs_that_fail(warm_pool, words, status, tmp_path):
    warm = warm_pool.run(*words, cwd=tmp_path)
    cold = subprocess.run(["/usr/bin/python3", *words], capture_output=True, text=True, cwd=tmp_path)
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)
    assert warm.returncode == status
    still_serves(warm_pool)


@pytest.mark.parametrize("data", [
    b"\x7f", b"\x7fPML", b"\x7fELF" + b"\0" * 100, b"\x7fPML\xff\xff" + b"\0" * 30,
    b"\x7fPML\x02\0\0\0" + b"\xff" * 8, b"\x7fPML\x02\0\0\0\0\0\0\0\x10\0\0\0" + b"\xff" * 16,
    b"\0" * 5000, b"\xff\xfe\n", b"\n", b" ", b"x" * 200000 + b"\n"], ids=lambda data: f"{data[:8].hex()}-{len(data)}")
def test_garbage(warm_pool, data):
    with connect(warm_pool) as peer:
        peer.settimeout(10)
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(1000):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass
    still_serves(warm_pool)


def test_silent_and_slow_peers_delay_nobody(warm_pool):
    peers = [connect(warm_pool) for _ in range(50)]
    for number, peer in enumerate(peers):
        peer.sendall(b"\x7fPML\x02"[: number % 6])
    still_serves(warm_pool)
    for peer in peers:
        peer.settimeout(30)
        try:
            while peer.recv(1000):
                pass
        except ConnectionResetError:
            pass
        peer.close()
    still_serves(warm_pool)


def test_descriptors_sent_with_garbage_are_closed(warm_pool):
    descriptors = f"/proc/{warm_pool.main_pid()}/fd"
    still_serves(warm_pool)
    before = len(os.listdir(descriptors))
    for _ in range(20):
        with connect(warm_pool) as peer:
            socket.send_fds(peer, [b"\x7fPM"], [0, 1, 2] * 20)
    until(lambda: len(os.listdir(descriptors)) <= before + 4)
    still_serves(warm_pool)


def test_no_runtime_folder():
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    for environment in (environment, {**environment, "XDG_RUNTIME_DIR": "/no/such/folder"}, {**environment, "XDG_RUNTIME_DIR": ""}):
        done = subprocess.run([PML, "-c", "print(6*7)"], env=environment, capture_output=True, text=True)
        assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_a_socket_path_in_the_way(pool, tmp_path):
    for path in (tmp_path, tmp_path / "nothing", tmp_path / ("x" * 200)):
        done = subprocess.run([PML, "--socket", path, "-c", "print(6*7)"], capture_output=True, text=True)
        assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_an_unknown_profile():
    done = subprocess.run([PML, "-p", "no-such-profile", "-c", "print(1)"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.startswith("pml: ") and "no-such-profile" in done.stderr and done.stderr.count("\n") == 1


def test_wrong_words():
    for words in (["--no-such-option"], ["-p"], ["-p", "../x", "-c", "1"]):
        done = subprocess.run([PML, *words], capture_output=True, text=True)
        assert done.returncode in (2, 64, 78) and done.stderr, words
