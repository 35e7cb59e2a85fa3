"""How nodes are asked: how often, for how long, where to, and how many at most. Read by everything that fetches."""

from dataclasses import dataclass

from readpool.addresses import ANY_NETWORK, NetworkRules
from scaler.triggers.fleet_spec import Reference


@dataclass(frozen=True, slots=True)
class PollSettings:
    """Settings of one scaler process.

    Attributes:
        interval_seconds: each node is polled once in this time; a ledger closes about every 5 s.
        connect_seconds: a connection that takes longer is given up.
        total_seconds: a whole poll that takes longer is given up; never longer than the interval.
        allow_loopback: nodes and references of triggers may be at loopback addresses.
        networks: where nodes and references of triggers may be.
        dns_server: IP address and port of the server to ask, None for the system's.
        cluster_domain: the last part of a Service's DNS name.
        references: the operator's own; evidence for every fleet.
        archive_seconds: archives move once in 64 ledgers, so they are asked this seldom.
        lease_seconds: a fleet without a question in this time and without a stream is dropped.
        max_fleets: fleets at once; a trigger for one more is refused.
        max_members: replicas of one fleet.
        max_nodes: nodes polled by this process.
        max_references: references polled by this process.
        caller_fleets, caller_nodes, caller_references: of these, those that one caller is the first to ask for.
        namespace_fleets, namespace_nodes, namespace_references: of these again, those of one namespace.
    """

    interval_seconds: float = 5.0
    connect_seconds: float = 2.0
    total_seconds: float = 4.0
    allow_loopback: bool = False
    networks: NetworkRules = ANY_NETWORK
    dns_server: tuple[str, int] | None = None
    cluster_domain: str = "cluster.local"
    references: tuple[Reference, ...] = ()
    archive_seconds: float = 60.0
    lease_seconds: float = 600.0
    max_fleets: int = 10_000
    max_members: int = 5_000
    max_nodes: int = 20_000
    max_references: int = 500
    caller_fleets: int = 5_000
    caller_nodes: int = 10_000
    caller_references: int = 250
    namespace_fleets: int = 1_000
    namespace_nodes: int = 5_000
    namespace_references: int = 50

    def __post_init__(self) -> None:
        """Refuse settings under which a node would be asked without end or never."""
        for name in ("interval_seconds", "connect_seconds", "total_seconds", "archive_seconds", "lease_seconds"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value!r}; it must be a positive number of seconds")

    @property
    def remembered_seconds(self) -> float:
        """Seconds for which one observation of a node counts: three polls, and a little for those that take long."""
        return 3 * self.interval_seconds + 5.0

    @property
    def deadline_seconds(self) -> float:
        """Seconds that one poll may take: less than the interval, so that polls of a node never overlap."""
        return min(self.total_seconds, self.interval_seconds * 0.8)
