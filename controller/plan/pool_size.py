"""How many replicas are there to be, and how many may the StatefulSet have now? What is held back, and what for.

Under plan.plan. The pool says how many; no one goes whom readers need, and no one comes over a volume that goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.observed.labels import pod_name
from controller.observed.observed import ObservedPool
from controller.replicas.draining import choose_size, explain_wait
from controller.replicas.replicas import Replica
from controller.resources.claims import find_claim_in_the_way
from readpool.kubernetes.kinds import STATEFUL_SET
from readpool.pool.spec import PoolSpec


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a pool.

    Attributes:
        wanted: how many replicas there are to be.
        to_write: to write to spec.replicas of the pool, None to leave it.
        running: how many the StatefulSet has now, None where there is none.
        size: how many it is to have now.
        waits_for: what it waits for where that is another number; empty otherwise.
    """

    wanted: int
    to_write: int | None
    running: int | None
    size: int
    waits_for: str = ""


def choose_sizes(observed: ObservedPool, replicas: Sequence[Replica]) -> Sizes:
    """Choose the sizes of a pool."""
    wanted, to_write = choose_replicas(observed)
    running, fleet = read_size(observed), observed.current_fleet
    is_return_expected = fleet is not None and not fleet.is_halted
    size = choose_size(replicas, wanted, running, is_return_expected=is_return_expected)
    held = find_claim_in_the_way(observed.pool, running or 0, size, observed.claims)
    if held is not None:
        waits_for = f"the previous volume of {pod_name(observed.pool.name, held)} to be deleted"
        return Sizes(wanted, to_write, running, held, waits_for)
    return Sizes(wanted, to_write, running, size, explain_wait(replicas, wanted, size))


def choose_replicas(observed: ObservedPool) -> tuple[int, int | None]:
    """Choose how many replicas there are to be, and what to write to spec.replicas, if anything.

    0 is written by no one who scales: it stands for targetReplicas in a new pool, and in one that has replicas, where a
    manifest was put in place of the whole pool, for those.
    """
    spec = observed.pool.spec
    running = read_size(observed)
    if spec.paused and running is not None:
        return running, None
    if spec.replicas == 0:
        start = _clamp(running or spec.target_replicas, spec)
        return start, start
    return _clamp(spec.replicas, spec), None


def read_size(observed: ObservedPool) -> int | None:
    """Read how many replicas the StatefulSet has now."""
    live = observed.find(STATEFUL_SET, observed.pool.name)
    return live["spec"].get("replicas") if live is not None else None


def _clamp(replicas: int, spec: PoolSpec) -> int:
    return max(spec.min_replicas, min(spec.max_replicas, replicas))
