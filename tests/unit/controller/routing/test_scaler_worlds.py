"""Whole worlds, drawn from seeds: the pool never runs away, never loses those in step, never shrinks in the dark.

READPOOL_WORLDS=5000 lives so many instead of a few; a world that fails is named by its seed.
"""

import os
from copy import deepcopy

import pytest

from controller.routing.weights import WeighedReplica, WeightSettings, compute_weights, count_enough
from scaler.fleet.readers import find_rates
from scaler.fleet.snapshot import FleetSnapshot
from tests.unit.scaler_worlds import STEP_SECONDS, World, bound_size, draw_world

WORLDS = int(os.environ.get("READPOOL_WORLDS", "12"))
HOURS = 2.0
SETTLED_SECONDS = 60.0
NOTICED_SECONDS = 90.0
"""One in trouble is behind by the threshold after twelve ledgers, and three polls have to agree."""
RESTARTED_SECONDS, ROUGHLY_SECONDS = 300.0, 300.0


class Watch:
    """What must hold, held against each snapshot of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.most = world.spec.bounds.target
        self.last: int | None = None
        self.known_load = False
        self.well_since: dict[str, float] = {}
        self.well_at: dict[str, float] = {}

    def look(self, shown: FleetSnapshot) -> None:
        """Check one snapshot."""
        self.most = max(self.most, bound_size(self.world))
        wanted, bounds = shown.decision.desired, self.world.spec.bounds
        if wanted is not None:
            assert bounds.minimum <= wanted <= bounds.maximum
            assert wanted <= self.most, f"{wanted} asked for: {shown.decision.message}"
            self._check_release(shown, wanted)
            self.last = wanted
        self._check_serving(shown)

    def _check_release(self, shown: FleetSnapshot, wanted: int) -> None:
        is_known = find_rates(shown.replicas) is not None
        if self.world.has_gates and self.known_load and not is_known and self.last is not None:
            assert wanted >= self.last, f"released while the load is unknown: {shown.decision.message}"
        self.known_load = self.known_load or is_known

    def _check_serving(self, shown: FleetSnapshot) -> None:
        """Someone in step serves, or was so a moment ago, wherever someone has been so for a minute."""
        now, pods = self.world.now, self.world.pods
        well = {name for name, pod in pods.items() if pod.is_well(now)}
        self.well_since = {name: self.well_since.get(name, now) for name in well}
        self.well_at |= dict.fromkeys(well, now)
        settled = [name for name, since in self.well_since.items() if now - since >= SETTLED_SECONDS]
        if not settled or now - self.world.restarted_at < SETTLED_SECONDS:
            return
        weighed = [WeighedReplica(r.name, r.standing.replica_class, r.standing.lag_ledgers) for r in shown.replicas]
        weights = compute_weights(weighed, WeightSettings(enough_fresh=count_enough(self.world.spec.bounds.target)))
        classes = {r.name: r.standing.replica_class.value for r in shown.replicas}
        good = {*settled, *(name for name, at in self.well_at.items() if now - at < NOTICED_SECONDS)}
        good |= {name for name, pod in pods.items() if self.world.is_in_step(pod)}
        assert any(weights.get(name, 0) > 0 for name in good), f"none of {settled} serves: {classes}"


def live(world: World, seconds: float, watch: Watch) -> None:
    for step in range(int(seconds / STEP_SECONDS)):
        shown = world.step()
        try:
            watch.look(shown)
        except AssertionError as error:
            raise AssertionError(f"seed {world.seed}, {step * STEP_SECONDS:.0f} s: {error}") from error


@pytest.mark.parametrize("seed", range(WORLDS))
def test_no_world_makes_the_pool_run_away_lose_its_readers_or_shrink_in_the_dark(seed: int) -> None:
    world = draw_world(seed)
    live(world, HOURS * 3600.0, Watch(world))


@pytest.mark.parametrize("has_status", [True, False], ids=["a pool", "a trigger alone"])
@pytest.mark.parametrize("seed", range(WORLDS))
def test_a_restart_of_the_scalers_at_any_time_changes_no_size(seed: int, has_status: bool) -> None:
    """Held against the same world without a restart, from the restart on; what ailed on the average is told roughly."""
    world = draw_world(seed)
    world.has_status = has_status
    watch = Watch(world)
    live(world, world.chance.uniform(300.0, 9000.0), watch)
    there = len([pod for pod in world.pods.values() if pod.leaves_at > world.now])
    twin = deepcopy(world)
    twin_asked = [max([size for _, size in world.asked], default=world.spec.bounds.target)]
    world.start_scaler()
    twin_asked += [size for _ in range(int(ROUGHLY_SECONDS / STEP_SECONDS)) if (size := twin.step().decision.desired)]
    for _ in range(int(RESTARTED_SECONDS / STEP_SECONDS)):
        unbroken, shown = twin.step().decision.desired, world.step()
        twin_asked += [unbroken] if unbroken is not None else []
        wanted = shown.decision.desired
        if wanted is not None:
            told = f"seed {seed}: {wanted} of {there}, unbroken {twin_asked[-1]}: {shown.decision.message}"
            least = min(twin_asked) if has_status else min(there, *twin_asked)
            assert wanted >= min(least, world.spec.bounds.maximum), told
            assert wanted <= max(watch.most, bound_size(world)), told
