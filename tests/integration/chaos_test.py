"""A short run of each program in tests/chaos; see there for the long ones."""

import os
import pathlib
import subprocess

import pytest

CHAOS = pathlib.Path(__file__).resolve().parent.parent / "chaos"
PREFIX = os.environ.get("PML_TEST_PREFIX", "/usr/local")


@pytest.mark.skipif("PML_MODULE_DIR" in os.environ, reason="once is enough, with the programs as they are installed")
@pytest.mark.parametrize("words", [["chaos.py", "--seconds", "20"], ["soak.py", "--launches", "1000"]], ids=["chaos", "soak"])
def test_short(words):
    done = subprocess.run(["/usr/bin/python3", "-B", CHAOS / words[0], "--prefix", PREFIX, *words[1:]], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
