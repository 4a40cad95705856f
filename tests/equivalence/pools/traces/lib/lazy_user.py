import lazy_one

used = lazy_one.shift("x", "> ")
