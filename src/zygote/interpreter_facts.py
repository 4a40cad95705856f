"""Run by an interpreter: the end of its modules' names, the folder of its headers, and why no module can be made for it.

The word is the header that says which versions are known. Three lines; the last is empty where a module can be made.
"""

import os
import re
import sys


def main(header):
    try:
        import sysconfig
    except ImportError:
        return "", "", "has no sysconfig"
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ""
    folder = sysconfig.get_path("include") or ""
    with open(header) as text:
        bounds = dict(re.findall(r"k_(oldest|newest)_minor = (\d+)", text.read()))
    implementation = getattr(sys, "implementation", None)
    flags = getattr(sys, "abiflags", "")
    version = "%d.%d" % sys.version_info[:2]
    why = ""
    if implementation is None or implementation.name != "cpython":
        why = "is no CPython"
    elif sys.version_info[0] != 3 or not int(bounds["oldest"]) <= sys.version_info[1] <= int(bounds["newest"]):
        why = "is CPython %s, which this pml does not know" % version
    elif "t" in flags:
        why = "is a free-threaded build"
    elif "d" in flags or hasattr(sys, "gettotalrefcount"):
        why = "is a debug build"
    elif not suffix.endswith(".so"):
        why = "loads no modules from files"
    elif not all(os.path.exists(os.path.join(folder, name)) for name in ("Python.h", "internal/pycore_runtime.h")):
        why = "has no headers in %s" % folder
    return suffix, folder, why


print("\n".join(main(sys.argv[1])))
