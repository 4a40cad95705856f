"""Has a module imported a second time, and puts the first one back."""
import sys

import wsgiref.util

first = sys.modules.pop("wsgiref.util")
import wsgiref.util as second

sys.modules["wsgiref.util"] = first
wsgiref.util = first
