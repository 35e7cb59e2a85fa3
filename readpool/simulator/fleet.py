"""A StatefulSet-like fleet of simulated nodes on real sockets: what the demo, the tests and the benches talk to.

Wires the pure model (network, nodes) to time, to command ports and to a DNS server for the fleet's headless Service.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from readpool.simulator.clock import SimClock
from readpool.simulator.core_info import render_info
from readpool.simulator.dns import DnsServer, ServiceName, start_dns
from readpool.simulator.network import Network, NetworkSettings
from readpool.simulator.node import Node, NodeSettings, Phase
from readpool.simulator.serving import NodeServer
from readpool.simulator.stateful_fleet import StatefulFleet

FIRST_HOST = IPv4Address("127.0.0.2")


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What a simulated fleet is made of.

    Attributes:
        name: of the StatefulSet and of its headless Service; its pods are NAME-0, NAME-1 and so on.
        nodes: how many begin, all in step with the network.
        speed: simulated seconds a real second.
        start: simulated Unix seconds at which it begins; now on the wall when None.
        base_port: NAME-0 listens on this port of 127.0.0.1, NAME-1 on the next; 0: each on a free one.
        shared_port: instead, all listen on this port, NAME-0 on 127.0.0.2, NAME-1 on 127.0.0.3 and so on.
        busy_latency_seconds: how long a node at full utilization takes to answer, in real seconds.
        restart_seconds: simulated seconds between a process's end and its next start.
    """

    name: str = "pool"
    namespace: str = "default"
    nodes: int = 5
    speed: float = 1.0
    start: float | None = None
    network: NetworkSettings = field(default_factory=NetworkSettings)
    node: NodeSettings = field(default_factory=NodeSettings)
    base_port: int = 0
    shared_port: int = 0
    port_name: str = "http"
    busy_latency_seconds: float = 0.0
    restart_seconds: float = 1.0


