"""Snapshots of volumes: when one is taken, what became of it, its object. Pure."""
