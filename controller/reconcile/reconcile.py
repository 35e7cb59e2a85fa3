"""One pool, once, in two lanes: `route` cares for its readers alone, `reconcile` does the rest, each object by itself.

Both may be interrupted between any two writes: the next reconciliation, in any process, continues from what exists
then.
"""

import time
from typing import NamedTuple

import structlog

from controller.archives.archives import Archives
from controller.cluster.observe import PoolMemory
from controller.cluster.watches import Watches
from controller.events.event_recorder import EventRecorder
from controller.events.pool_events import PoolEvent
from controller.observed import reasons
from controller.observed.plan_settings import PlanSettings
from controller.observed.pool_keys import PoolKey
from controller.observer.fleet_streams import FleetStreams
from controller.plan.plan import Plan
from controller.reconcile.apply import Applier
from controller.reconcile.attempts import Attempts
from controller.reconcile.looks import Look, Looks
from controller.reconcile.pool_writer import PoolWriter
from controller.status.misread import is_told, merge_not_understood
from controller.telemetry.stats import ControllerStats
from readpool.clock import Clock
from readpool.kubernetes.errors import ApiError
from readpool.pool.condition_types import ConditionType

STALLED_RECHECK_SECONDS = 60.0
"""Nothing tells when somebody else's object goes whose name a pool needs."""
FIRST_RECHECK_SECONDS = 0.1
LAST_RECHECK_SECONDS = 30.0
_MOST_ROUNDS = 4
"""A change of slices and routes takes two; what follows then is looked at after the others' turn."""
_log = structlog.get_logger()


class Routed(NamedTuple):
    """What a look at a pool's readers leaves.

    Attributes:
        requeue_after_seconds: look again then, None for not before something happens.
        has_more: there is something else to do for the pool.
    """

    requeue_after_seconds: float | None
    has_more: bool


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
        self._applier = applier
        self._recorder = recorder
        self._stats = stats
        self._clock = clock
        self._looks = Looks(watches, streams, archives, settings, clock)
        self._writer = PoolWriter(applier, recorder, self._looks)

    async def route(self, key: PoolKey) -> Routed:
        """Send a pool's readers where they should go now, whatever else is the matter with it.

        Raises:
            ApiError: a write failed, and is to be tried again.
            Stopping: before a write, because this process is about to end.
        """
        began, outcome = time.monotonic(), "Failed"
        try:
            outcome, routed = await self._route(key)
        finally:
            if outcome:
                self._stats.count_reconcile(outcome, time.monotonic() - began)
        return routed

    async def reconcile(self, key: PoolKey) -> float | None:
        """Do what else a pool needs; return in how many seconds to look again, None for not before something happens.

        Raises:
            ApiError: writes failed, and are to be tried again; all that does not need them was done.
            Stopping: before a write, because this process is about to end.
        """
        began, outcome = time.monotonic(), "Failed"
        try:
            outcome, again = await self._reconcile(key)
        finally:
            self._stats.count_reconcile(outcome, time.monotonic() - began)
        return again

    def has_progressed(self, key: PoolKey) -> bool:
        """Return whether a pool had less left to write the last time than the time before."""
        memory = self._looks.find_memory(key)
        return memory is not None and memory.has_progressed

    async def _route(self, key: PoolKey) -> tuple[str, Routed]:
        """Return the outcome, empty if the other lane's counts, and what is left."""
        is_written, look = False, self._looks.look(key)
        for _ in range(_MOST_ROUNDS):
            if look is None:
                return "Gone", Routed(None, has_more=False)
            attempts = Attempts(key, look.memory, self._clock)
            try:
                look = await self._writer.write_routes(look, attempts)
                attempts.raise_first()
            except ApiError as error:
                if not self._looks.is_ending(key, error):
                    raise
                return "Gone", Routed(None, has_more=False)
            if not attempts.done:
                break
            is_written, look = True, self._looks.look(key)  # who has been put into one slice may leave another now
        return self._sum_up(look, is_written=is_written)

    def _sum_up(self, look: Look | None, *, is_written: bool) -> tuple[str, Routed]:
        if look is None:
            return "Gone", Routed(None, has_more=False)
        if is_written or look.is_settled:
            look.memory.unsettled = 0
        if is_written:
            return "Written", Routed(look.plan.requeue_after_seconds, has_more=not look.is_settled)
        if look.is_settled:
            return "Unchanged", Routed(look.plan.requeue_after_seconds, has_more=False)
        return "", Routed(look.plan.requeue_after_seconds, has_more=True)

    async def _reconcile(self, key: PoolKey) -> tuple[str, float | None]:
        look = self._looks.look(key)
        if look is None:
            return "Gone", None
        if look.observed.misread:
            await self._tell_not_understood(look)
            return "InvalidSpec", look.plan.requeue_after_seconds
        if look.is_settled:
            look.memory.unsettled = 0
            return "Unchanged", look.plan.requeue_after_seconds
        to_write = _count_writes(look.plan)
        look.memory.has_progressed, look.memory.to_write = to_write < look.memory.to_write, to_write
        attempts = Attempts(key, look.memory, self._clock)
        try:
            look = await self._writer.write_rest(look, attempts)
            attempts.raise_first()
        except ApiError as error:
            if not self._looks.is_ending(key, error):
                raise
            return "Gone", None
        look.memory.unsettled += 1
        return "Written", _choose_recheck(look.plan, look.memory)

    async def _tell_not_understood(self, look: Look) -> None:
        """Report that a spec is invalid, for example of another version of the CRD; change nothing else."""
        pool, why = look.pool, look.observed.misread
        conditions: list[dict[str, object]] = look.plan.status.get("conditions", [])
        routing = next((one for one in conditions if one["type"] == ConditionType.ROUTING), None)
        merged = merge_not_understood(look.manifest, why, self._clock(), routing)
        if merged is None:
            return
        if not is_told(look.manifest, why):
            _log.warning("invalidSpec", pool=str(look.key), message=why)
            event = PoolEvent(reasons.INVALID_SPEC, why, is_warning=True)
            self._recorder.record(pool.namespace, pool.name, pool.uid, event)
        await self._applier.write_conditions(pool.namespace, pool.name, merged)


def _count_writes(plan: Plan) -> int:
    one_by_one = len(plan.applied) + len(plan.delete) + len(plan.pod_patches)
    return one_by_one + (plan.replicas is not None) + plan.is_status_changed


def _choose_recheck(plan: Plan, memory: PoolMemory) -> float:
    """Choose when to see whether all is settled: soon, and later and later where it is not."""
    settling: float = min(LAST_RECHECK_SECONDS, FIRST_RECHECK_SECONDS * 2 ** min(memory.unsettled - 1, 12))
    if plan.conflicts or memory.failures:
        settling = max(settling, min(STALLED_RECHECK_SECONDS, 2.0**memory.unsettled))
    return settling if plan.requeue_after_seconds is None else min(settling, plan.requeue_after_seconds)
