"""One pool, once: observe, plan, write. The plan decides everything; here is in which order, and what is remembered.

May be ended between any two writes: whoever comes next, this process or another, goes on from what is there then.
"""

import time
from dataclasses import replace
from typing import Any

import structlog

from controller import reasons
from controller.apply import Applier
from controller.archives import Archives
from controller.event_recorder import EventRecorder
from controller.fleet_streams import FleetStreams
from controller.observe import FleetWord, PoolMemory, observe_pool
from controller.observed import ObservedPool
from controller.plan import Plan, plan_pool
from controller.plan_settings import PlanSettings
from controller.pool_events import PoolEvent
from controller.pool_keys import PoolKey
from controller.rollout_turns import RolloutTurns
from controller.stats import ControllerStats
from controller.watches import Watches
from readpool.clock import Clock
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POOL, Manifest, ObjectKey, key_of, kind_of
from readpool.pool.errors import PoolError
from readpool.pool.scalars import to_timestamp
from readpool.pool.spec import ReadOnlyPool, ShardStrategy, parse_pool
from readpool.pool.status import Verdict

STALLED_RECHECK_SECONDS = 60.0
"""Nothing tells when somebody else's object goes whose name a pool needs."""
FIRST_RECHECK_SECONDS = 0.1
LAST_RECHECK_SECONDS = 30.0
_LOG = structlog.get_logger()


class Reconciler:
    """Brings one pool at a time to where it should be."""

    def __init__(
        self,
        watches: Watches,
        applier: Applier,
        streams: FleetStreams,
        archives: Archives,
        recorder: EventRecorder,
        settings: PlanSettings,
        stats: ControllerStats,
        clock: Clock,
    ) -> None:
        self._watches = watches
        self._applier = applier
        self._streams = streams
        self._archives = archives
        self._recorder = recorder
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._memories: dict[PoolKey, PoolMemory] = {}
        self._turns = RolloutTurns()

    async def reconcile(self, key: PoolKey) -> float | None:
        """Do what one pool needs now; give in how many seconds to look again, None for not before something happens.

        Raises:
            ApiError: a write failed, and is to be tried again.
            Stopping: before a write, because this process is about to end.
        """
        began = time.monotonic()
        outcome = "Failed"
        try:
            outcome, again = await self._reconcile(key)
        finally:
            self._stats.count_reconcile(outcome, time.monotonic() - began)
        return again

    def has_progressed(self, key: PoolKey) -> bool:
        """Tell whether a pool had less left to write the last time than the time before."""
        memory = self._memories.get(key)
        return memory is not None and memory.has_progressed

    async def _reconcile(self, key: PoolKey) -> tuple[str, float | None]:
        manifest = self._watches.get(ObjectKey(POOL, key.namespace, key.name))
        if manifest is None:
            self._forget(key)
            return "Gone", None
        try:
            pool = parse_pool(manifest)
        except PoolError as error:
            await self._tell_not_understood(manifest, error)
            return "NotUnderstood", None
        memory = self._remember(key, pool)
        if memory.is_ending:
            return "Gone", None
        observed = self._observe(key, pool, memory)
        observed = replace(observed, may_restart=self._turns.may_restart(key, observed))
        plan = plan_pool(observed, self._settings, self._clock())
        self._turns.note(key, observed, plan)
        applied = {key_of(kind_of(one), one) for one in plan.applied}
        memory.refused = {key: why for key, why in memory.refused.items() if key in applied}
        plan, observed = self._plan_again(plan, observed, refused=memory.refused)
        to_write = _count_writes(plan)
        memory.has_progressed, memory.to_write = to_write < memory.to_write, to_write
        if plan.is_empty and not observed.occupied:
            memory.unsettled = 0
            return "Settled", plan.again_in_seconds
        try:
            plan = await self._carry_out(plan, observed, memory, manifest["metadata"]["resourceVersion"])
        except ApiError as error:
            if not error.is_of_ending_namespace:
                raise
            memory.is_ending = True
            self._streams.forget(key)
            _LOG.info("namespace is being deleted", pool=str(key))
            return "Gone", None
        memory.unsettled += 1
        return "Written", _choose_recheck(plan, memory)

    def _remember(self, key: PoolKey, pool: ReadOnlyPool) -> PoolMemory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != pool.uid:
            memory = self._memories[key] = PoolMemory(pool.uid)
        return memory

    def _forget(self, key: PoolKey) -> None:
        self._memories.pop(key, None)
        self._turns.forget(key)
        self._streams.forget(key)
        self._archives.forget(key)

    def _observe(self, key: PoolKey, pool: ReadOnlyPool, memory: PoolMemory) -> ObservedPool:
        self._streams.watch(key, pool.spec.load_balancing.update_interval_seconds)
        word = recall_silence(self._streams.read(key), pool)
        return observe_pool(self._watches, pool, memory, word, self._read_archived_ledgers(key, pool))

    def _read_archived_ledgers(self, key: PoolKey, pool: ReadOnlyPool) -> tuple[int, int] | None:
        balancing = pool.spec.shard_balancing
        if not balancing.enabled or balancing.strategy is not ShardStrategy.LEDGER_RANGE:
            self._archives.forget(key)
            return None
        return self._archives.read(key, pool.spec.history_archive_urls)

    async def _carry_out(self, plan: Plan, observed: ObservedPool, memory: PoolMemory, version: str) -> Plan:
        """Write what the plan says; what is only learned by writing goes into status at once. Give the last plan."""
        pool = observed.pool
        memory.occupied = await self._applier.find_occupied(plan, observed)
        plan, observed = self._plan_again(plan, observed, occupied=memory.occupied)
        await self._applier.patch_pods(pool.namespace, plan.pod_patches)
        memory.refused = await self._applier.apply_all(plan.apply, observed)
        plan, observed = self._plan_again(plan, observed, refused=memory.refused)
        await self._applier.delete_all(plan)
        if plan.shrink:
            memory.refused = {**memory.refused, **await self._applier.apply_all(plan.shrink, observed)}
            plan, observed = self._plan_again(plan, observed, refused=memory.refused)
        if plan.replicas is not None:
            await self._applier.write_replicas(pool, version, plan.replicas)
        if plan.is_status_changed:
            await self._applier.write_status(pool, plan.status)
        for event in plan.events:
            self._tell(pool.namespace, pool.name, pool.uid, event)
        return plan

    def _plan_again(self, plan: Plan, observed: ObservedPool, **learned: Any) -> tuple[Plan, ObservedPool]:
        """Plan again where something else was known before."""
        if all(getattr(observed, name) == value for name, value in learned.items()):
            return plan, observed
        observed = replace(observed, **learned)
        return plan_pool(observed, self._settings, self._clock()), observed

    async def _tell_not_understood(self, manifest: Manifest, error: PoolError) -> None:
        """Say that a pool cannot be read, as when its definition is older or newer than we are; touch nothing else."""
        metadata = manifest["metadata"]
        conditions = merge_not_understood(manifest, str(error), self._clock())
        if conditions is None:
            return
        _LOG.warning("pool not understood", pool=f"{metadata['namespace']}/{metadata['name']}", why=str(error))
        event = PoolEvent(reasons.NOT_UNDERSTOOD, str(error), is_warning=True)
        self._tell(metadata["namespace"], metadata["name"], metadata["uid"], event)
        await self._applier.write_conditions(metadata["namespace"], metadata["name"], conditions)

    def _tell(self, namespace: str, name: str, uid: str, event: PoolEvent) -> None:
        self._recorder.record(namespace, name, uid, event)


