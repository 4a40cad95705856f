"""What the manual pages say in words and numbers is what the code has: statuses, verbs, options, keys, defaults, reasons."""

import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("PML_TEST_PREFIX", "/usr/local")) / "bin"


def page(name):
    return (ROOT / "man" / f"{name}.scd").read_text()


def section(name, title):
    """The text under a heading, until the next of the same kind."""
    return re.search(rf"^# {re.escape(title)}\n(.*?)(?=^# |\Z)", page(name), re.M | re.S)[1]


def sources(*folders):
    return {path: path.read_text() for folder in folders for path in sorted((ROOT / "src" / folder).rglob("*.[ch]pp"))}


def constants():
    text = "".join(path.read_text() for path in (ROOT / "src/base/exit_status.hpp", ROOT / "src/ctl/command.hpp"))
    return {name: int(number) for name, number in re.findall(r"(k_exit_\w+)\s*=\s*(\d+)", text)}


def statuses_of(*folders):
    used = set()
    for path, text in sources(*folders).items():
        used |= set(re.findall(r"k_exit_\w+", text)) if path.name != "exit_status.hpp" else set()
    known = constants()
    return {known[name] for name in used}


def run(*words):
    done = subprocess.run([BIN / words[0], *words[1:]], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "XDG_RUNTIME_DIR": "/nowhere"})
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize("name, folders", [("pml.1", ["client", "cold"]), ("pmlctl.1", ["ctl"]), ("pmld.8", ["service"])])
def test_exit_statuses(name, folders):
    told = {int(number) for number in re.findall(r"^(?:\|\[|\||\]) +[^\n:]*$", section(name, "EXIT STATUS"), re.M) for number in re.findall(r"\d+", number)}
    assert told - {0} == statuses_of(*folders)


def verbs_of_the_code():
    return re.findall(r"^  ((?:profile |python )?[a-z]+)\b", run("pmlctl", "help"), re.M)


def test_verbs_of_pmlctl():
    text = section("pmlctl.1", "VERBS").split("## For other programs")[0]
    told = re.findall(r"^\*([a-z ]+)\*", text, re.M)
    assert sorted(set(told)) == sorted(verbs_of_the_code())


def test_options_of_pmlctl():
    known = {option for verb in verbs_of_the_code() for option in re.findall(r"--[a-z-]+", run("pmlctl", "help", *verb.split()).split("Example")[0])}
    told = set(re.findall(r"\*(--[a-z-]+)\*", section("pmlctl.1", "OPTIONS")))
    assert told == known | {"--help", "--version"}


@pytest.mark.parametrize("name, program", [("pml.1", "pml"), ("pmld.8", "pmld")])
def test_options_of_the_others(name, program):
    known = set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", run(program, "--help")))
    told = set(re.findall(r"\*(--[a-z]+(?:-[a-z]+)*)\*", section(name, "DESCRIPTION") + section(name, "OPTIONS")))
    assert known == told


def keys_of_the_code():
    return set(re.findall(r'\{"(\w*)", "([\w-]+)",', (ROOT / "src/profile/schema.cpp").read_text()))


def keys_of_the_manual():
    """(section, key) → what is said of it."""
    told = {}
    for title, text in re.findall(r"^## \[?([\w.]*)[^\n]*\n(.*?)(?=^## |\Z)", section("pml.toml.5", "KEYS"), re.M | re.S):
        for key, said in re.findall(r"^\*([\w-]+)\* = [^\n]*\n((?:\t[^\n]*\n|\n)+)", text, re.M):
            told[title, key] = " ".join(said.split())
    return told


def test_keys_of_profiles():
    told = {key for key in keys_of_the_manual() if key[0] not in ("Top", "") and not key[0].startswith("program.")}
    assert told == {key for key in keys_of_the_code() if key[0]}


