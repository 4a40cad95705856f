import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        return None

finder = Finder()
sys.meta_path.insert(0, finder)
import colorsys
sys.meta_path.insert(0, finder)
import chunk
sys.meta_path.remove(finder)
import sndhdr
sys.meta_path.remove(finder)
