"""Which replicas do readers reach, and is it known of each what they ask? Pure; asked by the fleet and the metrics."""

from collections.abc import Sequence

from readpool.replica_class import ReplicaClass
from scaler.fleet.request_figures import RequestFigures
from scaler.fleet.snapshot import Replica

FAILING_PERCENT = 5.0
"""From this share of failed answers on a replica is asked for more than it can give."""


def list_serving(replicas: Sequence[Replica]) -> list[Replica]:
    """List the replicas that readers reach: fresh and lagging ones, or if there are none, those that catch up."""
    serving = [one for one in replicas if one.standing.replica_class in (ReplicaClass.FRESH, ReplicaClass.LAGGING)]
    return serving or [one for one in replicas if one.standing.replica_class is ReplicaClass.CATCHING_UP]


def find_requests(replicas: Sequence[Replica]) -> dict[str, RequestFigures] | None:
    """Find the figures of each replica that tells them; None unless all that serve do: a part of the load is none."""
    serving = list_serving(replicas)
    if not serving or any(one.requests is None for one in serving):
        return None
    return {one.name: one.requests for one in replicas if one.requests is not None}


def find_rates(replicas: Sequence[Replica]) -> dict[str, float] | None:
    """Find the requests/s of each replica that tells them, as `find_requests` does."""
    requests = find_requests(replicas)
    return None if requests is None else {name: one.requests_per_second for name, one in requests.items()}


def find_failing(replicas: Sequence[Replica]) -> frozenset[str]:
    """Find the replicas that fail their readers: their requests exceed their capacity."""
    told = ((one.name, one.requests) for one in replicas if one.requests is not None)
    return frozenset(name for name, requests in told if requests.error_percent >= FAILING_PERCENT)
