#!/usr/bin/python3
"""The pages of the tree, CONTRIBUTING.md and each README.md below src/, tell of what is there: every folder with sources
has a page, its own or its parent's, and the files, folders and names that a page has between backticks exist. And what
two lists of the code have to have in common, they have. Prints what is wrong; the status says whether something is."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PAGES = [ROOT / "CONTRIBUTING.md", *sorted(SRC.rglob("README.md"))]
SOURCES = {".cpp", ".c", ".hpp", ".h"}
FILE = re.compile(r"[\w./-]+\.(?:cpp|hpp|c|h|py|scd|sh|md|txt)")
WHERE_NAMES_ARE = ("src", "config", "units", "man", "tests")
# Names between backticks that are nobody's: styles, commands, instructions of the processor.
OF_OTHERS = {"PascalCase", "snake_case", "cpuid", "rdrand", "dch", "_watch"}


def between_backticks(page):
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S))


def places_of(page):
    return page.parent, SRC, ROOT


def files_not_there(page):
    for name in between_backticks(page):
        if FILE.fullmatch(name) and not any((place / name).exists() for place in places_of(page)):
            yield f"names {name}"


def folders_not_there(page):
    folders = {path.name for path in SRC.rglob("*") if path.is_dir()}
    for name in between_backticks(page):
        if not re.fullmatch(r"[\w-]+(?:/[\w-]+)*/", name):
            continue
        if not any((place / name).is_dir() for place in places_of(page)) and name.strip("/") not in folders:
            yield f"names the folder {name}"


def words_of_the_tree():
    words = set()
    for folder in (*WHERE_NAMES_ARE, "."):
        for path in (ROOT / folder).glob("*" if folder == "." else "**/*"):
            if path.suffix == ".md" or not path.is_file() or "cases" in path.parts:
                continue
            words |= set(re.findall(r"[A-Za-z_]\w*", path.read_text(errors="replace"))) | {path.stem}
    return words


def names_not_there(page, words):
    for text in between_backticks(page):
        if FILE.fullmatch(text) or not re.fullmatch(r"[\w:.]+(?:\(\))?", text):
            continue  # a command, a line of TOML, a pattern
        for word in re.findall(r"[A-Za-z_]\w*", text):
            if word not in words and word not in OF_OTHERS:
                yield f"names {text}"


def rooms_without_page():
    for folder in sorted({path.parent for path in SRC.rglob("*") if path.suffix in SOURCES} - {SRC}):
        above = folder.parent / "README.md"
        told = above.exists() and folder.parent != SRC and f"`{folder.name}/`" in above.read_text()
        if not told and not (folder / "README.md").exists():
            yield f"{folder.relative_to(ROOT)}: has no page"


def settings_nobody_verifies():
    """What preloads are watched for, verification has to look at."""
    watch = (SRC / "zygote/changes/setting_watch.cpp").read_text()
    snapshot = (SRC / "trial/snapshot_code.hpp").read_text()
    watched = re.findall(r'\{"\w+", \{"(\w+)", "\w+"\}\}', watch) + re.findall(r'value_in\("\w+", "(\w+)"\)', watch)
    if len(watched) < 10:
        yield "setting_watch.cpp: its list is not found"
    for name in watched:
        if not re.search(rf"\b{name}\b", snapshot):
            yield f"src/trial/snapshot_code.hpp: does not look at {name}, which setting_watch.cpp watches"


def versions_that_differ():
    newest = re.search(r"k_newest_minor = (\d+)", (SRC / "base/python_abi.hpp").read_text())[1]
    for page in ("README.md", "man/pmlctl.1.scd"):
        for told in re.findall(r"CPython 3\.9 to 3\.(\d+)", (ROOT / page).read_text()) or ["?"]:
            if told != newest:
                yield f"{page}: says 3.{told}, where python_abi.hpp says 3.{newest}"


def main():
    words = words_of_the_tree()
    wrong = [*rooms_without_page(), *settings_nobody_verifies(), *versions_that_differ()]
    for page in PAGES:
        for what in (*files_not_there(page), *folders_not_there(page), *names_not_there(page, words)):
            wrong.append(f"{page.relative_to(ROOT)}: {what}, which is not there")
    print("\n".join(wrong) or f"{len(PAGES)} pages, and what they name is there")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
