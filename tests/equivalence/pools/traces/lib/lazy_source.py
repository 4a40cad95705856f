value = ["of lazy_source"]
