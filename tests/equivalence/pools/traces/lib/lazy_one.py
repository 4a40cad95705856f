__lazy_modules__ = ["statistics", "textwrap", "lazy_source"]
import statistics
from textwrap import dedent, indent as shift
from lazy_source import value
