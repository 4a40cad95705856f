"""What SECURITY.md claims, with the real interpreter.

The programs under test are those of $PML_TEST_PREFIX, /usr/local where that is not set.
"""

import os
import pathlib
import signal
import subprocess

import pytest

from failures_test import zygote
from test_standalone import PML, PMLD, Service, processes_with, until

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs another user")


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    made.end()


def ask_as_nobody(service, text):
    """What the service says to a text request of another user, who was let near the socket."""
    code = "import os,socket,sys;s=socket.socket(1);s.connect(sys.argv[1])\n"
    code += "try: s.sendall(sys.argv[2].encode())\nexcept BrokenPipeError: pass\nprint(s.recv(999))"
    return subprocess.run(["/usr/bin/python3", "-I", "-c", code, service.socket, text], user=NOBODY, group=NOBODY, extra_groups=[],
                          capture_output=True, text=True, timeout=10)  # fmt: skip


def open_the_way(folder):
    for part in [folder, *folder.parents]:
        if part.owner() == "root" and part.stat().st_mode & 0o001 == 0:
            part.chmod(part.stat().st_mode | 0o001)


def test_the_socket_is_its_owners_alone(service):
    before = os.umask(0)
    try:
        service.serve(service.socket)
    finally:
        os.umask(before)
    assert service.socket.stat().st_mode & 0o777 == 0o600


@needs_root
def test_another_user_cannot_connect(service):
    service.serve(service.socket)
    open_the_way(service.folder)
    assert "PermissionError" in ask_as_nobody(service, "module this\n").stderr


@needs_root
def test_another_user_who_can_connect_is_refused(service):
    service.serve(service.socket)
    open_the_way(service.folder)
    service.socket.chmod(0o666)
    before = until(lambda: (status := service.status())["running"] == "0" and int(status["served"]))
    for text in ("module this\n", "status\n", "reload\n", "\x7fPML"):
        assert "user or group id" in ask_as_nobody(service, text).stdout
    assert int(service.status()["served"]) == before


def test_a_socket_that_was_put_in_the_place_of_ours_gets_nothing_of_a_request(service):
    """By another user, in a folder that everybody may write."""
    if os.getuid() != 0:
        pytest.skip("needs another user")
    open_the_way(service.folder)
    service.folder.chmod(0o777)
    code = "import socket,sys;s=socket.socket(1);s.bind(sys.argv[1]);s.listen();print(flush=True);print(s.accept()[0].recv(99))"
    with subprocess.Popen(["/usr/bin/python3", "-I", "-c", code, service.socket], user=NOBODY, group=NOBODY, stdout=subprocess.PIPE) as hijacker:
        hijacker.stdout.readline()
        done = service.run("-c", "print('secret')")
        assert (done.returncode, done.stdout) == (77, "")
        assert hijacker.stdout.readline() == b"b''\n"


def loosen(folder):
    folder.mkdir(mode=0o700)
    folder.chmod(0o777)


def link(folder):
    folder.with_name("elsewhere").mkdir(mode=0o700)
    folder.symlink_to(folder.with_name("elsewhere"))


def give_away(folder):
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)


@pytest.mark.parametrize(
    "spoil, reason",
    [(loosen, "is writable by others"), (link, "is not a folder"), pytest.param(give_away, "belongs to another user", marks=needs_root)],
)
def test_a_runtime_folder_that_is_not_ours_alone_is_refused(service, spoil, reason):
    (service.folder / "config/pml/profiles").mkdir(parents=True)
    (service.folder / "config/pml/profiles/test.toml").write_text("[preload]\n")
    service.environment["XDG_CONFIG_HOME"] = str(service.folder / "config")
    spoil(service.folder / "pml")
    service.start("--profile", "test")
    assert service.process.wait(10) == 73
    assert reason in service.process.stderr.read()


