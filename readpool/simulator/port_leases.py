"""Leases of ports, for programs that are told which port to listen on before they do.

A port that was found free may be taken by another process by the time it is used. Of all processes that lease ports
here, one holds a port: by an abstract socket that no other process of the network namespace can bind.
"""

import socket
import sys


def lease_port(port: int) -> socket.socket | None:
    """Lease a TCP port that nothing listens on at any address; None where it is taken or leased.

    The lease lasts until the socket that is returned is closed, or this process ends; programs that this process
    starts do not inherit it.
    """
    lease = socket.socket(socket.AF_UNIX)
    try:
        if sys.platform == "linux":
            lease.bind(f"\0readpool-port-{port}")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what lingers of a connection does not matter
            probe.bind(("", port))
    except OSError:
        lease.close()
        return None
    return lease
