#!/usr/bin/python3
"""Functions, classes and files of src/ are of a size that can be read: prints "ok …" and "not ok …".

  tests/sizes.py          looks at src/
  tests/sizes.py --self   finds what is made too large on purpose
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "src"
MOST_LINES_OF_A_FUNCTION = 60
MOST_MEMBERS_OF_A_CLASS = 20
MOST_LINES_OF_A_FILE = 400

# A member by its name; what stands in parentheses or in an initializer is no further one.
MEMBER = re.compile(r"\b([a-z]\w*_)(?:\[[^\]]*\])?\s*(?:[;,{]|=[^=])")


def code_of(text):
    """The text without remarks and with empty literals, on the same lines."""
    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return "\n" * token.count("\n")
        return '""' + "\n" * token.count("\n")
    text = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", lambda match: "\n" * match.group(0).count("\n"), text, flags=re.M)
    return re.sub(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', blank, text, flags=re.S)


class Block:
    def __init__(self, head, line, parent):
        self.line, self.parent = line, parent
        self.text = ""  # of its own, without that of the blocks in it
        head = head.strip()
        if re.match(r"(inline\s+)?namespace\b|extern \"\"", head):
            self.kind, self.name = "namespace", ""
        elif found := re.match(r"(?:template\s*<.*>\s*)?(?:struct|class|union)\s+(?:alignas\(\w+\)\s+)?([\w:]+)[^()=]*$", head, re.S):
            self.kind, self.name = "class", found[1]
        elif "(" in head and (parent is None or parent.kind in ("namespace", "class")) and not re.match(r"(enum|constexpr [^(]*=|const [^(]*=)", head):
            self.kind, self.name = "function", re.search(r"([\w:~]+|operator\S+)\s*\(", head)[1]
        else:
            self.kind, self.name = "other", ""


def blocks_of(code):
    """Each block in braces, with the line that it begins in and the one that it ends in."""
    open_blocks, head, head_line, line = [], "", 1, 1
    for char in code:
        if char == "{":
            open_blocks.append(Block(head, head_line, open_blocks[-1] if open_blocks else None))
            head = ""
        elif char == "}":
            if open_blocks:
                block = open_blocks.pop()
                yield block, line
                if open_blocks:
                    open_blocks[-1].text += "{}" if block.kind == "other" else ";"
            head = ""
        else:
            if not head.strip():
                head, head_line = "", line
            head = "" if char == ";" else head + char
            if open_blocks:
                open_blocks[-1].text += char
        line += char == "\n"


# Larger for now, each with its reason; one that has become small enough is to be taken out.
EXCUSED = {}


def findings_of(path, text):
    """(what, where, how large) of all that is too large."""
    lines = text.count("\n")
    if lines > MOST_LINES_OF_A_FILE:
        yield "files", path, f"{lines} lines"
    for block, last in blocks_of(code_of(text)):
        length = last - block.line + 1
        if block.kind == "function" and length > MOST_LINES_OF_A_FUNCTION:
            yield "functions", f"{path}:{block.line} {block.name}", f"{length} lines"
        if block.kind == "class":
            statements = (statement for statement in block.text.split(";") if "(" not in statement.split("=")[0])
            members = sum(len(MEMBER.findall(statement + ";")) for statement in statements)
            if members > MOST_MEMBERS_OF_A_CLASS:
                yield "classes", f"{path} {block.name}", f"{members} members"


def look():
    findings = []
    for path in sorted(ROOT.rglob("*")):
        if path.suffix in (".cpp", ".hpp", ".c", ".h"):
            findings += findings_of(str(path.relative_to(ROOT.parent)), path.read_text())
    bad = [(what, where, size) for what, where, size in findings if where not in EXCUSED]
    bad += [("excuses", where, "no reason any more") for where in EXCUSED if where not in [found[1] for found in findings]]
    for what, limit in (("functions", f"{MOST_LINES_OF_A_FUNCTION} lines"), ("classes", f"{MOST_MEMBERS_OF_A_CLASS} members"),
                        ("files", f"{MOST_LINES_OF_A_FILE} lines"), ("excuses", "what is too large")):
        places = [f"{where} ({size})" for kind, where, size in bad if kind == what]
        print(f"not ok {what} of more than {limit}: {', '.join(places)}" if places else f"ok {what} are of no more than {limit}")
    return bool(bad)


def show_itself():
    """What is too large by one is found, what is not is not."""
    def found(text):
        return [what for what, _, _ in findings_of("x.cpp", text)]
    long = "namespace x {\nint f(int a) {\n" + "  ++a;  // { in a remark\n" * (MOST_LINES_OF_A_FUNCTION - 2) + "%s}\n}\n"
    wide = "class A : public B {\n  void f();\n" + "".join(f"  std::map<int, int> m{i}_{{1}};\n" for i in range(MOST_MEMBERS_OF_A_CLASS)) + "%s};\n"
    cases = {"functions": (found(long % ""), found(long % "  ++a;\n")), "classes": (found(wide % ""), found(wide % "  bool last_ = false;\n")),
             "files": (found("\n" * MOST_LINES_OF_A_FILE), found("\n" * (MOST_LINES_OF_A_FILE + 1)))}
    for what, (small, large) in cases.items():
        print("ok" if small == [] and large == [what] else "not ok", f"finds {what} that are too large, and no others")
    return any(small or large != [what] for what, (small, large) in cases.items())


if __name__ == "__main__":
    sys.exit(show_itself() if sys.argv[1:] == ["--self"] else look())
