import circle_first

SECOND = getattr(circle_first, "FIRST", None)
