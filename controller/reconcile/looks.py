"""One pool as it is seen now, with the plan that follows, and what is remembered of it between two looks.

Under reconcile.reconcile. No request, no waiting: stores, the scaler's last word, and what was learned by writing.
"""

from dataclasses import dataclass, replace

import structlog

from controller.archives.archives import Archives
from controller.cluster.observe import PoolMemory, observe_pool, restore_disconnect_time
from controller.cluster.watches import Watches
from controller.observed.drift import are_annotations_patched, is_status_kept
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.observed.pool_keys import PoolKey
from controller.observer.fleet_streams import FleetStreams
from controller.plan.plan import Plan, plan_pool
from controller.reconcile.lanes import list_touched
from controller.reconcile.rollout_turns import RolloutTurns
from controller.status.misread import recall_understood
from readpool.clock import Clock
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POD, POOL, Manifest, ObjectKey
from readpool.pool.errors import PoolError
from readpool.pool.spec import ReadOnlyPool, ShardStrategy

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Look:
    """A pool as it was seen, and what is to be done."""

    key: PoolKey
    manifest: Manifest
    observed: ObservedPool
    memory: PoolMemory
    plan: Plan

    @property
    def pool(self) -> ReadOnlyPool:
        """The pool; where its spec cannot be read, by the last one that could be."""
        return self.observed.pool

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to write, nor a name to wait for."""
        return self.plan.is_empty and not self.plan.conflicts


class Looks:
    """Looks at pools, and remembers what no store has."""

    def __init__(
        self, watches: Watches, streams: FleetStreams, archives: Archives, settings: PlanSettings, clock: Clock
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._watches = watches
        self._streams = streams
        self._archives = archives
        self._memories: dict[PoolKey, PoolMemory] = {}
        self._turns = RolloutTurns()

    def look(self, key: PoolKey) -> Look | None:
        """Observe a pool and plan; None where nothing is to be done for it any more."""
        manifest = self._watches.get(ObjectKey(POOL, key.namespace, key.name))
        if manifest is None:
            self._forget(key)
            return None
        memory, misread = self._remember(key, manifest["metadata"].get("uid") or ""), ""
        if memory.is_ending:
            return None
        try:
            pool = memory.parse(manifest)
        except PoolError as error:
            pool, misread = recall_understood(manifest, memory.understood), str(error)
        observed, plan = self._plan(key, pool, memory, misread)
        of_pool = ObjectKey(POOL, key.namespace, key.name)
        wanted = list_touched(plan, observed) | {of_pool}
        memory.slow &= wanted
        if memory.failures.keys() - wanted:  # what is no longer to be written does not fail
            memory.failures = {key: one for key, one in memory.failures.items() if key in wanted}
            observed, plan = self._plan(key, pool, memory, misread)
        return Look(key, manifest, observed, memory, _leave_out_vain(plan, manifest, memory, of_pool))

    def find_memory(self, key: PoolKey) -> PoolMemory | None:
        """Find what is remembered of a pool."""
        return self._memories.get(key)

    def is_ending(self, key: PoolKey, error: ApiError) -> bool:
        """Return whether a pool's namespace is being deleted, as an error may say; then the pool is left alone."""
        memory = self._memories.get(key)
        if memory is None:
            return error.is_of_ending_namespace
        if error.is_of_ending_namespace and not memory.is_ending:
            memory.is_ending = True
            self._turns.forget(key)
            self._streams.forget(key)
            _log.info("namespaceTerminating", pool=str(key))
        return memory.is_ending

    def _plan(self, key: PoolKey, pool: ReadOnlyPool, memory: PoolMemory, misread: str) -> tuple[ObservedPool, Plan]:
        self._streams.watch(key, pool.spec.load_balancing.update_interval_seconds)
        word = restore_disconnect_time(self._streams.read(key), pool)
        observed = observe_pool(self._watches, pool, memory, word, self._read_archived_ledgers(key, pool))
        observed = replace(observed, misread=misread, may_restart=self._turns.may_restart(key, observed))
        plan = plan_pool(observed, self.settings, self.clock())
        self._turns.note(key, observed, plan)
        return observed, plan

    def _remember(self, key: PoolKey, uid: str) -> PoolMemory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            memory = self._memories[key] = PoolMemory(uid)
        return memory

    def _forget(self, key: PoolKey) -> None:
        self._memories.pop(key, None)
        self._turns.forget(key)
        self._streams.forget(key)
        self._archives.forget(key)

    def _read_archived_ledgers(self, key: PoolKey, pool: ReadOnlyPool) -> tuple[int, int] | None:
        balancing = pool.spec.shard_balancing
        if not balancing.enabled or balancing.strategy is not ShardStrategy.LEDGER_RANGE:
            self._archives.forget(key)
            return None
        return self._archives.read(key, pool.spec.history_archive_urls)


def _leave_out_vain(plan: Plan, manifest: Manifest, memory: PoolMemory, of_pool: ObjectKey) -> Plan:
    """Leave out of a plan what was written just so already, and others undo each time: annotations of pods, status."""
    if plan.pod_patches:
        patches = ((ObjectKey(POD, of_pool.namespace, one.name), one) for one in plan.pod_patches)
        kept = (
            one
            for key, one in patches
            if not are_annotations_patched(one.uid, one.annotations, memory.rewritten.get(key))
        )
        plan = replace(plan, pod_patches=tuple(kept))
    if plan.is_status_changed and is_status_kept(plan.status, manifest, memory.rewritten.get(of_pool)):
        plan = replace(plan, is_status_changed=False)
    return plan
