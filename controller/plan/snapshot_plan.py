"""What becomes of a pool's snapshots: taken, judged, kept or let go, and what new replicas' volumes are made of.

Under plan.plan. From what was observed to snapshots.snapshots, and back to objects, times and a condition.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from controller.observed import reasons
from controller.observed.labels import claim_name, pod_name
from controller.observed.observed import ObservedPool
from controller.observed.scaler_clock import is_skew_absurd
from controller.replicas.replicas import Replica
from controller.resources.claims import Seed
from controller.snapshots.snapshot_state import (
    find_unseeded,
    has_been_taken_up,
    index_snapshots,
    read_copies,
    read_donors,
    read_restore_size,
    read_snapshots,
)
from controller.snapshots.snapshots import (
    FAILED_SECONDS,
    Donor,
    Occasion,
    Snapshot,
    Step,
    Trials,
    Verdict,
    choose_kept,
    choose_seed,
    choose_step,
    compute_due_time,
    evaluate_copies,
    evaluate_snapshot,
)
from controller.snapshots.volume_snapshot import build_snapshot, keep_snapshot
from controller.status.conditions import DesiredCondition
from readpool.kubernetes.kinds import PVC, VOLUME_SNAPSHOT, Manifest, ObjectKey
from readpool.pool.condition_types import ConditionType
from readpool.pool.scalars import to_timestamp
from readpool.pool.spec import ReadOnlyPool
from readpool.pool.status import ConditionStatus, SnapshotOfPool
from readpool.timestamps import format_time

_NO_TRIALS = Trials({})


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """What is to be done about snapshots.

    Attributes:
        objects: the snapshots that there are to be; those of the pool that are not among them go.
        unprovisioned: claims to delete, by uid: they have no volume yet, or an empty one where there is a snapshot.
        condition: the condition Snapshots, None where none is asked for.
        newest: the good one that new replicas start from.
        due: Unix seconds at which time alone changes this.
    """

    objects: tuple[dict[str, Any], ...] = ()
    unprovisioned: Mapping[ObjectKey, str] = field(default_factory=dict)
    condition: DesiredCondition | None = None
    newest: SnapshotOfPool | None = None
    due: float | None = None


def choose_seeds(observed: ObservedPool, ordinals: int) -> Mapping[int, Seed]:
    """Choose what the volumes that are not there yet are made of, by ordinal; none where there is no good snapshot."""
    if not (observed.pool.spec.storage.snapshots.enabled and VOLUME_SNAPSHOT in observed.optional_kinds):
        return {}
    there = {claim["metadata"]["name"] for claim in observed.claims}
    missing = [one for one in range(ordinals) if claim_name(observed.pool.name, one) not in there]
    known = read_snapshots(observed) if missing else ()
    chosen = {one: choose_seed(known, pod_name(observed.pool.name, one)) for one in missing}
    return {
        one: Seed(name, read_restore_size(observed.find(VOLUME_SNAPSHOT, name)))
        for one, name in chosen.items()
        if name is not None
    }


def plan_snapshots(
    observed: ObservedPool,
    replicas: Sequence[Replica],
    weights: Mapping[str, int],
    size: int,
    fresh_enough: int,
    holds: str,
    now: float,
) -> SnapshotPlan:
    """Plan a pool's snapshots. `size`: replicas of ordinals beyond it go; `holds`: why none may be taken, if so."""
    settings, live = observed.pool.spec.storage.snapshots, index_snapshots(observed)
    if not settings.enabled:  # what was taken before stays for a person to delete
        return SnapshotPlan(_keep(observed.pool, live, read_snapshots(observed)))
    if VOLUME_SNAPSHOT not in observed.optional_kinds:
        return SnapshotPlan(condition=_false(reasons.SNAPSHOT_API_MISSING, _MISSING))
    donors = read_donors(observed, replicas, weights, size, now)
    trials = evaluate_copies(read_copies(observed, replicas, now), _list_there(observed), now)
    reporting = donors if observed.current_fleet is not None else None
    known = [_evaluate(one, reporting, trials, now) for one in read_snapshots(observed)]
    kept = choose_kept(known, settings.keep, _list_in_use(observed), now)
    if observed.pool.spec.paused:
        paused = _false(reasons.PAUSED, "spec.paused is true: no snapshot is taken")
        return SnapshotPlan(_keep(observed.pool, live, known), condition=paused, newest=_to_status(known))
    occasion = _find_occasion(observed, replicas, fresh_enough, holds, now)
    step = choose_step(known, donors, occasion, settings.interval_seconds, now)
    built = _keep(observed.pool, live, [one for one in known if one.name in kept])
    chosen = next((one for one in donors if one.name == step.donor), None)
    built += () if chosen is None else (build_snapshot(observed.pool, chosen, now),)
    found = find_unseeded(observed, replicas, now)
    unseeded = [claim for replica, claim in found.items() if choose_seed(known, replica) is not None]
    untaken = [one.name for one in known if one.is_pending(now) and not has_been_taken_up(live[one.name])]
    return SnapshotPlan(
        built,
        _find_unprovisioned(observed, {*trials.unprovisioned, *unseeded}),
        _compute_condition(known, step, untaken, now),
        _to_status(known),
        _find_due(known, step, settings.interval_seconds, now),
    )


