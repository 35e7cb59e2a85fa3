"""What do a pool's snapshots, and the volumes that were made of them, look like by now? Objects in, plain facts out.

Between the objects of the cluster and the decisions in controller.snapshots.snapshots.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from controller.core_config.core_config_version import parse_major
from controller.observed.labels import APPLIED_ANNOTATION, claim_name, read_annotations, read_number
from controller.observed.observed import ObservedPool
from controller.observed.scaler_clock import read_scaler_clock
from controller.replicas.pod_troubles import index_claims
from controller.replicas.replicas import Replica
from controller.resources.claims import SEED_ANNOTATION
from controller.resources.pod_state import CORE, parse_time
from controller.snapshots.snapshots import Copy, Donor, Snapshot, Verdict
from controller.snapshots.volume_snapshot import (
    DONOR_ANNOTATION,
    DONOR_UID_ANNOTATION,
    FRESH_ANNOTATION,
    JUDGED_ANNOTATION,
    NETWORK_ANNOTATION,
    REASON_ANNOTATION,
    VERDICT_ANNOTATION,
    VERSION_ANNOTATION,
    describe_network,
)
from readpool.kubernetes.kinds import VOLUME_SNAPSHOT, Manifest
from readpool.pool.quantity import parse_quantity
from readpool.pool.spec import ReadOnlyPool
from readpool.replica_class import ReplicaClass

YOUNG_COPY_SECONDS = 3600.0
"""A copy on which Core ends within its first hour without having been fresh is bad; later it may be anything."""
_HAVE_BEEN_FRESH = (ReplicaClass.FRESH, ReplicaClass.LAGGING)


def index_snapshots(observed: ObservedPool) -> Mapping[str, Manifest]:
    """Index the snapshots that the pool has made; others may have its labels, as a backup's that takes the claim's."""
    return {
        key.name: one
        for key, one in observed.children.items()
        if key.kind == VOLUME_SNAPSHOT and APPLIED_ANNOTATION in read_annotations(one)
    }


def read_snapshots(observed: ObservedPool) -> tuple[Snapshot, ...]:
    """Read the pool's snapshots, by name."""
    return tuple(_read(observed.pool, name, live) for name, live in sorted(index_snapshots(observed).items()))


def _read(pool: ReadOnlyPool, name: str, live: Manifest) -> Snapshot:
    status, noted = live.get("status") or {}, read_annotations(live)
    verdict = noted.get(VERDICT_ANNOTATION, "")
    return Snapshot(
        name,
        asked_at=parse_time(live["metadata"].get("creationTimestamp")) or 0.0,
        cut_at=parse_time(status.get("creationTime")),
        is_ready=bool(status.get("readyToUse")),
        donor=noted.get(DONOR_ANNOTATION, ""),
        donor_uid=noted.get(DONOR_UID_ANNOTATION, ""),
        fresh_since=read_number(live, FRESH_ANNOTATION),
        fails=_read_error(status),
        verdict=Verdict(verdict) if verdict in tuple(Verdict) else Verdict.BAD,
        evaluated_at=read_number(live, JUDGED_ANNOTATION) or 0.0,
        why=noted.get(REASON_ANNOTATION, ""),
        is_usable=_is_usable(pool, noted),
        is_going=bool(live["metadata"].get("deletionTimestamp")),
    )


def _read_error(status: Manifest) -> str:
    error = status.get("error") or {}
    return " ".join(str(error.get("message") or "its driver does not say why").split()) if error else ""


def _is_usable(pool: ReadOnlyPool, noted: Mapping[str, str]) -> bool:
    """Return whether this pool's Core can go on from it: Core takes a database of an older one, and of no newer one."""
    made, runs = parse_major(noted.get(VERSION_ANNOTATION, "")), parse_major(pool.spec.version)
    is_older = made is None or runs is None or made <= runs
    return is_older and noted.get(NETWORK_ANNOTATION) == describe_network(pool)


def has_been_taken_up(live: Manifest | None) -> bool:
    """Return whether any snapshot controller has seen a snapshot."""
    return bool((live or {}).get("status"))


def read_restore_size(live: Manifest | None) -> Fraction | None:
    """Read how large a volume has to be at least that is made of a snapshot; None where that is not told."""
    told = ((live or {}).get("status") or {}).get("restoreSize")
    try:
        return None if told is None else parse_quantity(str(told))
    except ValueError:
        return None


def read_donors(
    observed: ObservedPool, replicas: Sequence[Replica], weights: Mapping[str, int], size: int, now: float
) -> list[Donor]:
    """Read the replicas as those whose volumes a snapshot may be of; times are by our clock."""
    fleet = observed.current_fleet
    if fleet is None:
        return []
    ahead = now - read_scaler_clock(fleet, now)
    claims = index_claims(observed.pool.name, observed.claims)
    return [_read_donor(one, claims.get(one.name), weights.get(one.name, 0), size, ahead) for one in replicas]


