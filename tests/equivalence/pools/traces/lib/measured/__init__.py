import os


def used():
    return 1


def unused():
    return os
