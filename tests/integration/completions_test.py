"""The completions, in the shells that they are for."""

import os
import pathlib
import pty
import select
import shutil
import subprocess
import sys
import time

import pytest

PREFIX = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local"))

# What is typed, and some of what has to be offered.
CASES = [
    ("pmlctl sta", {"status"}),
    ("pmlctl status ", {"default", "mine"}),
    ("pmlctl -p mi", {"mine"}),
    ("pmlctl --json show mi", {"mine"}),
    ("pmlctl unadopt ", {"tool"}),
    ("pmlctl kill 1 IN", {"INT"}),
    ("pmlctl adopt python3.", {"python%d.%d" % sys.version_info[:2]}),
    ("pmlctl --no-p", {"--no-pager"}),
    ("pmlctl profile re", {"remove"}),
    ("pmlctl logs --fo", {"--follow"}),
    ("pmlctl --socket ./da", {"data.txt"}),
    ("pmld --profile mi", {"mine"}),
    ("pmld --daem", {"--daemonize"}),
    ("pmlctl suggest --wr", {"--write"}),
    ("pmlctl check ./scr", {"script.py"}),
    ("pml -p mi", {"mine"}),
    ("pml --profile mi", {"mine"}),
    ("pml -m json.t", {"json.tool"}),
    ("pml -p mine -m only_m", {"only_mine"}),
    ("pml -e some-c", {"some-command"}),
    ("pml --no-f", {"--no-fallback"}),
    ("pml scr", {"script.py"}),
    ("pml script.py da", {"data.txt"}),
    ("pml --socket ./da", {"data.txt"}),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with two profiles of its own, one of them with an interpreter that has a module and an entry point more."""
    home = tmp_path_factory.mktemp("home")
    profiles = home / ".config/pml/profiles"
    profiles.mkdir(parents=True)
    interpreter = home / "python3"
    interpreter.write_text(f'#!/bin/sh\nPYTHONPATH={home}/lib exec /usr/bin/python3 "$@"\n')
    interpreter.chmod(0o755)
    for name in ("mine", "default"):
        (profiles / f"{name}.toml").write_text(f'[python]\ninterpreter = "{interpreter}"\n')
    (profiles / "wrap-tool.toml").write_text("# written by pmlctl wrap\n[pool]\nworkers = 1\n")
    (home / "lib").mkdir()
    (home / "lib/only_mine.py").write_text("")
    information = home / "lib/some-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: some\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[console_scripts]\nsome-command = only_mine:main\n")
    (home / "script.py").write_text("")
    (home / "data.txt").write_text("")
    return home


def environment(home):
    return {"HOME": str(home), "PATH": f"{PREFIX}/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb", "XDG_RUNTIME_DIR": str(home)}


def needed(shell):
    if shutil.which(shell) is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there is no {shell}")


def in_bash(home, line):
    words = line.split(" ")
    script = f"""
        for file in {PREFIX}/share/bash-completion/completions/pml{{,ctl,d}}; do . $file || exit 1; done
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        function=$(complete -p "$1") && function=${{function##*-F }} && ${{function%% *}} && printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], cwd=home, env=environment(home), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and "command not found" not in done.stderr, done
    return {word.rsplit("/", 1)[-1] for word in done.stdout.split("\n")}


def in_fish(home, line):
    done = subprocess.run(["fish", "--no-config", "-c",
                           f"for file in {PREFIX}/share/fish/vendor_completions.d/*.fish; source $file; end; complete -C $argv[1]", line],
                          cwd=home, env=environment(home), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == "", done
    return {entry.split("\t")[0].rsplit("/", 1)[-1] for entry in done.stdout.split("\n")}


def in_zsh(home, line):
    """zsh completes only what is typed at it."""
    (home / ".zshrc").write_text(f"fpath=({PREFIX}/share/zsh/site-functions $fpath)\nautoload -Uz compinit && compinit -u -d ~/.zcompdump\n"
                                 "PS1='ready> '; unsetopt zle_bracketed_paste prompt_sp list_beep beep list_ambiguous; setopt list_rows_first\n"
                                 "show() { print -r -- \"<$BUFFER>\"; exit }; zle -N show; bindkey '^X' show\n")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(home)
        os.execve(shutil.which("zsh"), ["zsh", "-i"], environment(home))
    text = ""

    def read_until(mark, seconds=30):
        nonlocal text
        deadline = time.monotonic() + seconds
        while mark not in text and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    text += os.read(terminal, 65536).decode(errors="replace")
                except OSError:
                    break
        assert mark in text, text

    try:
        read_until("ready> ")
        os.write(terminal, (line + "\t\x18").encode())
        read_until(">\r\n")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return {word.strip("<>").rsplit("/", 1)[-1] for word in text.split("ready> ", 1)[1].split()}


@pytest.mark.parametrize("line, offered", CASES, ids=[line for line, _ in CASES])
@pytest.mark.parametrize("shell, ask", [("bash", in_bash), ("zsh", in_zsh), ("fish", in_fish)], ids=["bash", "zsh", "fish"])
def test_completion(home, shell, ask, line, offered):
    needed(shell)
    got = ask(home, line)
    assert offered <= got, got
    if not line.endswith(" "):
        assert "default" not in got