def test_a_job_has_its_callers_descriptors_and_no_others(service):
    service.serve(service.socket)
    code = "import os; print([n for n in map(int, os.listdir('/proc/self/fd')) if os.path.exists(f'/proc/self/fd/{n}') or n < 3])"
    secret = open(service.folder / "secret", "w")
    holder = subprocess.Popen([PML, "--socket", service.socket, "--no-fallback", "-c", "print(flush=True); input()"], env=service.environment,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[secret.fileno()])  # fmt: skip
    holder.stdout.readline()
    assert service.run("-c", code).stdout == "[0, 1, 2]\n"
    holder.communicate(b"\n")
    open_files = [os.path.realpath(entry) for entry in pathlib.Path(f"/proc/{service.process.pid}/fd").iterdir()]
    assert open_files and not any("secret" in path for path in open_files)


def test_nothing_of_one_job_is_seen_by_the_next(service):
    service.serve(service.socket)
    service.run("-c", "import os, builtins, json; os.environ['LEAK'] = builtins.leak = json.leak = 'x'; os.umask(0); os.chdir('/')")
    code = "import os, builtins, json; print('LEAK' in os.environ, hasattr(builtins, 'leak'), hasattr(json, 'leak'), os.getcwd() == '/')"
    for _ in range(8):
        assert service.run("-c", code).stdout == "False False False False\n"


def test_the_hash_seed_is_shared_until_the_zygote_is_replaced(service):
    service.serve(service.socket)
    seed = lambda: service.run("-c", "print(hash('pml'))").stdout  # noqa: E731
    first = seed()
    assert first == seed()
    old = zygote(service)
    service.process.send_signal(signal.SIGHUP)
    until(lambda: zygote(service) not in (None, old) and len(processes_with(service.mark)) > 2)
    until(lambda: seed() != first)


def test_random_numbers_are_not_shared(service):
    service.serve(service.socket, "random", "uuid", "secrets", "tempfile")
    code = "import random, uuid, secrets; print(random.random(), uuid.uuid4(), secrets.token_hex())"
    assert len({service.run("-c", code).stdout for _ in range(6)}) == 6


@pytest.mark.parametrize("words", [["--no-new-privs"], ["--groups", "1,2,3"], ["--bounding-set", "-sys_admin"]])
def test_a_confined_caller_is_refused(service, words):
    if os.getuid() != 0 and words[0] != "--no-new-privs":
        pytest.skip("needs root")
    service.serve(service.socket)
    done = subprocess.run(["setpriv", *words, PML, "--socket", service.socket, "--no-fallback", "-c", "print(1)"], env=service.environment,
                          capture_output=True, text=True, timeout=10)  # fmt: skip
    assert (done.returncode, done.stdout) == (77, "")
    assert done.stderr.startswith("pml: ")


def test_the_service_does_not_run_the_callers_code(service):
    service.serve(service.socket)
    maps = open(f"/proc/{service.process.pid}/maps").read()
    assert "python" not in maps.replace(str(service.folder), "").replace("python-module-launcher", "")
    assert os.path.basename(PMLD) in maps


def with_login_user(number):
    """Of a process: the kernel lets it be set where it was not."""
    def prepare():
        with open("/proc/self/loginuid", "w") as file:
            file.write(number)
    return prepare


needs_loginuid = pytest.mark.skipif(
    os.getuid() != 0 or not os.path.exists("/proc/self/loginuid") or pathlib.Path("/proc/self/loginuid").read_text() != "4294967295",
    reason="somebody has logged in")  # fmt: skip


@needs_root
@needs_loginuid
def test_a_caller_whom_nobody_logged_in_for_is_served_as_such(service):
    service.serve(service.socket, preexec_fn=with_login_user("0"))
    code = "import os\ntry: print(os.getlogin())\nexcept OSError as error: print(error)"
    cold = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True)
    assert service.run("-c", code).stdout == cold.stdout


@needs_root
@needs_loginuid
def test_a_caller_who_logged_in_as_another_is_not_served(service):
    service.serve(service.socket, preexec_fn=with_login_user("0"))
    done = service.run("-c", "pass", preexec_fn=with_login_user("65534"))
    assert done.returncode != 0 and "login user id" in done.stderr
