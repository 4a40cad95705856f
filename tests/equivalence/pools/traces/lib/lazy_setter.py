import sys

getattr(sys, "set_lazy_imports", str)("all")
