"""300 MB of small objects, as a program with large tables would have."""

import gc

gc.disable()
table = [(str(number), float(number), [number]) for number in range(1_090_000)]
gc.enable()
