import os

MODE = os.environ.get("PKG_MODE", "none")
