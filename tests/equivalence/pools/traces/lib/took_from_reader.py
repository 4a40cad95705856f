"""Takes what another has read."""

from reads_variable import READ  # noqa: F401
