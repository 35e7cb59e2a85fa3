"""One pool and all that is seen of it, gathered from the stores and the scaler's stream: no request, no waiting.

What is remembered between two looks, because no store has it, is in a PoolMemory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller.cluster.watched_kinds import OPTIONAL
from controller.cluster.watches import Watches
from controller.cluster.workload_view import find_workload, list_workload_pods, observe_workload
from controller.observed import reasons
from controller.observed.drift import Rewrite
from controller.observed.failures import Failure, list_failing, list_refused
from controller.observed.labels import APPLIED_ANNOTATION, MANAGED_BY_LABEL, is_claim_name, read_annotations
from controller.observed.observed import FleetView, ObservedPool
from controller.observed.pool_keys import PoolKey, index_by_label, index_by_target, index_by_workload
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    NETWORK_POLICY,
    PDB,
    POD,
    PVC,
    SCALED_OBJECT,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Manifest,
    ObjectKey,
    key_of,
)
from readpool.pool.labels import MANAGER, POOL_LABEL
from readpool.pool.spec import ReadOnlyPool, parse_pool

OWNED = (SERVICE, CONFIG_MAP, STATEFUL_SET, ENDPOINT_SLICE, NETWORK_POLICY, PDB, *OPTIONAL)
"""Kinds that a pool may own."""


@dataclass(slots=True)
class PoolMemory:
    """What was learned of one pool by writing.

    Attributes:
        uid: of the pool that it was learned of.
        understood: the pool as it could be read last; None where it never could.
        manifest: what that was read from.
        name_conflicts: names that the pool needs, and somebody else's object has.
        failures: what the API server would not take when it was last written.
        slow: slices and routes whose writes took longer than the readers' lane waits.
        rewritten: what others made of objects as they were last applied.
        unsettled: how many times in a row there was something to write.
        to_write: how much there was to write when it was last looked at.
        has_progressed: less than the time before.
        is_ending: its namespace is being deleted, and it with that: nothing more is done for it.
    """

    uid: str
    understood: ReadOnlyPool | None = None
    manifest: Manifest | None = None
    name_conflicts: set[ObjectKey] = field(default_factory=set)
    failures: dict[ObjectKey, Failure] = field(default_factory=dict)
    slow: set[ObjectKey] = field(default_factory=set)
    rewritten: dict[ObjectKey, Rewrite] = field(default_factory=dict)
    unsettled: int = 0
    to_write: int = 0
    has_progressed: bool = False
    is_ending: bool = False

    def parse(self, manifest: Manifest) -> ReadOnlyPool:
        """Parse a pool, unless it is the very manifest that was parsed last: stores replace what changes.

        Raises:
            PoolError: its spec is invalid.
        """
        if self.understood is None or self.manifest is not manifest:
            self.understood, self.manifest = parse_pool(manifest), manifest
        return self.understood


@dataclass(frozen=True, slots=True)
class ScalerState:
    """The scaler's last word on a pool, and since when it says nothing, in Unix seconds."""

    fleet: FleetView | None = None
    silent_since: float | None = None


def observe_pool(
    watches: Watches,
    pool: ReadOnlyPool,
    memory: PoolMemory,
    word: ScalerState,
    archived_ledgers: tuple[int, int] | None = None,
    misread: str = "",
) -> ObservedPool:
    """Gather what a plan rests on."""
    key = PoolKey(pool.namespace, pool.name)
    children = dict(_find_children(watches, pool))
    workload = find_workload(pool)
    targeting = index_by_target(key) if workload is None else index_by_workload(workload)
    return ObservedPool(
        pool=pool,
        children=children,
        pods=_list_pods(watches, pool, children) if workload is None else list_workload_pods(watches, workload),
        claims=_list_claims(watches, pool),
        fleet=word.fleet,
        fleet_silent_since=word.silent_since,
        optional_kinds=watches.find_optional_kinds(pool.namespace),
        archived_ledgers=archived_ledgers,
        other_scaled_object=_find_other_scaled_object(watches, key, targeting, children),
        name_conflicts=frozenset(memory.name_conflicts).union(_find_occupied(watches, pool, children)),
        refused=list_refused(memory.failures),
        failing=list_failing(memory.failures),
        rewritten=memory.rewritten,
        misread=misread,
        workload=None if workload is None else observe_workload(watches, pool, workload),
    )


