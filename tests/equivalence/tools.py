#!/usr/bin/python3
"""Runs real command-line tools cold and warm and compares output, status and the files they leave.

    tools.py --prefix DIR [--ahead]

DIR is where pml is installed. With --ahead each tool is a declared program, and each line is run when a worker waits that has
run the tool ahead. Tools that are not installed are named and left out (with CI=true that
is a failure). Exit status: 0 when nothing differs.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import declared

SOURCE = """import os,sys
def  f( a,b = 1 ):
    '''Adds.'''
    x: int = "no"
    return a+b
class C( object ):
    def m(self): return [ f(i) for i in range( 10 )]
print( f(1) )
"""
FILES = {
    "mod.py": SOURCE,
    "pkg/__init__.py": "from .a import value\n",
    "pkg/a.py": "value: int = 'text'\n",
    "doc/conf.py": "project = 'p'\nextensions = ['sphinx.ext.autodoc']\nhtml_last_updated_fmt = None\n",
    "doc/index.rst": "Title\n=====\n\n.. code-block:: python\n\n   print(1)\n\n* one\n* two\n",
    "c/meson.build": "project('p', 'c')\nexecutable('e', 'e.c')\n",
    "c/e.c": "int main(void) { return 0; }\n",
}
# Each line is run by the shell with $T as "python3 /usr/bin/TOOL" or "pml -p tools /usr/bin/TOOL".
TOOLS = {
    "black": ["$T --version", "$T --diff mod.py", "$T -q .", "$T --check mod.py", "$T nosuch.py"],
    "pylint": ["$T mod.py", "$T --disable=all --enable=E pkg", "$T nosuch.py"],
    "mypy": ["$T --cache-dir cache mod.py", "$T --cache-dir cache -p pkg", "$T --strict --cache-dir cache mod.py"],
    "hg": ["$T init r", "cd r && echo x > f && $T add f && $T commit -m one -u me -d '0 0' && $T log -v && $T status",
           "cd r && echo y >> f && $T diff && $T annotate -n f", "cd r && $T nosuch"],
    "sphinx-build": ["$T -q -b text doc out", "$T -q -b html doc html && ls html", "$T -b nosuch doc out2"],
    "pygmentize": ["$T mod.py", "$T -f html -O full mod.py", "$T -l python3 < mod.py", "$T -L styles | head -5"],
    "meson": ["$T --version", "cd c && $T setup b >/dev/null && $T introspect b --targets", "$T nosuch"],
}
PROFILE = """
[python]
interpreter = "/usr/bin/python3"
[preload]
modules = ["argparse", "asyncio", "ast", "json", "re", "subprocess", "logging", "pathlib", "tempfile",
           "tomllib", "typing", "concurrent.futures", "multiprocessing", "importlib.metadata"]
optional = ["click", "pathspec", "platformdirs", "black", "astroid", "pylint.lint", "mypy.main",
            "docutils.core", "sphinx.application", "pygments.formatters", "pygments.lexers.python"]
"""


def files_below(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not {".hg", "b", ".doctrees", "cache", "html", "__pycache__"} & set(path.parts):
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def run(words, lines, root, environment, ready=lambda: None):
    """What each line gave, and the files left; times and folders made alike. ready: called before each line."""
    folder = root / "work"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(root / ".cache", ignore_errors=True)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    results, took = [], 0.0
    for line in lines:
        ready()
        begin = time.monotonic()
        done = subprocess.run(["/bin/bash", "-c", line.replace("$T", words)], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        took += time.monotonic() - begin
        text = re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+|\w+ \w+ \d+ \d\d:\d\d:\d\d 20\d\d|rated at [^\n]*|-{20,}|\d+\.\d+ ?s(ec)?|in \d+\.\d+", b"TIME", done.stdout + b"\n--\n" + done.stderr)
        results.append((line, done.returncode, text))
    return results, files_below(folder), took


class Service:
    """A private service with the profile "tools"."""

    def __init__(self, prefix, root, paths, ahead):
        self.prefix, self.root, self.ahead = prefix, root, ahead
        (root / "config/pml/profiles").mkdir(parents=True)
        (root / "run").mkdir(mode=0o700)
        self.socket = root / "run/pml/tools.sock"
        text = "".join(f'[program."{tool}"]\nscript = "{path}"\n' for tool, path in paths.items()) if ahead else ""
        (root / "config/pml/profiles/tools.toml").write_text(PROFILE + text)
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(root), "LANG": "C.UTF-8",
                            "XDG_RUNTIME_DIR": str(root / "run"), "XDG_CONFIG_HOME": str(root / "config")}
        subprocess.run([prefix / "bin/pmld", "--profile", "tools", "-d", "-p", root / "pid"], env=self.environment, check=True)

    def compare(self, tool, path, lines):
        """Runs the lines cold and warm; whether they did the same, and what to print."""
        cold, cold_files, cold_time = run(f"/usr/bin/python3 {path}", lines, self.root, self.environment)
        words = f"{self.prefix}/bin/pml --no-fallback -p tools {path}"
        if self.ahead:
            run(words, lines[:1], self.root, self.environment)  # its caller is known then
        ready = (lambda: declared.tell(self.socket, "ahead " + tool)) if self.ahead else (lambda: None)
        before = declared.launches_ahead(self.socket, [tool])
        warm, warm_files, warm_time = run(words, lines, self.root, self.environment, ready)
        same = cold == warm and cold_files == warm_files
        served = f", {declared.launches_ahead(self.socket, [tool]) - before} launches ran ahead" if self.ahead else ""
        if self.ahead and (missed := declared.programs(self.socket)[tool].get("missed")):
            served += f" (missed: {missed})"
        text = [f"{tool}: {'same' if same else 'DIFFERS'}, {len(lines)} runs, cold {cold_time:.2f} s, warm {warm_time:.2f} s{served}"]
        for (line, status, output), (_, warm_status, warm_output) in zip(cold, warm):
            if (status, output) != (warm_status, warm_output):
                text.append(f"  {line}\n  cold {status}: {output!r}\n  warm {warm_status}: {warm_output!r}")
        text += [f"  file {file} differs" for file in sorted(cold_files.keys() | warm_files.keys()) if cold_files.get(file) != warm_files.get(file)]
        return same, "\n".join(text)

    def stop(self):
        os.kill(int((self.root / "pid").read_text()), 15)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--prefix", type=pathlib.Path, required=True)
    parser.add_argument("--ahead", action="store_true", help="each tool is a declared program, and runs ahead")
    options = parser.parse_args()
    found = {tool: shutil.which(tool, path="/usr/local/bin:/usr/bin:/bin") for tool in TOOLS}
    passed, failed = 0, 0
    for tool in (tool for tool, path in found.items() if path is None):
        print(f"{tool}: not installed")
        failed += os.environ.get("CI") == "true"
    with tempfile.TemporaryDirectory(prefix="pml-tools-") as name:
        paths = {tool: path for tool, path in found.items() if path}
        service = Service(options.prefix.resolve(), pathlib.Path(name), paths, options.ahead)
        try:
            for tool, path in paths.items():
                same, text = service.compare(tool, path, TOOLS[tool])
                passed, failed = passed + same, failed + (not same)
                print(text, flush=True)
        finally:
            service.stop()
    print(f"tools: {passed} same, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
