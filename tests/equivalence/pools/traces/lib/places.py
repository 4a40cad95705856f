"""Puts modules into sys.modules that nobody binds to their package, as gi does."""

import sys
import types

sys.modules["placed"] = types.ModuleType("placed")
sys.modules["placed.inner"] = types.ModuleType("placed.inner")
