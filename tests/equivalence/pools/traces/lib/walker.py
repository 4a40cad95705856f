import sys
import types

class Lazy(types.ModuleType):
    def __getattribute__(self, name):
        if name == "__spec__":
            import stringprep  # noqa: F401
        return types.ModuleType.__getattribute__(self, name)

sys.modules["walker.lazy"] = Lazy("walker.lazy")
import _heapq
