#!/usr/bin/python3
"""The rules of CONTRIBUTING.md that a look at the text of src/ can hold: an include points only along
the arrows of its table, Python.h is for those who live in an interpreter, and descriptors are closed
and duplicated in src/base only. Prints what breaks them; the status says whether something does."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WITH_PYTHON = {"zygote", "worker"}
OF_PYTHON = re.compile(r"(Python|structmember|frameobject)\.h$|pybind11/")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
WITHOUT_BASE = ("src/client/runtime/", "src/trial/recorder/")  # they stand in for the C library, or in front of it
RAW_CALL = re.compile(r"(?<!\w)::(close|dup|dup2|dup3)\(")


def arrows():
    """The table of "Find your way": folder → the folders that it may include."""
    allowed = {}
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        folders = re.findall(r"`(\w+)/`", cells[0])
        if folders and len(cells) == 3:
            for folder in folders:
                allowed[folder] = set(re.findall(r"\w+", cells[2])) | {folder}
    return allowed


def sources():
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix in (".cpp", ".hpp", ".c", ".h"):
            yield path, path.relative_to(ROOT / "src").parts[0], path.read_text()


def main():
    allowed, wrong = arrows(), []
    for path, folder, text in sources():
        name = path.relative_to(ROOT)
        if folder not in allowed:
            wrong.append(f"{name}: src/{folder} has no line in CONTRIBUTING.md")
            continue
        for quote, target in INCLUDE.findall(text):
            first = target.split("/")[0]
            if quote == '"' and first in allowed and first not in allowed[folder]:
                wrong.append(f"{name}: includes {target}, but no arrow leads from {folder} to {first}")
            if quote == '"' and "/" in target and first not in allowed and not target.startswith("internal/"):
                wrong.append(f"{name}: includes {target}, which is in no folder of CONTRIBUTING.md")
            if quote == "<" and "/" in target and first in allowed:
                wrong.append(f"{name}: includes <{target}>, which is no library's")
            if OF_PYTHON.match(target) and folder not in WITH_PYTHON:
                wrong.append(f"{name}: includes {target}")
        if folder != "base" and not str(name).startswith(WITHOUT_BASE):
            wrong += [f"{name}: calls {call} itself; src/base does" for call in RAW_CALL.findall(text)]
    print("\n".join(wrong) or f"{len(allowed)} folders, every include along the arrows")
    return 1 if wrong or len(allowed) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
