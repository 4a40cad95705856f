"""Other names for modules, which a finder that stays finds, as six.moves."""

import importlib
import importlib.machinery
import sys
import types

MOVED = {"rows": "queue", "digits": "numbers"}


class Moves(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name not in MOVED:
            raise AttributeError(name)
        setattr(self, name, importlib.import_module(MOVED[name]))
        return getattr(self, name)


class Finder:
    def find_spec(self, name, path=None, target=None):
        first, _, last = name.rpartition(".")
        known = name == __name__ + ".moves" or (first == __name__ + ".moves" and last in MOVED)
        return importlib.machinery.ModuleSpec(name, self) if known else None

    def create_module(self, spec):
        last = spec.name.rpartition(".")[2]
        return Moves(spec.name) if last == "moves" else importlib.import_module(MOVED[last])

    def exec_module(self, module):
        pass


__path__ = []
sys.meta_path.append(Finder())
moves = Moves(__name__ + ".moves")