def _read_donor(replica: Replica, claim: Manifest | None, weight: int, size: int, ahead: float) -> Donor:
    view = replica.view
    is_fresh = replica.replica_class is ReplicaClass.FRESH and not replica.is_terminating  # in service or not
    has_left = view is not None and replica.replica_class is not ReplicaClass.FRESH
    return Donor(
        replica.name,
        replica.uid,
        fresh_since=view.since + ahead if view is not None and is_fresh and not view.is_doubted else None,
        left_at=view.since + ahead if view is not None and has_left else None,
        started_at=replica.started_at,
        weight=weight,
        is_settled=(
            replica.ordinal < size
            and replica.is_ready
            and not replica.is_dead
            and replica.has_ledgers
            and not replica.is_out_of_service
            and _is_at_rest(claim)
        ),
    )


def _read_core(pod: Manifest | None) -> Mapping[str, Any]:
    statuses: Sequence[Mapping[str, Any]] = ((pod or {}).get("status") or {}).get("containerStatuses") or ()
    return next((one for one in statuses if one.get("name") == CORE), {})


def _is_at_rest(claim: Manifest | None) -> bool:
    """Return whether a volume is there and stays as it is."""
    if claim is None or claim["metadata"].get("deletionTimestamp"):
        return False
    status = claim.get("status") or {}
    under_way = {one.get("type") for one in status.get("conditions") or () if one.get("status") == "True"}
    return status.get("phase") == "Bound" and not under_way & _GROWING


_GROWING = frozenset({"Resizing", "FileSystemResizePending"})


UNSEEDED_SECONDS = 60.0
"""So long after its pod was made a volume may be given up that the StatefulSet has asked for before we could."""


def find_unseeded(observed: ObservedPool, replicas: Sequence[Replica], now: float) -> Mapping[str, str]:
    """Find new replicas whose claims the StatefulSet has made by itself, and no volume has come of them yet; by name.

    When a replica is replaced, its controller and ours see at once that a claim is missing. As long as its pod has no
    node, no one uses what that one has made, and it makes no other before something happens to the pod.
    """
    claims = index_claims(observed.pool.name, observed.claims)
    new = [one for one in replicas if not (one.node or one.is_terminating) and _is_made_since(one, now)]
    found = {one.name: claim for one in new if (claim := claims.get(one.name)) is not None}
    return {name: claim["metadata"]["name"] for name, claim in found.items() if _is_of_stateful_set(claim)}


def _is_made_since(replica: Replica, now: float) -> bool:
    return replica.made_at is not None and now - replica.made_at < UNSEEDED_SECONDS


def _is_of_stateful_set(claim: Manifest) -> bool:
    is_going = bool(claim["metadata"].get("deletionTimestamp"))
    is_unprovisioned = (claim.get("status") or {}).get("phase") == "Pending"
    return is_unprovisioned and not is_going and APPLIED_ANNOTATION not in read_annotations(claim)


def read_copies(observed: ObservedPool, replicas: Sequence[Replica], now: float) -> list[Copy]:
    """Read the volumes that were made of the pool's snapshots, and how the replicas on them do."""
    by_claim = {claim_name(observed.pool.name, one.ordinal): one for one in replicas}
    pods = {pod["metadata"]["name"]: pod for pod in observed.pods}
    return [
        _read_copy(claim, seed, by_claim.get(claim["metadata"]["name"]), pods, now)
        for claim in observed.claims
        if (seed := read_annotations(claim).get(SEED_ANNOTATION)) and not claim["metadata"].get("deletionTimestamp")
    ]


def _read_copy(claim: Manifest, seed: str, replica: Replica | None, pods: Mapping[str, Manifest], now: float) -> Copy:
    core = _read_core(pods.get(replica.name)) if replica is not None else {}
    ends = [end for state in ("state", "lastState") if (end := (core.get(state) or {}).get("terminated"))]
    made_at = parse_time(claim["metadata"].get("creationTimestamp"))
    is_young = made_at is not None and now - made_at < YOUNG_COPY_SECONDS
    is_unprovisioned = (claim.get("status") or {}).get("phase") == "Pending"
    trouble = replica.trouble if replica is not None else None
    return Copy(
        seed,
        claim["metadata"]["name"],
        claim["metadata"]["name"].partition("-")[2] if replica is None else replica.name,
        has_been_fresh=not is_young or (replica is not None and replica.replica_class in _HAVE_BEEN_FRESH),
        exits=tuple(int(end.get("exitCode") or 0) for end in ends),
        message=next((text for end in ends if (text := _read_last_line(end.get("message")))), ""),
        is_unprovisioned=is_unprovisioned,
        unprovisioned_since=made_at if is_unprovisioned and trouble is not None and trouble.is_of_volume else None,
    )


def _read_last_line(text: Any) -> str:
    lines = [" ".join(line.split()) for line in str(text or "").splitlines() if line.strip()]
    return lines[-1][:_MOST_CHARACTERS] if lines else ""


_MOST_CHARACTERS = 160
