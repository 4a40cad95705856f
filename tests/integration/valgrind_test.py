"""The client under valgrind: no wrong access, no lost byte.

The client is that of $PML_TEST_PREFIX/../tests/pml-plain, the same sources on the system's C library.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

from test_standalone import BIN, Service

PLAIN = BIN.parent.parent / "tests/pml-plain"
# It keeps descriptors of its own just above the soft limit: within the hard one, or no worker could have them.
VALGRIND = ["prlimit", "--nofile=500:1000", "valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full"]
CASES = {
    "served": (["--socket", "s.sock", "--no-fallback", "-c", "import sys; print(sys.stdin.read(), sys.argv)", "a", "b"], 0, b"in ['-c', 'a', 'b']\n"),
    "status": (["--socket", "s.sock", "--no-fallback", "-c", "raise SystemExit(7)"], 7, b""),
    "module": (["--socket", "s.sock", "--no-fallback", "-m", "base64", "-h"], 0, None),
    "refused": (["--socket", "s.sock", "--no-fallback", "-O", "-c", "pass"], 69, b""),
    "no service": (["--socket", "absent.sock", "--no-fallback", "-c", "pass"], 69, b""),
    "traced": (["--socket", "s.sock", "--no-fallback", "-c", "print(1)"], 0, b"1\n"),
    "long words": (["--socket", "s.sock", "--no-fallback", "-c", "import sys; print(len(sys.argv[1]))", "x" * 120000], 0, b"120000\n"),
    "usage": (["--socket"], 64, b""),
    "help": (["--help"], 0, None),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    if not shutil.which("valgrind"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs valgrind")
    made = Service(tmp_path_factory.mktemp("valgrind"))
    # What valgrind puts into the environment would make the client step aside, were it not the service's too.
    seen = subprocess.run([*VALGRIND, "/usr/bin/env"], env={}, capture_output=True, text=True, check=True).stdout
    plain = made.environment
    made.environment = plain | dict(line.split("=", 1) for line in seen.splitlines())
    made.serve(made.socket)
    made.environment = plain
    yield made
    made.end()


@pytest.mark.skipif(not PLAIN.exists(), reason="not run from a build folder")
@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="a sanitized program cannot run under valgrind")
@pytest.mark.parametrize("name", CASES)
def test_the_client(service, name):
    words, status, output = CASES[name]
    log = pathlib.Path(service.folder) / "valgrind.log"
    done = subprocess.run([*VALGRIND, f"--log-file={log}", PLAIN, *words],
                          env={**service.environment, **({"PML_TRACE": "1"} if name == "traced" else {})},
                          input=b"in", capture_output=True, cwd=service.folder, timeout=60)  # fmt: skip
    errors = [line for line in log.read_text().splitlines() if line.startswith("==")]  # "--": a call it does not know
    assert errors == []
    assert done.returncode == status and output in (None, done.stdout), done
