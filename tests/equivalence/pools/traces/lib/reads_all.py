"""Looks through all variables for those of its own."""
import os

MINE = sorted((name, value) for name, value in os.environ.items() if name.startswith("READS_ALL_"))
