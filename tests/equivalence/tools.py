#!/usr/bin/python3
"""Runs real command-line tools cold and warm and compares output, status and the files they leave.

    tools.py --prefix DIR

DIR is where pml is installed. Tools that are not installed are named and left out (with CI=true that
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


def run(words, lines, root, environment):
    """What each line gave, and the files left; times and folders made alike."""
    folder = root / "work"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(root / ".cache", ignore_errors=True)
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    results, took = [], 0.0
    for line in lines:
        begin = time.monotonic()
        done = subprocess.run(["/bin/bash", "-c", line.replace("$T", words)], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        took += time.monotonic() - begin
        text = re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+|\w+ \w+ \d+ \d\d:\d\d:\d\d 20\d\d|rated at [^\n]*|-{20,}|\d+\.\d+ ?s(ec)?|in \d+\.\d+", b"TIME", done.stdout + b"\n--\n" + done.stderr)
        results.append((line, done.returncode, text))
    return results, files_below(folder), took


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--prefix", type=pathlib.Path, required=True)
    prefix = parser.parse_args().prefix.resolve()
    failed = passed = 0
    with tempfile.TemporaryDirectory(prefix="pml-tools-") as name:
        root = pathlib.Path(name)
        (root / "config/pml/profiles").mkdir(parents=True)
        (root / "run").mkdir(mode=0o700)
        (root / "config/pml/profiles/tools.toml").write_text(PROFILE)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": name, "LANG": "C.UTF-8",
                       "XDG_RUNTIME_DIR": str(root / "run"), "XDG_CONFIG_HOME": str(root / "config")}
        subprocess.run([prefix / "bin/pmld", "--profile", "tools", "-d", "-p", root / "pid"], env=environment, check=True)
        try:
            for tool, lines in TOOLS.items():
                path = shutil.which(tool, path="/usr/local/bin:/usr/bin:/bin")
                if path is None:
                    print(f"{tool}: not installed")
                    failed += os.environ.get("CI") == "true"
                    continue
                cold, cold_files, cold_time = run(f"/usr/bin/python3 {path}", lines, root, environment)
                warm, warm_files, warm_time = run(f"{prefix}/bin/pml --no-fallback -p tools {path}", lines, root, environment)
                same = cold == warm and cold_files == warm_files
                passed, failed = passed + same, failed + (not same)
                print(f"{tool}: {'same' if same else 'DIFFERS'}, {len(lines)} runs, cold {cold_time:.2f} s, warm {warm_time:.2f} s", flush=True)
                for (line, status, text), (_, warm_status, warm_text) in zip(cold, warm):
                    if (status, text) != (warm_status, warm_text):
                        print(f"  {line}\n  cold {status}: {text!r}\n  warm {warm_status}: {warm_text!r}")
                for file in sorted(cold_files.keys() | warm_files.keys()):
                    if cold_files.get(file) != warm_files.get(file):
                        print(f"  file {file} differs")
        finally:
            os.kill(int((root / "pid").read_text()), 15)
    print(f"tools: {passed} same, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