def _keep(
    pool: ReadOnlyPool, live: Mapping[str, Manifest], snapshots: Iterable[Snapshot]
) -> tuple[dict[str, Any], ...]:
    return tuple(keep_snapshot(pool, live[one.name], one) for one in snapshots)


def _list_there(observed: ObservedPool) -> frozenset[str]:
    return frozenset(
        name for name, one in index_snapshots(observed).items() if not one["metadata"].get("deletionTimestamp")
    )


def _list_in_use(observed: ObservedPool) -> frozenset[str]:
    """List the snapshots that volumes are being made of."""
    unbound = (one for one in observed.claims if (one.get("status") or {}).get("phase") != "Bound")
    return frozenset(str(((one.get("spec") or {}).get("dataSource") or {}).get("name", "")) for one in unbound)


def _evaluate(snapshot: Snapshot, donors: Sequence[Donor] | None, trials: Trials, now: float) -> Snapshot:
    """Return a snapshot the verdict that it has, or by now deserves; what is bad stays so.

    Without `donors`, while the scaler cannot be heard, no new one is called good.
    """
    if snapshot.verdict is Verdict.BAD:
        return snapshot
    if snapshot.name in trials.bad:
        return replace(snapshot, verdict=Verdict.BAD, evaluated_at=now, why=trials.bad[snapshot.name])
    if snapshot.verdict is Verdict.GOOD or not snapshot.is_ready or donors is None:
        return snapshot
    donor = next((one for one in donors if one.name == snapshot.donor), None)
    verdict, why = evaluate_snapshot(snapshot, donor)
    return replace(snapshot, verdict=verdict, evaluated_at=now, why=why)


def _find_occasion(
    observed: ObservedPool, replicas: Sequence[Replica], fresh_enough: int, holds: str, now: float
) -> Occasion:
    fleet = observed.current_fleet
    if fleet is None or is_skew_absurd(fleet, now):
        return Occasion(0, fresh_enough, "a connection to the scaler")
    if fleet.is_halted:
        return Occasion(0, fresh_enough, "the network to close ledgers")
    fresh = [one for one in replicas if one.is_fresh and not one.is_dead]
    doubted = sum(one.view is not None and one.view.is_doubted for one in fresh)
    return Occasion(len(fresh) - doubted, fresh_enough, holds)


