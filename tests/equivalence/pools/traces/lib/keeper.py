class Keeper:
    known = []
    table = {}

    def __init_subclass__(cls):
        Keeper.known.append(cls.__name__)


REGISTERED = []
