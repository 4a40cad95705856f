"""Looks a variable up by bytes."""
import os

MINE = os.environb.get(b"READS_BYTES")
