"""One parser a kind of node: bytes of an answer to a NodeReport. Whatever the bytes are, they parse or raise ProbeError."""
