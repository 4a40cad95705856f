"""Warns when it is imported, for itself and for who imports it."""
import warnings

import warned_of

warnings.warn("of warner", DeprecationWarning)
DONE = True
