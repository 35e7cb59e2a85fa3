"""A real single-node Kubernetes with KEDA, built from pinned sources and run in a network namespace of its own.

`python -m devtools.cluster up` is the door; docs/cluster.md explains it.
"""
