"""What the live page is told: snapshots to small JSON texts. Pure; event_stream.py sends them.

A summary says how a fleet is, and how much it wants to be looked at; the details add each replica. Whatever a node said
of itself is cut and cleaned here, and the page shows it as text only.
"""

import json
from collections.abc import Iterable, Mapping
from enum import IntEnum
from math import isfinite
from typing import Any

from readpool.replica_class import ReplicaClass
from scaler.fleet.readers import find_requests
from scaler.fleet.request_figures import RequestFigures, compute_error_percent, compute_latency_p90, compute_rate
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.standing.tip import Tip
from scaler.telemetry.history import LagSeries
from scaler.telemetry.size_history import Size
from scaler.telemetry.snapshot_values import MAX_NAME, MAX_WORDS, clean_words

_WERE_FRESH = frozenset({ReplicaClass.FRESH, ReplicaClass.LAGGING})
_ODD = frozenset({ReplicaClass.LAGGING, ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN})


class Health(IntEnum):
    """How a fleet is, the worst highest: the page's order, and its word."""

    FRESH = 0
    """As many fresh replicas as wanted, and none that is in trouble."""
    RECOVERING = 1
    """Replicas are missing to the target, and all that are not fresh are on their way."""
    DEGRADED = 2
    """A replica lags, does not answer or is on another network, or too few are there."""
    STALLED = 3
    """The network's tip has not moved for some ledgers' time."""
    HALTED = 4
    """The network's tip stands still; nothing scales."""
    NO_DATA = 5
    """Nothing can be decided, and KEDA is told to hold."""
    NONE_FRESH = 6
    """Readers have no fresh replica to go to."""


def compute_health(snapshot: FleetSnapshot) -> Health:
    """Return a fleet's health: the first that applies, ordered by how much it explains."""
    tip, counts, target = snapshot.tip, snapshot.counts, snapshot.bounds.target
    fresh, on_their_way = counts[ReplicaClass.FRESH], counts[ReplicaClass.CATCHING_UP] + counts[ReplicaClass.UNKNOWN]
    checks = (
        (Health.HALTED, tip is not None and tip.is_halted),
        (Health.NO_DATA, snapshot.decision.desired is None),
        (Health.NONE_FRESH, fresh == 0 < target),
        (Health.STALLED, tip is not None and tip.is_stalled),
        (Health.DEGRADED, any(counts[odd] for odd in _ODD)),
        (Health.FRESH, fresh >= target),
        (Health.RECOVERING, fresh + on_their_way >= target),
    )
    return next((health for health, holds in checks if holds), Health.DEGRADED)


def build_summary(snapshot: FleetSnapshot) -> dict[str, Any]:
    """Build what a row of the page shows of one fleet. Times are Unix seconds, lag is in ledgers."""
    decision, bounds = snapshot.decision, snapshot.bounds
    # One that has never been fresh is as far behind as its archive is long, which is nobody's fault.
    were_fresh = (one for one in snapshot.replicas if one.standing.replica_class in _WERE_FRESH)
    lags = (one.standing.current_lag_ledgers for one in were_fresh)
    known_lags = [lag for lag in lags if lag is not None]
    requests = find_requests(snapshot.replicas)
    return {
        "name": snapshot.fleet,
        "at": snapshot.at,
        "network": clean_words(snapshot.network, MAX_WORDS) if snapshot.network else None,
        "health": compute_health(snapshot).name.lower(),
        "level": int(compute_health(snapshot)),
        "tip": build_tip(snapshot.tip),
        "desired": decision.desired,
        "reason": decision.reason,
        "message": clean_words(decision.message, MAX_WORDS * 2),
        "known": len(snapshot.replicas),
        "counts": {replica_class.value: snapshot.counts[replica_class] for replica_class in ReplicaClass},
        "bounds": [bounds.minimum, bounds.target, bounds.maximum],
        "threshold": snapshot.lag_threshold,
        "maxLag": max(known_lags, default=None),
        "requests": None if requests is None else _build_requests(requests.values()),
        "learned": _finite(decision.learned_requests_per_replica, 1),
        "forLoad": decision.replicas_for_load,
    }


