"""A fleet's snapshot in the Observer's words: one to one, with what is not known left out."""

from collections.abc import Iterable

from readpool.replica_class_messages import CLASS_TO_MESSAGE
from readpool.v1 import observer_pb2
from scaler.fleet.readers import find_requests
from scaler.fleet.request_figures import RequestFigures, compute_error_percent, compute_latency_p90, compute_rate
from scaler.fleet.snapshot import FleetSnapshot, Replica
from scaler.policy.policy import Bounds, Decision
from scaler.policy.remembered import Remembered
from scaler.probes.report import ClosedLedger
from scaler.standing.tip import Tip

_UINT32, _UINT64 = 2**32 - 1, 2**64 - 1


def build_snapshot_message(
    snapshot: FleetSnapshot, *, is_gone: bool = False, poll_interval_seconds: float = 0.0
) -> observer_pb2.Snapshot:
    """Build the message of one snapshot; `is_gone` marks the last one of a fleet, an interval of 0 tells none."""
    requests = find_requests(snapshot.replicas)
    return observer_pb2.Snapshot(
        fleet=snapshot.fleet,
        namespace=snapshot.namespace,
        sequence=snapshot.sequence,
        at=snapshot.at,
        network=snapshot.network or "",
        tip=_build_tip(snapshot.tip) if snapshot.tip else None,
        replicas=[_build_replica(replica, snapshot.network) for replica in snapshot.replicas],
        decision=_build_decision(snapshot.decision, snapshot.remembered),
        bounds=_build_bounds(snapshot.bounds),
        lag_threshold=snapshot.lag_threshold,
        gone=is_gone,
        poll_interval_seconds=poll_interval_seconds,
        checkpoint=_build_checkpoint(snapshot.checkpoint) if snapshot.checkpoint else None,
        network_protocol=snapshot.network_protocol,
        requests=None if requests is None else _build_requests(requests.values()),
    )


def _build_tip(tip: Tip) -> observer_pb2.Tip:
    return observer_pb2.Tip(ledger=_fit(tip.ledger, _UINT64), moved_at=tip.moved_at, halted=tip.is_halted)


def _build_checkpoint(closed: ClosedLedger) -> observer_pb2.Checkpoint:
    return observer_pb2.Checkpoint(ledger=closed.ledger, hash=closed.ledger_hash, closed_at=closed.closed_at)


def _build_replica(replica: Replica, network: str | None) -> observer_pb2.Replica:
    standing, report = replica.standing, replica.standing.report
    message = observer_pb2.Replica(
        name=replica.name,
        address=replica.address,
        since=standing.since,
        ledger=_fit(report.ledger, _UINT64) if report else None,
        lag=None if standing.current_lag_ledgers is None else _fit(standing.current_lag_ledgers, _UINT64),
        rate=standing.rate,
        seconds_to_fresh=standing.seconds_to_fresh,
        state=report.state if report else "",
        detail=standing.detail,
        observed_at=standing.observed_at,
        suspect=standing.is_suspect,
        started_on=report.started_on if report else None,
        of_another_network=report is not None and report.is_of_another(network),
        volume_used_percent=replica.volume_used_percent,
        core_protocol=report.protocol if report else None,
        core_too_old=standing.needs_protocol is not None,
        requests=None if replica.requests is None else _build_requests((replica.requests,)),
    )
    setattr(message, "class", CLASS_TO_MESSAGE[standing.replica_class])  # a keyword of this language
    return message


def _build_requests(figures: Iterable[RequestFigures]) -> observer_pb2.RequestFigures:
    known = tuple(figures)
    return observer_pb2.RequestFigures(
        requests_per_second=compute_rate(known),
        latency_p90_ms=compute_latency_p90(known),
        error_percent=compute_error_percent(known),
    )


def _build_decision(decision: Decision, remembered: Remembered | None) -> observer_pb2.Decision:
    return observer_pb2.Decision(
        desired_replicas=None if decision.desired is None else _fit(decision.desired),
        reason=decision.reason,
        message=decision.message,
        unhealthy=_fit(decision.unhealthy),
        catching_up=_fit(decision.catching_up),
        replicas_for_load=_fit(decision.replicas_for_load),
        learned_requests_per_replica=decision.learned_requests_per_replica,
        memory=None if remembered is None else _build_memory(remembered),
    )


def _build_memory(remembered: Remembered) -> observer_pb2.Memory:
    return observer_pb2.Memory(
        reported_at=remembered.reported_at,
        network=remembered.network or "",
        desired_replicas=_fit(remembered.asked),
        surplus_since=remembered.surplus_since,
        surplus_peak=_fit(remembered.surplus_peak),
        premature_scale_ins=_fit(remembered.premature_scale_ins),
        scaled_in_at=remembered.scaled_in_at,
        overloaded_at=remembered.overloaded_at,
        warm_up_seconds=remembered.warm_up_seconds,
        warm_ups=_fit(remembered.warm_ups),
        average_unhealthy=remembered.average_unhealthy,
        request_rate_known=remembered.request_rate_known,
    )


def _fit(number: int, most: int = _UINT32) -> int:
    """Fit a number into its field: what a gate makes of its readers is bounded by nothing, and ends no stream."""
    return max(0, min(number, most))


def _build_bounds(bounds: Bounds) -> observer_pb2.Bounds:
    return observer_pb2.Bounds(min_replicas=bounds.minimum, target_replicas=bounds.target, max_replicas=bounds.maximum)
