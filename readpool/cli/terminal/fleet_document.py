"""A fleet as the scaler sees it, as a document for programs: docs/cli.md names the fields. Pure."""

from typing import Any

from readpool.cli.terminal.fleet_table import is_lag_known
from readpool.cli.terminal.request_cells import read_requests
from readpool.replica_class_messages import parse_class
from readpool.timestamps import format_time
from readpool.v1 import observer_pb2 as pb


def describe_fleet(snapshot: pb.Snapshot) -> dict[str, Any]:
    """Describe a fleet; what is not known is null, and times are RFC 3339."""
    decision, bounds = snapshot.decision, snapshot.bounds
    has_bounds = bool(bounds.max_replicas)
    tip = {
        "ledger": snapshot.tip.ledger,
        "movedAt": format_time(snapshot.tip.moved_at),
        "halted": snapshot.tip.halted,
    }
    return {
        "name": snapshot.fleet,
        "namespace": snapshot.namespace,
        "observedAt": format_time(snapshot.at),
        "networkPassphrase": snapshot.network or None,
        "tip": tip if snapshot.HasField("tip") else None,
        "desiredReplicas": decision.desired_replicas if decision.HasField("desired_replicas") else None,
        "reason": decision.reason,
        "message": decision.message,
        "learnedRequestsPerReplica": decision.learned_requests_per_replica
        if decision.HasField("learned_requests_per_replica")
        else None,
        "requests": describe_figures(snapshot),
        "minReplicas": bounds.min_replicas if has_bounds else None,
        "targetReplicas": bounds.target_replicas if has_bounds else None,
        "maxReplicas": bounds.max_replicas if has_bounds else None,
        "lagThreshold": snapshot.lag_threshold,
        "observed": not snapshot.gone,
        "replicas": [describe_replica(replica) for replica in snapshot.replicas],
    }


def describe_replica(replica: pb.Replica) -> dict[str, Any]:
    """Describe one replica of a fleet."""

    def read(name: str) -> Any:
        return getattr(replica, name) if replica.HasField(name) else None  # type: ignore[arg-type]  # names of fields

    observed_at = read("observed_at")
    return {
        "name": replica.name,
        "address": replica.address,
        "class": str(parse_class(getattr(replica, "class"))),
        "since": format_time(replica.since),
        "ledger": read("ledger"),
        "lag": replica.lag if is_lag_known(replica) else None,
        "ledgersPerSecond": read("rate"),
        "secondsToFresh": read("seconds_to_fresh"),
        "state": replica.state,
        "detail": replica.detail,
        "observedAt": None if observed_at is None else format_time(observed_at),
        "volumeUsedPercent": read("volume_used_percent"),
        "requests": describe_figures(replica),
    }


def describe_figures(told: pb.Snapshot | pb.Replica) -> dict[str, Any] | None:
    """Describe what readers met with; None where no gate reports it."""
    if not told.HasField("requests"):
        return None
    requests = read_requests(told)
    return {
        "perSecond": requests.per_second,
        "latencyP90Milliseconds": requests.p90_ms,
        "errorPercent": requests.error_percent,
    }
