"""Manifests of pools, and an Observer that says of them what it is told to."""
