"""Kubernetes Events of a pool: which are written, and the recorder that writes them."""
