"""Free ports for programs that cannot be told to choose one themselves.

A port that the kernel gives (bind to 0) and that is let go again may go to an outgoing connection, or to another test,
before the program that it is meant for listens on it. Those given here are below the kernel's own range, and each is
leased to this process until it ends.
"""

import random

from readpool.simulator.port_leases import lease_port

CANDIDATES = range(12_000, 20_000)
"""Below what the kernel gives to outgoing connections, and below what CoreNetwork takes for its nodes."""
_TRIES = 500


def take_ports(count: int) -> list[int]:
    """Return ports that nothing listens on, at any address, and that no other process is given while this one lives.

    Raises:
        OSError: when none of many that were tried is free.
    """
    return [take_port() for _ in range(count)]


def take_port() -> int:
    """Return one such port."""
    for port in random.sample(CANDIDATES, _TRIES):
        lease = lease_port(port)
        if lease is not None:
            lease.detach()  # open as long as the process is
            return port
    raise OSError(f"no free port among {_TRIES} tried of {CANDIDATES.start} to {CANDIDATES.stop - 1}")
