"""Carries out what is planned for one pool, object by object; the API server's answers make what is remembered of it.

What cannot be written holds up nothing that does not need it: who failed before comes last, and status before that.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from functools import partial

from controller.events.event_recorder import EventRecorder
from controller.events.pool_events import PoolEvent
from controller.gate.gate import has_gate
from controller.observed.drift import Rewrite, note_kept_annotations, note_kept_status, note_rewrite
from controller.reconcile.apply import TIMEOUT, Applier
from controller.reconcile.attempts import Attempts
from controller.reconcile.lanes import (
    OF_READERS,
    are_readers_told,
    is_needed,
    list_held_writes,
    list_needs,
    list_other_deletions,
    list_other_writes,
    list_reader_deletions,
    list_reader_writes,
    list_services,
)
from controller.reconcile.looks import Look, Looks
from controller.resources.scaled_object import lacks_tolerance, leave_out_tolerance
from readpool.kubernetes.kinds import (
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    POD,
    POOL,
    PVC,
    SCALED_OBJECT,
    Manifest,
    ObjectKey,
    key_of,
    kind_of,
)

_READERS_SECONDS = {ENDPOINT_SLICE: 5.0, HTTP_ROUTE: 1.0}
"""How long the readers' lane waits for a write; what takes longer is the other lane's until that has succeeded."""


class PoolWriter:
    """Writes for one pool at a time; `looks` sees what has become of it."""

    def __init__(self, applier: Applier, recorder: EventRecorder, looks: Looks) -> None:
        self._applier = applier
        self._recorder = recorder
        self._looks = looks

    async def write_routes(self, look: Look, attempts: Attempts) -> Look:
        """Write slices and routes, and return the last look; what failed is in `attempts`."""
        wanted = list_reader_writes(look.plan, look.observed)
        services = {key for manifest in wanted for key in list_services(manifest, look.observed)}
        conflicts = {key for key in look.plan.conflicts if key.kind in OF_READERS}
        seen = await self._find_conflicts(look, attempts, {*map(_key, wanted), *services, *conflicts})
        slow = seen.memory.slow
        for manifest in list_reader_writes(seen.plan, seen.observed):
            needed = {_key(manifest)} | list_services(manifest, seen.observed)
            unwritten = attempts.failed.keys() | slow
            if not needed & unwritten and not self._waits(seen, _key(manifest), unwritten):
                await self._apply(seen, attempts, manifest, _READERS_SECONDS[kind_of(manifest)])
        for key in list_reader_deletions(seen.plan):
            if not is_needed(key, seen.observed, attempts.failed.keys() | slow):
                await attempts.write(key, partial(self._applier.delete, key, None, _READERS_SECONDS[key.kind]))
        return seen

    async def write_rest(self, look: Look, attempts: Attempts) -> Look:
        """Write all else, and return the last look; what failed is in `attempts`."""
        late = frozenset(look.memory.failures)
        conflicts = {key for key in look.plan.conflicts if key.kind not in OF_READERS}
        seen = await self._find_conflicts(look, attempts, {*map(_key, list_other_writes(look.plan)), *conflicts})
        held = {_key(manifest) for manifest in list_held_writes(seen.plan, seen.observed)}
        waiting = await self._write_objects(seen, attempts, lambda key: key not in late, late)
        seen = await self._write_held(self._see(seen, attempts), attempts, held)
        seen = await self._end_and_tell(seen, attempts, late)
        again = late | waiting
        if again:
            await self._write_objects(seen, attempts, lambda key: key in again, frozenset())
            seen = await self._tell(self._see(seen, attempts), attempts)
        return seen

    async def _find_conflicts(self, look: Look, attempts: Attempts, wanted: AbstractSet[ObjectKey]) -> Look:
        """Find the names that somebody else has, of what should be made and of what was found taken before."""
        name_conflicts, asked = look.memory.name_conflicts, wanted - look.observed.children.keys()
        before = name_conflicts & asked
        for key in sorted(asked, key=str):
            is_taken = await attempts.ask(key, partial(self._applier.is_taken, key, look.pool))
            if is_taken is not None:
                (name_conflicts.add if is_taken else name_conflicts.discard)(key)
        return look if before == name_conflicts & asked else self._looks.look(look.key) or look

    async def _write_objects(
        self, look: Look, attempts: Attempts, is_due: Callable[[ObjectKey], bool], late: frozenset[ObjectKey]
    ) -> set[ObjectKey]:
        """Annotate pods and apply objects, as far as they are due; return those that wait for one that is `late`."""
        for patch in look.plan.pod_patches:
            key = ObjectKey(POD, look.pool.namespace, patch.name)
            if is_due(key):
                answer = await attempts.write(key, partial(self._applier.patch_pod, look.pool.namespace, patch))
                rewrite = note_kept_annotations(patch.uid, patch.annotations, answer or {})
                _remember(look, key, rewrite if answer is not None else None)
        waiting = set()
        slow = [one for one in list_reader_writes(look.plan, look.observed) if _key(one) in look.memory.slow]
        for manifest in (*slow, *list_other_writes(look.plan)):
            key = _key(manifest)
            if not is_due(key) or key in attempts.failed:
                continue
            if self._waits(look, key, attempts.failed.keys() | late):
                waiting.add(key)
            else:
                await self._apply(look, attempts, manifest)
        return waiting

    async def _write_held(self, look: Look, attempts: Attempts, held: AbstractSet[ObjectKey]) -> Look:
        """Write the routes whose Services have just been made."""
        freed = [one for one in list_reader_writes(look.plan, look.observed) if _key(one) in held]
        seen = await self._find_conflicts(look, attempts, {*map(_key, freed)})
        for manifest in freed:
            key = _key(manifest)
            is_known = key not in attempts.failed and key not in seen.memory.name_conflicts
            if is_known and not self._waits(seen, key, attempts.failed.keys()):
                await self._apply(seen, attempts, manifest)
        return self._see(seen, attempts) if freed else seen

    async def _end_and_tell(self, look: Look, attempts: Attempts, late: frozenset[ObjectKey]) -> Look:
        """Delete, shrink and resize, and say in status how things are."""
        deleted = list_other_deletions(look.plan, look.observed)
        for key in deleted:
            if key.kind == POD and any(one.kind == PVC and one in deleted for one in attempts.failed):
                continue  # it would come back to the same volume
            await attempts.write(key, partial(self._applier.delete, key, look.plan.uids.get(key)))
        if any(key.kind == POD for key in deleted) and not attempts.failed.keys() & set(deleted):
            self._record(look, look.plan.deletion_events)
        for manifest in look.plan.shrink if are_readers_told(look.plan, look.observed) else ():
            if not self._waits(look, _key(manifest), attempts.failed.keys() | late):
                await self._apply(look, attempts, manifest)
        if look.plan.replicas is not None:
            version = look.manifest["metadata"]["resourceVersion"]
            write = partial(self._applier.write_replicas, look.pool, version, look.plan.replicas)
            await attempts.write(_pool_key(look), write)
        return await self._tell(self._see(look, attempts), attempts)

    async def _tell(self, look: Look, attempts: Attempts) -> Look:
        """Write status, and tell the events of its change.

        Not before the readers' lane has written what status would say, unless that fails: what status tells of, counts.
        """
        if not are_readers_told(look.plan, look.observed) and not look.memory.failures:
            return look
        if look.plan.is_status_changed:
            attempts.failed.pop(_pool_key(look), None)
            key = _pool_key(look)
            answer = await attempts.write(key, partial(self._applier.write_status, look.pool, look.plan.status))
            if answer is None:
                return look
            _remember(look, key, note_kept_status(look.plan.status, answer))
        self._record(look, [event for event in look.plan.events if event not in look.plan.deletion_events])
        return look

    async def _apply(self, look: Look, attempts: Attempts, manifest: Manifest, seconds: float | None = None) -> None:
        key, memory = _key(manifest), look.memory
        answer = await attempts.write(key, partial(self._applier.apply, manifest, seconds))
        if answer is None:
            if seconds is not None and attempts.failed[key].reason == TIMEOUT:
                memory.slow.add(key)
            return
        memory.slow.discard(key)
        is_short = key.kind == SCALED_OBJECT and lacks_tolerance(answer)
        asked = leave_out_tolerance(manifest) if is_short else manifest
        _remember(look, key, note_rewrite(asked, answer, memory.rewritten.get(key)))

    def _waits(self, look: Look, key: ObjectKey, failed: AbstractSet[ObjectKey]) -> bool:
        is_guarded = has_gate(look.pool.spec, self._looks.settings.gate_image)
        needs = list_needs(key, look.plan, look.observed, is_guarded=is_guarded)
        of_readers = {one for one in look.memory.failures if one.kind in OF_READERS}  # the other lane's attempts
        return bool(needs & (failed | of_readers))

    def _see(self, look: Look, attempts: Attempts) -> Look:
        """Look again after something was written, or could not be."""
        return (self._looks.look(look.key) or look) if attempts.take_news() else look

    def _record(self, look: Look, events: Iterable[PoolEvent]) -> None:
        for event in events:
            self._recorder.record(look.pool.namespace, look.pool.name, look.pool.uid, event)


def _remember(look: Look, key: ObjectKey, rewrite: Rewrite | None) -> None:
    """Remember what others made of an object as it was just written; None for nothing."""
    look.memory.rewritten.pop(key, None)
    if rewrite is not None:
        look.memory.rewritten[key] = rewrite


def _key(manifest: Manifest) -> ObjectKey:
    return key_of(kind_of(manifest), manifest)


def _pool_key(look: Look) -> ObjectKey:
    return ObjectKey(POOL, look.pool.namespace, look.pool.name)
