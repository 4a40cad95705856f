"""Uses classes of others when it is imported."""
import abc
import enum
import pathlib
import string


class Base(abc.ABC):
    pass


class Own(string.Formatter):
    pass


class Kind(enum.Enum):
    ONE = 1
    TWO = 2


PLACE = pathlib.PurePath("a", "b").as_posix()
COUNT = len(Kind)
