#!/usr/bin/python3
"""What is known of one CPython version and not of all stands in src/worker/compat/ only.

Prints "ok …" and "not ok …", a line for each kind of name. tests/private_names.py --self shows that it finds them.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = pathlib.Path("src/worker/compat")

# What CPython documents in spite of its name, and macros that stand for no version.
DOCUMENTED = {"_PyCompilerFlags_INIT"}

KINDS = {
    "CPython's private names": r"\b_Py_?[A-Z]\w*|\bpyexit\w+|\bma_version_tag\b",
    "its internal headers": r"#include\s*[<\"]\S*internal/pycore_\w+|\bPy_BUILD_CORE\b",
    "versions of it": r"\bPY_(?:VERSION_HEX|MINOR_VERSION|MICRO_VERSION)\b|\bPy_GetVersion\b|\bversion_info\b",
    "the insides of a thread's state": r"\b(?:c|py)?_?recursion_(?:remaining|limit|depth)\b|\b(?:current|base)_frame\b|\bcframe\b",
}


def found(kind, text):
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("//")[0]
        if "#include" not in code:
            code = re.sub(r'"(?:[^"\\]|\\.)*"', '""', code)  # names of symbols that are looked for are data
        for name in re.findall(KINDS[kind], code):
            if name not in DOCUMENTED:
                yield number, name


def sources():
    for folder in ("src",):
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.suffix in (".c", ".cpp", ".h", ".hpp") and HOME not in inside.parents and path.name != "python_abi.hpp":
                yield inside, path.read_text()


def show_itself():
    """Each kind is found where it stands."""
    home = "".join(path.read_text() for path in sorted((ROOT / HOME).glob("*")) if path.suffix != ".md")
    return {kind: not any(True for _ in found(kind, home)) for kind in KINDS}


def main():
    if sys.argv[1:] == ["--self"]:
        blind = show_itself()
        for kind, is_blind in blind.items():
            print(f"{'not ok' if is_blind else 'ok'} finds {kind} in {HOME}")
        return any(blind.values())
    bad = False
    texts = list(sources())
    for kind in KINDS:
        places = [f"{path}:{number} {name}" for path, text in texts for number, name in found(kind, text)]
        print(f"not ok {kind} outside of {HOME}: {', '.join(places)}" if places else f"ok {kind} stay in {HOME}")
        bad |= bool(places)
    return bad


if __name__ == "__main__":
    sys.exit(main())
