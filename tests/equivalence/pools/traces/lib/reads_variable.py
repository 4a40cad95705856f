"""Reads a variable that programs set before they import it."""

import os

READ = os.environ.get("TRACES_VARIABLE", "none")
