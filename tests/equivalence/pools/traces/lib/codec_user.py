text = b"\xe1".decode("cp1250")
