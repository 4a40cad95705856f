import time

BORN = time.time()