def recall_silence(word: FleetWord, pool: ReadOnlyPool) -> FleetWord:
    """Let a silence that status tells of go on through a restart of this process."""
    told = next((one for one in pool.status.conditions if one.type == "Fresh"), None)
    if word.silent_since is None or told is None or told.reason != reasons.SCALER_SILENT:
        return word
    return FleetWord(word.fleet, min(word.silent_since, told.last_transition_time.timestamp()))


def merge_not_understood(manifest: Manifest, message: str, now: float) -> list[Any] | None:
    """Put Stalled among a pool's conditions; None where they say so already."""
    found: list[Manifest] = (manifest.get("status") or {}).get("conditions") or []
    last = next((one for one in found if one.get("type") == "Stalled"), {})
    generation = manifest["metadata"].get("generation", 0)
    stalled = {
        "type": "Stalled",
        "status": str(Verdict.TRUE),
        "reason": reasons.NOT_UNDERSTOOD,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": last.get("lastTransitionTime"),
    }
    if stalled == dict(last):
        return None
    if last.get("status") != Verdict.TRUE:
        stalled["lastTransitionTime"] = to_timestamp(now).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [*(one for one in found if one.get("type") != "Stalled"), stalled]


def _count_writes(plan: Plan) -> int:
    one_by_one = len(plan.applied) + len(plan.delete) + len(plan.pod_patches)
    return one_by_one + (plan.replicas is not None) + plan.is_status_changed


def _choose_recheck(plan: Plan, memory: PoolMemory) -> float:
    """Choose when to see whether all is settled: soon, and later and later where it is not."""
    settling: float = min(LAST_RECHECK_SECONDS, FIRST_RECHECK_SECONDS * 2 ** min(memory.unsettled - 1, 12))
    if memory.occupied or memory.refused:
        settling = max(settling, min(STALLED_RECHECK_SECONDS, 2.0**memory.unsettled))
    return settling if plan.again_in_seconds is None else min(settling, plan.again_in_seconds)
