"""The text dialect, spoken with nc."""

import signal
import socket
import subprocess

from conftest import journal, until


def test_a_file(warm_pool, tmp_path):
    (tmp_path / "job.py").write_text("import sys, os\nprint('said', sys.argv[1:], os.getcwd())\nsys.exit(4)\n")
    started, ended = warm_pool.text("file job.py one 'two words' three\\ words\n", cwd=tmp_path)
    assert started.startswith("started ") and ended == "exited 4"
    said = f"said ['one', 'two words', 'three words'] {tmp_path}"
    until(lambda: any(entry["MESSAGE"] == said for entry in journal()))


def test_without_newline_and_without_end_of_file(warm_pool):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(warm_pool.socket))
        peer.sendall(b"module this")
        answer = b""
        peer.settimeout(10)
        while data := peer.recv(1000):
            answer += data
    assert answer.splitlines()[-1] == b"exited 0"


def test_a_module_with_arguments(warm_pool, tmp_path):
    (tmp_path / "mod.py").write_text("import sys\nsys.exit(len(sys.argv))\n")
    assert warm_pool.text("module mod a b", cwd=tmp_path)[-1] == "exited 3"


def test_a_killed_job(warm_pool, tmp_path):
    (tmp_path / "job.py").write_text("import os\nos.kill(os.getpid(), 11)\n")
    assert warm_pool.text("file job.py", cwd=tmp_path)[-1] == "killed SIGSEGV"


def test_missing_programs_fail_as_under_python(warm_pool, tmp_path):
    assert warm_pool.text("file nothing.py", cwd=tmp_path)[-1] == "exited 2"
    assert warm_pool.text("module no_such_module", cwd=tmp_path)[-1] == "exited 1"


def test_what_is_not_understood_is_an_error(warm_pool):
    for request in ("nonsense", "nonsense x y\n", "file", "module\n", "entrypoint onlyone", "file 'unclosed"):
        answer = warm_pool.text(request)
        assert len(answer) == 1 and answer[0].startswith("error "), (request, answer)
    assert warm_pool.run("-c", "print(1)").stdout == "1\n"


def test_the_job_goes_on_without_its_peer(warm_pool, tmp_path):
    (tmp_path / "job.py").write_text("import time\ntime.sleep(0.5)\nopen('done', 'w').close()\n")
    request = ["nc", "-U", str(warm_pool.socket)]
    with subprocess.Popen(request, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as peer:
        peer.stdin.write(b"file job.py\n")
        peer.stdin.flush()
        assert peer.stdout.readline().startswith(b"started ")
        peer.send_signal(signal.SIGKILL)
    until((tmp_path / "done").exists)


def test_nothing_of_the_service_reaches_the_job(warm_pool, tmp_path):
    (tmp_path / "job.py").write_text(
        "import os, sys\nopen('out', 'w').write(repr([sorted(n for n in os.environ if n.startswith(('LISTEN', 'NOTIFY', 'WATCHDOG',"
        " 'INVOCATION', 'JOURNAL', 'MEMORY_PRESSURE'))), sys.stdin.read(), len(os.listdir('/proc/self/fd'))]))\n")
    assert warm_pool.text("file job.py", cwd=tmp_path)[-1] == "exited 0"
    assert (tmp_path / "out").read_text() == "[[], '', 5]"
