__lazy_modules__ = ["textwrap"]
import pprint
import textwrap as wrapping
import json
from textwrap import dedent
