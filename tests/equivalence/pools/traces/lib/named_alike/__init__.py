"""A function, and beside it a module of the same name that it does not import."""


def twin():
    return "the function"
