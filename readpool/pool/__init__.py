"""The ReadOnlyPool as types: what it may hold, what it means when left out, and its schema for the API server.

Both programs read pools through here, and nothing here reads or writes one: manifests come in, manifests go out.
"""
