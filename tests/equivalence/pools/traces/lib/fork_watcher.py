import os

CALLS = []
os.register_at_fork(before=lambda: CALLS.append("before"), after_in_child=lambda: os.write(2, b"child of a watcher\n"),
                    after_in_parent=lambda: os.write(1, b"parent\n"))
