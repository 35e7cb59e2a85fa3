"""A cable between the nodes of two clusters of ours: pods of each reach pods and Services of the other by address.

As networks that are routed to each other: nothing translates an address. Each needs a place of its own (addresses.py).
"""

import contextlib
import itertools
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devtools.cluster.addresses import Addresses
from devtools.cluster.instance import Instance
from devtools.cluster.namespaces import Namespaces

LINK = "link0"
_ENDS = "10.125.0.1", "10.125.0.2"
_PREFIX = 30


@dataclass(frozen=True, slots=True)
class ClusterLink:
    """The cable, as seen from the first of the two."""

    near: Namespaces

    def cut(self, ports: Sequence[int]) -> None:
        """Lose every packet of the first cluster's pods to, and from, these TCP ports of the other."""
        self._filter(ports, "--insert")

    def mend(self, ports: Sequence[int]) -> None:
        """Remove the rules."""
        self._filter(ports, "--delete")

    def _filter(self, ports: Sequence[int], change: str) -> None:
        ends = ("--out-interface", "--destination-port"), ("--in-interface", "--source-port")
        for port, (interface, end) in itertools.product(ports, ends):
            rule = (change, "FORWARD", interface, LINK, "--protocol", "tcp", end, str(port), "--jump", "DROP")
            _run(self.near.enter_network("iptables", "--wait", *rule))


@contextlib.contextmanager
def link_clusters(near: Instance, far: Instance) -> Iterator[ClusterLink]:
    """Connect two clusters that are up while the block runs.

    Raises:
        ValueError: when both have the same addresses.
        RuntimeError: when a command fails; says what it said.
    """
    addresses = near.folders.addresses, far.folders.addresses
    if addresses[0].place == addresses[1].place:
        raise ValueError(f"{near.name} and {far.name} have the addresses of one place, {addresses[0].place}")
    ends = near.namespaces, far.namespaces
    cable = ("ip", "link", "add", LINK, "type", "veth", "peer", "name", LINK, "netns", str(ends[1].first.pid))
    _run(ends[0].enter_network(*cable))
    try:
        _connect(ends[0], _ENDS[0], _ENDS[1], addresses[1])
        _connect(ends[1], _ENDS[1], _ENDS[0], addresses[0])
        yield ClusterLink(ends[0])
    finally:
        if ends[0].is_alive:
            _run(ends[0].enter_network("ip", "link", "delete", LINK))


def _connect(end: Namespaces, own: str, other: str, reached: Addresses) -> None:
    _run(end.enter_network("ip", "address", "add", f"{own}/{_PREFIX}", "dev", LINK))
    _run(end.enter_network("ip", "link", "set", LINK, "up"))
    for subnet in (reached.first.pods, reached.first.services):
        _run(end.enter_network("ip", "route", "add", subnet, "via", other))


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
