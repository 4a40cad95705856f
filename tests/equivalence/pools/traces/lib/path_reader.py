import sys

PATH = list(sys.path)
