"""The example program for the desktop, as it is installed."""

import configparser
import importlib.util
import pathlib
import subprocess

import pytest

from ctl_test import BIN, World, until

EXAMPLES = BIN.parent / "share/doc/pml/examples"


@pytest.fixture
def desk(tmp_path):
    """A home with a service of the profile "qt", and no display."""
    if not any(importlib.util.find_spec(name) for name in ("PySide6", "PyQt6", "PySide2")):
        pytest.fail("python3 has no Qt")
    world = World(tmp_path)
    world.environment["QT_QPA_PLATFORM"] = "offscreen"
    world.serve("qt")
    yield world
    world.services[-1].terminate()
    assert world.services[-1].wait(20) == 0


def exec_line():
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(EXAMPLES / "pml-notes.desktop")
    return entry["Desktop Entry"]["Exec"].split()


def test_the_window_opens_and_closes(desk):
    (desk.folder / "note.txt").write_text("remember the milk\n")
    done = desk.run("-p", "qt", "--no-fallback", "--wait", EXAMPLES / "pml-notes.py", "--quit", "note.txt", program="pml")
    assert (done.returncode, done.stdout) == (0, ""), done


def test_what_the_desktop_entry_executes(desk):
    words = exec_line()
    assert words[0] == str(BIN / "pml") and words[-1] == "%f" and pathlib.Path(words[-2]).is_file()
    # The launcher gets its prompt back while the window is there.
    done = subprocess.run([BIN / "pml", "--no-fallback", *words[1:-1]], env=desk.environment, cwd=desk.folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
    assert done.returncode == 0
    job = until(lambda: [job for job in desk.json("jobs") if job["profile"] == "qt"])[0]
    assert "pml-notes.py" in job["command"]
    assert desk.run("kill", job["job"]).returncode == 0
    until(lambda: not desk.json("jobs"))