def test_defaults_of_profiles(tmp_path):
    shown = subprocess.run([BIN / "pmlctl", "--json", "show", "plain"], capture_output=True, text=True, check=True,
                           env={"PATH": "/usr/bin:/bin", "HOME": str(plain_home(tmp_path)), "XDG_RUNTIME_DIR": str(tmp_path)}).stdout
    values = {tuple(key.split(".")): entry["value"] for key, entry in json.loads(shown)[0]["values"].items() if "." in key}
    compared = 0
    for key, said in keys_of_the_manual().items():
        found = re.search(r"Default: \"?(\w+)\"?", said)
        if not found or key not in values or isinstance(values[key], (list, dict)):
            continue
        value = json.dumps(values[key]).strip('"')
        assert found[1] == value, key
        compared += 1
    assert compared >= 8


def plain_home(folder):
    profiles = folder / ".config/pml/profiles"
    profiles.mkdir(parents=True)
    (profiles / "plain.toml").write_text('description = "nothing"\n')
    return folder


def test_limits_of_profiles():
    text = (ROOT / "src/profile/schema.cpp").read_text()
    limits = {name: number.replace("'", "") for name, number in re.findall(r"(k_most_\w+) = ([\d']+);", text)}
    rules = re.findall(r'\{"(\w+)", "([\w-]+)",\s*\[\][^{]*\{\s*set_number\(s, n, (\d+), (k_most_\w+),', text)
    assert len(rules) >= 4
    told = keys_of_the_manual()
    for title, key, least, most in rules:
        if key != "spare":  # up to workers
            assert f"{least} to {limits[most]}" in told[title, key], key


def test_reasons_to_run_python3():
    names = set(re.findall(r'^    \{"([a-z-]+)", "', (ROOT / "src/wire/reply.cpp").read_text(), re.M)) - {"unknown"}
    names |= set(re.findall(r'return \{"([a-z-]+)",', (ROOT / "src/client/reason.cpp").read_text()))
    names |= {"lost"}
    told = set()
    for line in re.findall(r"^(?:\|\[|\|) +(.*)$", section("pml.1", "WHEN PYTHON3 IS EXECUTED"), re.M):
        told |= set(re.findall(r"\*([a-z0-9-]+)\*", line))
    assert told == names


def test_seconds_and_sizes():
    """Numbers that are told in words, with the constant that each is."""
    def constant(file, name):
        return re.search(rf"{name}[{{ =(]+([\d']+)", (ROOT / "src" / file).read_text())[1].replace("'", "")
    assert constant("client/launch.hpp", "k_patience_ms") == "10000" and "10\n\tseconds" in section("pml.1", "OPTIONS")
    assert f"{constant('service/shutdown.cpp', 'k_stop_time')} seconds" in section("pmld.8", "SIGNALS")
    assert f"more than {constant('service/front.cpp', 'k_most_sessions')} connections" in page("pmld.8")
    assert int(constant("service/front.cpp", "k_patience_usec")) == 5000000 and "cut off after 5 seconds" in page("pmld.8")
    assert f"line {constant('profile/text.hpp', 'k_max_line')} bytes" in section("pml.toml.5", "LIMITS")


def test_the_units_name_their_pages():
    for unit in ("pml@.service", "pml@.socket"):
        text = (ROOT / "units" / f"{unit}.in").read_text()
        named = re.search(r"^Documentation=(.*)$", text, re.M)[1].split()
        assert named
        for name in named:
            assert re.fullmatch(r"man:[\w@.]+\(\d\)", name)
            assert any((ROOT / "man").glob(name[4:].split("(")[0].replace("@", "") + "*.scd")), name


def test_keys_of_the_status():
    """Of the service's code; a few are put together there."""
    code = (ROOT / "src/service/status_text.cpp").read_text()
    keys = set(re.findall(r'add\(text,\s*"([a-z0-9-]+)"', code)) | {"failed-preload", "quarantined", "last-job"}
    told = set()
    for line in re.findall(r"^(?:\|\[|\|) +(.*)$", page("pml-protocol.7").split("The keys of *status*:")[1].split("## Examples")[0], re.M):
        told |= set(re.findall(r"\*([a-z0-9.-]+)\*", line))
    assert keys <= told, keys - told
