"""Free ports for programs that cannot be told to choose one themselves.

A port that the kernel gives (bind to 0) and that is let go again may go to an outgoing connection, or to another test,
before the program that it is meant for listens on it. Those given here are below the kernel's own range, and each is
leased to this process until it ends, by an abstract socket that no other process of the network namespace can bind.
"""

import contextlib
import random
import socket
import sys

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
        if _lease(port):
            return port
    raise OSError(f"no free port among {_TRIES} tried of {CANDIDATES.start} to {CANDIDATES.stop - 1}")


def _lease(port: int) -> bool:
    """Lease a port, if it is free."""
    with contextlib.ExitStack() as held:
        try:
            if sys.platform == "linux":
                lease = held.enter_context(socket.socket(socket.AF_UNIX))
                lease.bind(f"\0readpool-port-{port}")
            probe = held.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what lingers of a connection does not matter
            probe.bind(("", port))
        except OSError:
            return False
        if sys.platform == "linux":
            lease.detach()  # open as long as the process is
    return True