def restore_disconnect_time(word: ScalerState, pool: ReadOnlyPool) -> ScalerState:
    """Keep the disconnect time that status reports through a restart of this process."""
    told = next((one for one in pool.status.conditions if one.type == "Fresh"), None)
    if word.silent_since is None or told is None or told.reason != reasons.SCALER_UNREACHABLE:
        return word
    return ScalerState(word.fleet, min(word.silent_since, told.last_transition_time.timestamp()))


def is_ours(manifest: Manifest, pool: ReadOnlyPool) -> bool:
    """Return whether the pool has made an object: it controls it, and the object has its labels or our mark.

    Without an owner are those that a pool left behind which was deleted with --cascade=orphan.
    """
    metadata = manifest["metadata"]
    if metadata.get("ownerReferences"):
        is_marked = APPLIED_ANNOTATION in read_annotations(manifest)  # somebody has taken a label away
        return find_controller(manifest) == pool.uid and (is_marked or _has_labels(manifest, pool))
    return _has_labels(manifest, pool)


def find_controller(manifest: Manifest) -> str | None:
    """Find the uid of the one owner that an object is made and kept by; others only take it with them when they go."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def _has_labels(manifest: Manifest, pool: ReadOnlyPool) -> bool:
    labels = manifest["metadata"].get("labels") or {}
    return labels.get(POOL_LABEL) == pool.name and labels.get(MANAGED_BY_LABEL) == MANAGER


def _find_children(watches: Watches, pool: ReadOnlyPool) -> Iterator[tuple[ObjectKey, Manifest]]:
    for kind, manifest in _list_labelled(watches, pool):
        if is_ours(manifest, pool):
            yield key_of(kind, manifest), manifest
    for kind in OWNED:  # those that have lost their label as well
        for manifest in watches.list_by_index(kind, pool.namespace, pool.uid):
            if is_ours(manifest, pool):
                yield key_of(kind, manifest), manifest


def _find_occupied(watches: Watches, pool: ReadOnlyPool, children: Mapping[ObjectKey, Manifest]) -> Iterator[ObjectKey]:
    """Find what has our labels and is not ours, such as what a pool of the same name has left to be collected."""
    for kind, manifest in _list_labelled(watches, pool):
        key = key_of(kind, manifest)
        if key not in children and kind != SCALED_OBJECT:
            yield key


def _list_labelled(watches: Watches, pool: ReadOnlyPool) -> Iterator[tuple[Kind, Manifest]]:
    index_key = index_by_label(PoolKey(pool.namespace, pool.name))
    for kind in OWNED:
        for manifest in watches.list_by_index(kind, pool.namespace, index_key):
            yield kind, manifest


def _list_claims(watches: Watches, pool: ReadOnlyPool) -> tuple[Manifest, ...]:
    """List the claims of replicas, of any ordinal."""
    labelled = watches.list_by_index(PVC, pool.namespace, index_by_label(PoolKey(pool.namespace, pool.name)))
    return tuple(one for one in labelled if is_claim_name(pool.name, one["metadata"]["name"]))


def _list_pods(watches: Watches, pool: ReadOnlyPool, children: Mapping[ObjectKey, Manifest]) -> tuple[Manifest, ...]:
    """List the pods of the pool's own StatefulSet."""
    stateful_set = children.get(ObjectKey(STATEFUL_SET, pool.namespace, pool.name))
    uid = stateful_set["metadata"]["uid"] if stateful_set is not None else ""
    return tuple(one for one in watches.list_by_index(POD, pool.namespace, uid) if find_controller(one) == uid)


def _find_other_scaled_object(
    watches: Watches, pool: PoolKey, index_key: str, children: Mapping[ObjectKey, Manifest]
) -> str | None:
    """Find a ScaledObject of the user's that scales the pool, or its workload."""
    targeting = watches.list_by_index(SCALED_OBJECT, pool.namespace, index_key)
    names = [one["metadata"]["name"] for one in targeting if key_of(SCALED_OBJECT, one) not in children]
    return names[0] if names else None
