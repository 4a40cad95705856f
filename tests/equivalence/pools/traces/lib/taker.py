import os
import threading
from time import sleep

LOCK = threading.RLock()
JOIN = os.path.join