def build_tip(tip: Tip | None) -> dict[str, Any] | None:
    """Build the tip: its ledger, when it moved (Unix seconds), and whether it moves, is stalled or halted."""
    if tip is None:
        return None
    state = "halted" if tip.is_halted else "stalled" if tip.is_stalled else "moving"
    return {"ledger": tip.ledger, "movedAt": tip.moved_at, "state": state}


def build_details(snapshot: FleetSnapshot) -> dict[str, Any]:
    """Build every replica of one fleet, in the snapshot's order."""
    replicas = [_build_replica(replica) for replica in snapshot.replicas]
    return {"name": snapshot.fleet, "at": snapshot.at, "replicas": replicas}


def build_history(fleet: str, series: LagSeries, sizes: Iterable[Size] = ()) -> dict[str, Any]:
    """Build the lag of each replica over the last minutes, in ledgers, one value for each time; and the sizes."""
    lags = {clean_words(name, MAX_NAME): values for name, values in series.lags.items()}
    rows = [[round(one.at, 1), one.desired, one.known, one.fresh, one.reason] for one in sizes]
    return {"name": fleet, "times": [round(at, 1) for at in series.times], "lags": lags, "sizes": rows}


def build_size(snapshot: FleetSnapshot) -> Size:
    """Build what the record of sizes keeps of a snapshot."""
    decision, counts = snapshot.decision, snapshot.counts
    known, fresh = len(snapshot.replicas), counts[ReplicaClass.FRESH]
    return Size(snapshot.at, decision.desired, known, fresh, decision.reason)


def encode_summary(snapshot: FleetSnapshot) -> str:
    """Encode one fleet's summary, to be told to many by `join_summaries`."""
    return _encode(build_summary(snapshot))


def join_summaries(now: float, summaries: Iterable[str]) -> bytes:
    """Make one event of encoded summaries. `now` is Unix time in seconds: the page's own clock may be wrong."""
    return f'event: fleets\ndata: {{"now":{now:.3f},"fleets":[{",".join(summaries)}]}}\n\n'.encode("ascii")


def encode_event(event: str, data: Mapping[str, Any]) -> bytes:
    """Encode one server-sent event. JSON in ASCII has no raw line break, so no word of a node can end the event."""
    return f"event: {event}\ndata: {_encode(data)}\n\n".encode("ascii")


def _encode(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def _build_replica(replica: Replica) -> dict[str, Any]:
    standing, report = replica.standing, replica.standing.report
    return {
        "name": clean_words(replica.name, MAX_NAME),
        "address": clean_words(replica.address, MAX_WORDS),
        "class": standing.replica_class.value,
        "since": standing.since,
        "ledger": report.ledger if report else None,
        "lag": standing.current_lag_ledgers,
        "rate": _finite(standing.rate, 3),
        "toFresh": _finite(standing.seconds_to_fresh, 0),
        "state": clean_words(report.state, MAX_WORDS) if report else "",
        "detail": clean_words(standing.detail, MAX_WORDS),
        "observedAt": standing.observed_at,
        "failedPolls": standing.failed_polls,
        "requests": None if replica.requests is None else _build_requests((replica.requests,)),
    }


def _build_requests(figures: Iterable[RequestFigures]) -> dict[str, Any]:
    """Build what readers met with: requests/s, the time of nine in ten in milliseconds, and failures in per cent."""
    known = tuple(figures)
    return {
        "rate": _finite(compute_rate(known), 2),
        "p90": _finite(compute_latency_p90(known), 1),
        "errors": _finite(compute_error_percent(known), 2),
    }


def _finite(value: float | None, digits: int) -> float | None:
    return round(value, digits) if value is not None and isfinite(value) else None
