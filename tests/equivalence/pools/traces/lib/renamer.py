import sys

import plain

for name in [name for name in sys.modules if name.split(".")[0] == "plain"]:
    sys.modules["renamer." + name] = sys.modules[name]
