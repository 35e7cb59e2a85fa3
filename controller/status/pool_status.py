"""What does status say of a pool? Counts and classes at once, numbers as often as updateIntervalSeconds allows.

While the scaler cannot be heard, its last numbers stay, with the time that they are from.
"""

import re
from collections.abc import Mapping, Sequence

from controller.observed.labels import build_selector
from controller.observed.observed import FleetView, ObservedPool
from controller.observed.scaler_clock import read_scaler_clock
from controller.replicas.replicas import Replica
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import Condition, PoolStatus, ReplicaWeight, ShardOfReplica, SnapshotOfPool
from readpool.replica_class import ReplicaClass

_MOST_OF_SELECTOR = 1024
_DONE = re.compile(r"\(([0-9]{1,3})% done\)")


def are_numbers_due(observed: ObservedPool, replicas: Sequence[Replica], now: float) -> bool:
    """Return whether new numbers may be told: the last are old enough, or a class, a member or the spec is another.

    Those of a time that is as far ahead are of a scaler whose clock was wrong, and count as old.
    """
    last = observed.pool.status
    told = {one.replica_name: one.replica_class for one in last.replica_weights}
    if last.observed_at is None or last.observed_generation != observed.pool.generation:
        return True
    if told != {replica.name: replica.replica_class for replica in replicas}:
        return True
    at = read_scaler_clock(observed.current_fleet, now) if observed.current_fleet is not None else now
    age = at - last.observed_at.timestamp()
    return abs(age) >= observed.pool.spec.load_balancing.update_interval_seconds


def build_status(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    weights: Mapping[str, int],
    shards: tuple[ShardOfReplica, ...],
    conditions: tuple[Condition, ...],
    *,
    numbers_due: bool,
    newest_snapshot: SnapshotOfPool | None = None,
) -> PoolStatus:
    """Build the whole status; without `numbers_due` its numbers are the last ones."""
    last, fleet = observed.pool.status, observed.current_fleet
    classes = [replica.replica_class for replica in replicas if not replica.is_out_of_service]
    counted = {
        "observed_generation": observed.pool.generation,
        "replicas": len(replicas),
        "selector": _write_selector(observed),
        "current_replicas": len(replicas),
        "ready_replicas": sum(replica.is_ready and not replica.is_terminating for replica in replicas),
        "conditions": conditions,
        "shard_assignments": shards,
        "newest_snapshot": newest_snapshot,
    }
    if fleet is not None:
        counted["fresh_replicas"] = classes.count(ReplicaClass.FRESH)
        counted["lagging_replicas"] = classes.count(ReplicaClass.LAGGING)
        counted["desired_replicas"] = fleet.desired_replicas
    known = {one.replica_name: one for one in last.replica_weights}
    told = tuple(
        _to_reported(one, weights[one.name], known.get(one.name), numbers_due and fleet is not None) for one in replicas
    )
    numbers = _count_numbers(fleet, replicas) if fleet is not None and numbers_due else {}
    status = last.model_copy(update=counted | numbers | {"replica_weights": told})
    return _keep_time(status, last)


def _write_selector(observed: ObservedPool) -> str:
    """Write the selector of the pods, for the scale subresource; one that is too long for status is left out."""
    if observed.workload is not None:
        selector = observed.workload.selector
        return selector if len(selector) <= _MOST_OF_SELECTOR else ""
    return ",".join(f"{name}={value}" for name, value in sorted(build_selector(observed.pool.name).items()))


def _to_reported(replica: Replica, weight: int, last: ReplicaWeight | None, is_due: bool) -> ReplicaWeight:
    view, out = replica.view, replica.is_out_of_service or None
    if not is_due or view is None:
        kept = last if last is not None and not is_due else ReplicaWeight(replica_name=replica.name, weight=weight)
        return kept.model_copy(update={"weight": weight, "out_of_service": out})
    is_behind = view.replica_class in (ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP)
    return ReplicaWeight(
        replica_name=replica.name,
        weight=weight,
        replica_class=view.replica_class,
        is_fresh=view.replica_class is ReplicaClass.FRESH,
        ledger_sequence=view.ledger,
        lag=view.lag_ledgers,
        catch_up_percent=_read_percent(view.detail) if is_behind else None,
        seconds_to_fresh=int(view.seconds_to_fresh) if is_behind and view.seconds_to_fresh is not None else None,
        out_of_service=out,
        volume_used_percent=view.volume_used_percent,
        last_updated=to_timestamp(view.observed_at) if view.observed_at is not None else None,
    )


def _read_percent(detail: str) -> int | None:
    """Read how far Core says that it is, as in `Download & apply checkpoints: … (11% done)`."""
    found = _DONE.search(detail)
    return min(100, int(found[1])) if found else None


def _count_numbers(fleet: FleetView, replicas: Sequence[Replica]) -> dict[str, object]:
    ledgers = [one.view.ledger for one in replicas if one.view is not None and one.view.ledger is not None]
    lags = [one.view.lag_ledgers for one in replicas if one.view is not None and one.view.lag_ledgers is not None]
    known = {
        "learned_requests_per_replica": fleet.learned_requests_per_replica,
        "scaling_memory": fleet.scaling_memory,
    }
    kept = {name: value for name, value in known.items() if value is not None}  # a scaler that knows none forgets none
    return kept | {
        "network_latest_ledger": fleet.tip_ledger,
        "average_ledger_sequence": sum(ledgers) // len(ledgers) if ledgers else None,
        "average_lag": sum(lags) // len(lags) if lags else None,
        "observed_at": to_timestamp(fleet.at),
    }


def _keep_time(status: PoolStatus, last: PoolStatus) -> PoolStatus:
    """Keep the time of the last numbers where the new ones are the same: a poll alone is nothing to write."""
    times: dict[str, object] = {"observed_at": last.observed_at}
    if status.scaling_memory is not None and last.scaling_memory is not None:
        reported_at = last.scaling_memory.reported_at
        times["scaling_memory"] = status.scaling_memory.model_copy(update={"reported_at": reported_at})
    before = {one.replica_name: one for one in last.replica_weights}
    same = tuple(
        one.model_copy(update={"last_updated": before[one.replica_name].last_updated})
        if one.replica_name in before
        else one
        for one in status.replica_weights
    )
    quiet = status.model_copy(update=times | {"replica_weights": same})
    return last if quiet == last else status