def _find_unprovisioned(observed: ObservedPool, names: AbstractSet[str]) -> Mapping[ObjectKey, str]:
    return {
        ObjectKey(PVC, observed.pool.namespace, claim["metadata"]["name"]): claim["metadata"].get("uid") or ""
        for claim in observed.claims
        if claim["metadata"]["name"] in names
    }


def _find_due(known: Sequence[Snapshot], step: Step, interval: float, now: float) -> float | None:
    times = [step.again_at, compute_due_time(known, interval, now)]
    times += [one.asked_at + FAILED_SECONDS for one in known if one.is_pending(now)]
    return min((one for one in times if one is not None and one > now), default=None)


def _find_newest(known: Iterable[Snapshot]) -> Snapshot | None:
    return max((one for one in known if one.is_good), key=lambda one: one.asked_at, default=None)


def _to_status(known: Iterable[Snapshot]) -> SnapshotOfPool | None:
    newest = _find_newest(known)
    if newest is None:
        return None
    taken_at = newest.asked_at if newest.cut_at is None else newest.cut_at
    return SnapshotOfPool(name=newest.name, replica_name=newest.donor, taken_at=to_timestamp(taken_at))


_MISSING = (
    "The VolumeSnapshot CRD is not installed; install the snapshot controller and its CRDs, or set"
    " storage.snapshots.enabled to false"
)


def _compute_condition(known: Sequence[Snapshot], step: Step, untaken: Sequence[str], now: float) -> DesiredCondition:
    """Compute the condition: what new replicas start from, and what is wrong with the last snapshot."""
    newest = _find_newest(known)
    start = (
        "new replicas start with empty volumes" if newest is None else f"new replicas start from {_describe(newest)}"
    )
    useless = [one for one in known if one.verdict is Verdict.BAD and not one.is_going]
    waits = f"; the next snapshot waits for {step.waits_for}" if step.waits_for and not step.donor else ""
    last_bad = max(useless, key=lambda one: one.evaluated_at, default=None)
    if last_bad is not None and (newest is None or newest.asked_at <= last_bad.evaluated_at):
        return _false(reasons.SNAPSHOT_UNUSABLE, f"{last_bad.name} is not used: {last_bad.why}; {start}{waits}")
    failed = next((one for one in known if one.has_failed(now) and not one.is_going), None)
    if failed is not None and (newest is None or newest.asked_at <= failed.asked_at):
        return _false(reasons.SNAPSHOT_FAILED, f"{failed.name} cannot be taken: {failed.fails}; {start}")
    late = next((one for one in known if one.name in untaken and now - one.asked_at >= FAILED_SECONDS), None)
    if late is not None:
        minutes = int(FAILED_SECONDS // 60)
        why = f"No snapshot controller has handled {late.name} for {minutes} min; is one running?"
        return _false(reasons.SNAPSHOT_CONTROLLER_MISSING, f"{why}; {start}")
    if newest is None:
        is_made = any(one.is_pending(now) for one in known)
        first = "The first snapshot is being taken" if is_made else f"No snapshot exists yet{waits}"
        return DesiredCondition(ConditionType.SNAPSHOTS, ConditionStatus.UNKNOWN, reasons.NO_SNAPSHOT_YET, first)
    ready = f"New replicas start from {_describe(newest)}{_explain_overdue(step, waits)}"
    return DesiredCondition(ConditionType.SNAPSHOTS, ConditionStatus.TRUE, reasons.SNAPSHOT_READY, ready)


def _explain_overdue(step: Step, waits: str) -> str:
    """Describe what the next snapshot waits for, except for the current one."""
    return "" if step.waits_for == "the current one" else waits


def _describe(snapshot: Snapshot) -> str:
    at = snapshot.asked_at if snapshot.cut_at is None else snapshot.cut_at
    return f"{snapshot.name}, taken from {snapshot.donor} at {format_time(at)}"


def _false(reason: str, message: str) -> DesiredCondition:
    return DesiredCondition(ConditionType.SNAPSHOTS, ConditionStatus.FALSE, reason, message)
