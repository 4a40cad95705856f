"""Warns for who imports it, as imp does."""
import warnings

warnings.warn("of who imports it", DeprecationWarning, stacklevel=2)
