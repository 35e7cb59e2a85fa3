"""A pool's day in a fraction of a second: traffic, faults, replicas that slow each other. The policy's proving ground.

No sockets and no clock: steps of one ledger, deterministic from a seed. docs/policy.md says why each number is what it
is.
"""
