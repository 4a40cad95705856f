import ctypes
import types

TP_REPR = 88


def slot(kind):
    return ctypes.c_void_p.from_address(id(kind) + TP_REPR)


slot(types.ModuleType).value = slot(object).value
