"""Worlds of a pool as Hypothesis draws them: any spec, any past, and something that no plan has seen yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from devtools.pools.pool_manifests import ARCHIVE
from readpool.kubernetes.kinds import VOLUME_SNAPSHOT
from readpool.replica_class import ReplicaClass
from tests.unit.api_answers import write_time
from tests.unit.observed_pools import EVERYTHING, FRESH, LAGGING
from tests.unit.pool_world import PoolWorld

MOST_REPLICAS = 7
CLASSES = st.sampled_from([*ReplicaClass, FRESH, FRESH, LAGGING])
TOLD = st.lists(CLASSES, min_size=MOST_REPLICAS - 1, max_size=MOST_REPLICAS).map(tuple)
ARCHIVES = [ARCHIVE, "https://archive2.example.com"]
TAKING = {"snapshots": {"enabled": True, "interval": "10m", "keep": 1}}
SPECS = st.fixed_dictionaries(
    {
        "minReplicas": st.just(1),
        "targetReplicas": st.integers(1, 5),
        "maxReplicas": st.integers(5, 8),
        "replicas": st.integers(0, MOST_REPLICAS),
        "historyArchiveUrls": st.just(ARCHIVES),
        "version": st.sampled_from(["v22.4.1", "v23.0.0", "v21.0.0"]),
        "loadBalancing": st.fixed_dictionaries(
            {
                "enabled": st.sampled_from([True, True, False]),
                "mode": st.sampled_from(["Weighted", "FreshOnly"]),
            },
            optional={
                "laggingNodeWeight": st.integers(0, 50),
                "freshNodeWeight": st.integers(50, 100),
                "httpRoute": st.just({"parentRefs": [{"name": "edge"}]}),
            },
        )
        | st.just({"enabled": True, "freshNodeWeight": 0, "laggingNodeWeight": 0}),
        "shardBalancing": st.fixed_dictionaries(
            {
                "enabled": st.booleans(),
                "shardCount": st.integers(1, 3),
                "strategy": st.sampled_from(["RoundRobin", "HashBased", "Manual", "LedgerRange"]),
                "autoRebalance": st.booleans(),
            }
        ),
        "storage": st.sampled_from(
            [{"size": "100Gi"}, {"size": "200Gi"}, {"retentionPolicy": "Retain"}, TAKING, TAKING]
        ),
        "autoscaling": st.booleans().map(lambda on: {"enabled": on}),
        "replacement": st.booleans().map(lambda on: {"enabled": on, "afterSeconds": 3600}),
        "coreConfigOverride": st.sampled_from(["", "FAILURE_SAFETY = 0\n", "HTTP_PORT = 1\n"]),
        "paused": st.sampled_from([False, False, False, True]),
        "alerting": st.booleans(),
    }
)
CHANGED = (
    "replicas",
    "version",
    "version",
    "loadBalancing",
    "shardBalancing",
    "storage",
    "alerting",
    "coreConfigOverride",
)
OPTIONAL_KINDS = st.sampled_from([EVERYTHING, EVERYTHING, frozenset()])


@dataclass(frozen=True)
class Turn:
    """What happens to a world in one turn: a change of the spec, of pods, of what the scaler says, of time."""

    changed: Mapping[str, Any]
    classes: tuple[ReplicaClass, ...]
    unready: frozenset[int]
    going: frozenset[int]
    silent_for: float | None
    is_halted: bool
    seconds: float
    settles: bool
    snapshot_ready_after: float | None
    exit_code: int | None

    def play(self, world: PoolWorld) -> None:
        """Apply it."""
        world.now += self.seconds
        world.change(**self.changed)
        if self.settles:
            world.settle()
        for ordinal, pod in enumerate(world.pods.values()):
            pod["status"]["conditions"][0]["status"] = "False" if ordinal in self.unready else "True"
            if ordinal in self.going:
                pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        self._end_core(world)
        self._make_snapshots(world)
        world.say(*self.classes, is_halted=self.is_halted)
        world.silent_since = None if self.silent_for is None else world.now - self.silent_for

    def _make_snapshots(self, world: PoolWorld) -> None:
        for key, one in world.objects.items():
            if key.kind == VOLUME_SNAPSHOT and self.snapshot_ready_after is not None:
                asked_at = datetime.fromisoformat(one["metadata"]["creationTimestamp"]).timestamp()
                one["status"] = {"readyToUse": True, "creationTime": write_time(asked_at + self.snapshot_ready_after)}

    def _end_core(self, world: PoolWorld) -> None:
        for pod in list(world.pods.values())[-1:] if self.exit_code is not None else ():
            ended = {"terminated": {"exitCode": self.exit_code}}
            pod["status"]["containerStatuses"] = [
                {"name": "stellar-core", "state": {"running": {}}, "lastState": ended}
            ]


ORDINALS = st.frozensets(st.integers(0, 6), max_size=2)
TURNS = st.builds(
    Turn,
    changed=st.just({}) | st.builds(lambda spec, name: {name: spec[name]}, SPECS, st.sampled_from(CHANGED)),
    classes=TOLD,
    unready=ORDINALS,
    going=st.sampled_from([frozenset(), frozenset(), frozenset({1})]),
    silent_for=st.sampled_from([None, None, None, 5.0, 60.0, 1000.0]),
    is_halted=st.sampled_from([False, False, True]),
    seconds=st.sampled_from([1.0, 31.0, 4000.0]),
    settles=st.booleans(),
    snapshot_ready_after=st.sampled_from([None, 1.0, 1.0, 400.0]),
    exit_code=st.sampled_from([None, None, None, 65, 134]),
)


@st.composite
def worlds(draw: st.DrawFn) -> PoolWorld:
    """Draw a world with a past, in which something has just happened that no plan has seen."""
    world = PoolWorld.make(**(draw(SPECS) | {"coreConfigOverride": ""}))
    world.optional_kinds = draw(OPTIONAL_KINDS)
    world.rest()
    world.settle()
    world.say(*draw(TOLD))
    world.rest()
    for turn in draw(st.lists(TURNS, max_size=2)):
        turn.play(world)
        if draw(st.booleans()):
            world.step()
            world.see_stateful_set()
    draw(TURNS).play(world)
    return world


few = settings(max_examples=settings().max_examples // 3, suppress_health_check=[HealthCheck.too_slow])
"""For invariants of whole worlds, which take their time."""


def list_alive(world: PoolWorld) -> dict[str, str]:
    """List the pods that do not end, with their addresses."""
    pods = {name: pod for name, pod in world.pods.items() if "deletionTimestamp" not in pod["metadata"]}
    return {name: pod["status"]["podIP"] for name, pod in pods.items()}
