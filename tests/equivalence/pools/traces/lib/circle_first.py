import circle_second

FIRST = 1
