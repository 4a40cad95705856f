"""What a program takes when all that it imports is there: its own work, in milliseconds.

    floor.py ROUNDS PROGRAM [ARG…]      prints a line for each round

A first run in a child tells the modules. They are imported here; then each round is a fork that runs the program.
"""

import importlib
import os
import runpy
import sys
import time
import warnings


def run(words, told=None):
    """In a child: as python3 PROGRAM, silent. The modules it had at its end are written to `told`."""
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    sys.argv = list(words)
    sys.path[0] = os.path.dirname(os.path.realpath(words[0]))
    try:
        runpy.run_path(words[0], run_name="__main__")
    except BaseException:  # an exit, for most
        pass
    if told is not None:
        os.write(told, "\n".join(sys.modules).encode())
    os._exit(0)


def modules_of(words):
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        run(words, writer)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        names = file.read().split("\n")
    os.waitpid(pid, 0)
    return names


def main():
    rounds, words = int(sys.argv[1]), sys.argv[2:]
    warnings.simplefilter("ignore")
    path = list(sys.path)
    sys.argv = list(words)  # some modules look at them when they are imported
    sys.path[0] = os.path.dirname(os.path.realpath(words[0]))
    for name in modules_of(words):
        if name == "__main__" or name in sys.modules:
            continue
        try:
            importlib.import_module(name)
        except BaseException:  # one that only makes sense in its program
            pass
    sys.path[:] = path
    for _ in range(rounds):
        began = time.perf_counter()
        if (pid := os.fork()) == 0:
            run(words)
        os.waitpid(pid, 0)
        print((time.perf_counter() - began) * 1000, flush=True)


if __name__ == "__main__":
    main()
