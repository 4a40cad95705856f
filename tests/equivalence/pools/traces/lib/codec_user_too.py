text = b"\xe1".decode("cp1250").encode("mac-latin2")
