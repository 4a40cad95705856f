import threading

threading._register_atexit(print, "threads end")
