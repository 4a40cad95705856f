"""Prints how many forks a second a process with the modules named on its command line can do: fork, _exit in the child, wait.

It is the floor of what a zygote with those preloads can do, one worker after the other, without anything that makes a worker of a child.
"""

import gc
import importlib
import os
import sys
import time

for name in sys.argv[2:]:
    importlib.import_module(name)
gc.collect()
gc.freeze()
forks, begin, span = 0, time.monotonic(), float(sys.argv[1])
while time.monotonic() - begin < span:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    forks += 1
print(forks / (time.monotonic() - begin))
