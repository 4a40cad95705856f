from fnmatch import fnmatch

from mover.moves import digits
from mover.moves.rows import Queue