class SimulatedFleet(StatefulFleet):
    """A `StatefulFleet` of simulated nodes, with the faults that only a simulation has. Made by `start_fleet`."""

    def __init__(self, settings: FleetSettings) -> None:
        self.settings = settings
        self.clock = SimClock(settings.speed, settings.start)
        now = self.clock()
        self.ledgers = Network(settings.network, now)
        self._nodes: dict[str, Node] = {}
        self._servers: dict[str, NodeServer] = {}
        self._addresses: dict[str, str] = {}
        self._dns: list[DnsServer] = []
        try:
            for _ in range(settings.nodes):
                self._add(now, fresh=False)
        except BaseException:
            self._close_servers()
            raise

    @property
    def network(self) -> str:
        """The passphrase of its network."""
        return self.settings.network.passphrase

    def names(self) -> tuple[str, ...]:
        """Name its nodes, NAME-0 first."""
        return tuple(self._nodes)

    def addresses(self) -> Mapping[str, str]:
        """Map each name to its command port, `http://127.0.0.1:PORT`."""
        return dict(self._addresses)

    def node(self, name: str) -> Node:
        """Look a node up, brought to now.

        Raises:
            KeyError: for a name that is not in the fleet.
        """
        if name not in self._nodes:
            raise KeyError(f"{name!r} is not in the fleet; it has {', '.join(self._nodes) or 'no nodes'}")
        node = self._nodes[name]
        node.advance(self.clock())
        return node

    def tip(self) -> int:
        """Name the network's newest ledger."""
        return self.ledgers.tip(self.clock())

    async def scale(self, count: int) -> None:
        """Make it `count` nodes: newcomers have nothing and must catch up, the highest ordinals end permanently."""
        if count < 0:
            raise ValueError(f"count is {count!r}; it must be 0 or more")
        while len(self._nodes) > count:
            name = next(reversed(self._nodes))
            self._servers.pop(name).close()
            del self._nodes[name], self._addresses[name]
        now = self.clock()
        while len(self._nodes) < count:
            self._add(now, fresh=True)

    async def stop(self, name: str) -> None:
        """Stop a node as SIGSTOP does: the kernel still accepts connections, no process answers."""
        self.node(name).stop(self.clock())
        self._servers[name].stop()

    async def resume(self, name: str) -> None:
        """Resume a stopped node, as SIGCONT does: it lags, then catches up."""
        self.node(name).resume(self.clock())
        self._servers[name].resume()

    async def restart(self, name: str) -> None:
        """End a node's process and start it again `restart_seconds` later, with its database kept."""
        await self.die(name)
        await asyncio.sleep(self.clock.real_seconds(self.settings.restart_seconds))
        await self.revive(name)

    async def halt(self) -> None:
        """Halt the whole network: every node answers, no ledger closes."""
        self.ledgers.halt(self.clock())

    async def unhalt(self) -> None:
        """Make a halted network close ledgers again."""
        self.ledgers.resume(self.clock())

    async def die(self, name: str) -> None:
        """End a node's process: its port refuses."""
        self.node(name).die(self.clock())
        self._servers[name].refuse()

    async def revive(self, name: str) -> None:
        """Start the process of a dead node with its database. One that runs is left alone."""
        node = self.node(name)
        if node.phase is Phase.DEAD:
            node.start(self.clock())
            self._servers[name].relisten()

    async def hang(self, name: str) -> None:
        """Make a node follow the network and accept, but never answer."""
        self.node(name)
        self._servers[name].hang()

    async def unhang(self, name: str) -> None:
        """Make a hanging node answer again."""
        self.node(name)
        self._servers[name].unhang()

    async def load(self, name: str, utilization: float) -> None:
        """Set the share of a node, 0 to 1, that readers use; at 1 it applies no ledger, at 0 it is idle."""
        self.node(name).set_utilization(utilization, self.clock())

    async def lie(self, name: str, lead_ledgers: int) -> None:
        """Make a node claim to be so many ledgers ahead of where it is; 0 ends it."""
        self.node(name).claimed_lead = lead_ledgers

    async def defect(self, name: str, passphrase: str) -> None:
        """Make a node say that it is on another network; the fleet's own passphrase brings it back."""
        self.node(name).passphrase = passphrase

    async def start_dns(self, port: int = 0, cluster_domain: str = "cluster.local") -> DnsServer:
        """Start a DNS server for the fleet's headless Service; it is closed with the fleet."""
        one = self.settings
        service = ServiceName(one.name, one.namespace, cluster_domain, one.port_name)
        server = await start_dns(service, self._endpoints, port)
        self._dns.append(server)
        return server

    async def close(self) -> None:
        """Close every port. Twice is once."""
        self._close_servers()
        for server in self._dns:
            await server.close()
        self._dns.clear()

    def _endpoints(self) -> Mapping[str, tuple[str, int]]:
        return {name: (server.host, server.port) for name, server in self._servers.items()}

    def _add(self, now: float, *, fresh: bool) -> None:
        ordinal = len(self._nodes)
        name = f"{self.settings.name}-{ordinal}"
        node = Node(name, self.ledgers, self.settings.node, now, fresh=fresh)
        server = NodeServer(
            lambda: render_info(node.info(self.clock())),
            lambda: node.utilization * self.settings.busy_latency_seconds,
        )
        if self.settings.shared_port:
            server.listen(str(FIRST_HOST + ordinal), self.settings.shared_port)
        else:
            server.listen(port=self.settings.base_port and self.settings.base_port + ordinal)
        self._nodes[name], self._servers[name] = node, server
        self._addresses[name] = f"http://{server.host}:{server.port}"

    def _close_servers(self) -> None:
        for server in self._servers.values():
            server.close()


async def start_fleet(settings: FleetSettings | None = None) -> SimulatedFleet:
    """Start a simulated fleet in this event loop.

    Raises:
        OSError: when a port that was asked for is taken.
    """
    return SimulatedFleet(settings or FleetSettings())
