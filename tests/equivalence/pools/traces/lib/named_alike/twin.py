"""Imported by itself, it takes the place of the function."""

NAME = "the module"
