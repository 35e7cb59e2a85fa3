"""A private network of real stellar-core processes, seen through the scaler's own parser, fleet and policy.

Each story is polled for real, twice a ledger, and told as the classes that each node went through.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from devtools.core.core_under_test import require_core
from readpool.replica_class import ReplicaClass
from readpool.simulator.core_network import CoreNetwork, CoreNetworkSettings, start_core_network
from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds
from scaler.probes import parse
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.triggers.fleet_spec import FleetSpec, NodesSource

POLL_SECONDS = 0.5
ANSWER_SECONDS = 1.0
"""Of which a node takes a few thousandths, and more where other tests have the processors."""
TARGET = 3
LAG_THRESHOLD = 6
FRESH, LAGGING = ReplicaClass.FRESH, ReplicaClass.LAGGING
CATCHING_UP, UNREACHABLE = ReplicaClass.CATCHING_UP, ReplicaClass.UNREACHABLE

pytestmark = pytest.mark.timeout(300)


class Story:
    """One network under observation: its latest snapshot, and all that was seen of it."""

    def __init__(self, network: CoreNetwork) -> None:
        self.network = network
        self.snapshots: list[FleetSnapshot] = []
        self._loop = asyncio.get_running_loop()
        bounds = Bounds(target=TARGET, minimum=1, maximum=6)
        spec = FleetSpec("default", NodesSource(()), bounds, lag_threshold=LAG_THRESHOLD, sustain_seconds=3.0)
        self._fleet = Fleet("default/pool", spec, FleetSettings(POLL_SECONDS), self._loop.time())

    async def observe(self, until: Callable[[FleetSnapshot], bool], deadline_seconds: float, what: str) -> None:
        """Poll until a snapshot is as expected."""
        end = self._loop.time() + deadline_seconds
        while not (self.snapshots and until(self.snapshots[-1])):
            assert self._loop.time() < end, f"not within {deadline_seconds} s: {what}; {self._tell()}"
            await self._poll()

    async def observe_for(self, seconds: float) -> list[FleetSnapshot]:
        """Poll for a while and return what was seen."""
        first, end = len(self.snapshots), self._loop.time() + seconds
        while self._loop.time() < end:
            await self._poll()
        return self.snapshots[first:]

    def classes_of(self, name: str, since: int = 0) -> list[ReplicaClass]:
        """List the classes that a node went through, each change once."""
        seen = [classes[name] for snapshot in self.snapshots[since:] if name in (classes := read_classes(snapshot))]
        return [one for i, one in enumerate(seen) if i == 0 or seen[i - 1] is not one]

    async def _poll(self) -> None:
        started = self._loop.time()
        addresses = self.network.addresses()
        self._fleet.set_members(addresses, started)
        outcomes = await asyncio.gather(*(ask(self.network, name) for name in addresses))
        now = self._loop.time()
        for name, outcome in zip(addresses, outcomes, strict=True):
            self._fleet.observe(name, outcome, now)
        self.snapshots.append(self._fleet.advance(now))
        await asyncio.sleep(max(0.0, started + POLL_SECONDS - self._loop.time()))

    def _tell(self) -> str:
        latest = self.snapshots[-1]
        return "; ".join(f"{one.name}: {one.standing}" for one in latest.replicas) + f"; {latest.tip} {latest.decision}"


async def ask(network: CoreNetwork, name: str) -> NodeReport | PollFailure:
    host, _, port = network.addresses()[name].removeprefix("http://").partition(":")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(b"GET /info HTTP/1.1\r\nHost: node\r\n\r\n")
                answer = await reader.read()
            finally:
                writer.close()
    except TimeoutError:
        return PollFailure("Timeout", f"no answer within {ANSWER_SECONDS} s")
    except OSError as error:
        return PollFailure("ConnectionRefused", str(error))
    return parse(ProbeKind.CORE, answer.partition(b"\r\n\r\n")[2])


def read_classes(snapshot: FleetSnapshot) -> Mapping[str, ReplicaClass]:
    return {replica.name: replica.standing.replica_class for replica in snapshot.replicas}


def all_fresh(snapshot: FleetSnapshot) -> bool:
    return bool(snapshot.replicas) and set(read_classes(snapshot).values()) == {FRESH}


def desired_of(snapshots: list[FleetSnapshot]) -> set[int]:
    return {snapshot.decision.desired for snapshot in snapshots if snapshot.decision.desired is not None}


@pytest.fixture
async def story() -> AsyncIterator[Story]:
    async with await start_core_network(require_core(), CoreNetworkSettings(nodes=TARGET)) as network:
        one = Story(network)
        await one.observe(all_fresh, 60.0, "all are fresh")
        yield one


async def test_a_new_network_is_fresh_and_asks_for_what_it_has(story: Story) -> None:
    began = asyncio.get_running_loop().time()
    seen = await story.observe_for(10.0)
    seconds = asyncio.get_running_loop().time() - began
    assert all(all_fresh(snapshot) for snapshot in seen)
    assert desired_of(seen) == {TARGET}
    assert seen[-1].network == story.network.network
    assert seen[0].tip is not None
    assert seen[-1].tip is not None
    assert 0.6 * seconds <= seen[-1].tip.ledger - seen[0].tip.ledger <= seconds + 2


async def test_a_stopped_node_is_unreachable_then_lags_saying_synced_then_is_fresh(story: Story) -> None:
    first = len(story.snapshots)
    await story.network.stop("pool-1")
    await story.observe(lambda s: read_classes(s)["pool-1"] is UNREACHABLE, 30.0, "pool-1 is unreachable")
    await story.observe(lambda s: s.decision.desired == TARGET + 1, 40.0, "one more is asked for")
    await story.observe_for(15.0)
    await story.network.resume("pool-1")
    await story.observe(lambda s: read_classes(s)["pool-1"] is LAGGING, 30.0, "pool-1 lags")
    standing = next(one.standing for one in story.snapshots[-1].replicas if one.name == "pool-1")
    assert standing.report is not None
    assert standing.report.is_synced
    await story.observe(all_fresh, 90.0, "pool-1 is fresh again")
    assert story.classes_of("pool-1", first) == [FRESH, UNREACHABLE, LAGGING, FRESH]
    assert desired_of(story.snapshots[first:]) == {TARGET, TARGET + 1}
    assert [story.classes_of(name, first) for name in ("pool-0", "pool-2")] == [[FRESH], [FRESH]]


async def test_a_restarted_node_is_fresh_again_within_seconds(story: Story) -> None:
    first = len(story.snapshots)
    restarting = asyncio.create_task(story.network.restart("pool-0"))
    await story.observe_for(5.0)
    await restarting
    await story.observe(all_fresh, 60.0, "pool-0 is fresh again")
    assert story.snapshots[-1].decision.unhealthy == 0
    assert [story.classes_of(name, first) for name in ("pool-1", "pool-2")] == [[FRESH], [FRESH]]


async def test_a_node_that_was_away_is_unreachable_then_catches_up_and_asks_for_nobody_meanwhile(story: Story) -> None:
    first = len(story.snapshots)
    await story.network.die("pool-0")
    await story.observe(lambda s: read_classes(s)["pool-0"] is UNREACHABLE, 30.0, "pool-0 is unreachable")
    await story.observe_for(20.0)  # longer than its peers remember
    await story.network.revive("pool-0")
    await story.observe(lambda s: read_classes(s)["pool-0"] is CATCHING_UP, 30.0, "pool-0 catches up")
    back = len(story.snapshots) - 1
    await story.observe(all_fresh, 120.0, "pool-0 is fresh again")
    assert story.classes_of("pool-0", back) == [CATCHING_UP, FRESH]
    assert desired_of(story.snapshots[first:]) <= {TARGET, TARGET + 1}
    assert story.snapshots[-1].decision.unhealthy == 0


async def test_a_newcomer_is_capacity_on_its_way(story: Story) -> None:
    await story.observe_for(15.0)  # a history to catch up on
    first = len(story.snapshots)
    await story.network.scale(TARGET + 1)
    await story.observe(lambda s: len(s.replicas) == TARGET + 1 and all_fresh(s), 60.0, "the newcomer is fresh")
    went = [one for one in story.classes_of("pool-3", first) if one not in {ReplicaClass.UNKNOWN, UNREACHABLE}]
    assert went == [CATCHING_UP, FRESH]
    assert desired_of(story.snapshots[first:]) <= {TARGET, TARGET + 1}


async def test_nobody_lags_and_desired_never_moves_while_the_network_is_halted(story: Story) -> None:
    before = await story.observe_for(3.0)
    await story.network.halt()
    halted = await story.observe_for(75.0)
    assert desired_of(before + halted) == {TARGET}
    assert all(set(read_classes(snapshot).values()) == {FRESH} for snapshot in halted)
    assert halted[-1].decision.desired is None, "a halted network is no ground to decide on"
    assert {replica.standing.report.state for replica in halted[-1].replicas if replica.standing.report} == {
        "Joining SCP"
    }
    ledger = max(one.standing.report.ledger for one in halted[-1].replicas if one.standing.report)
    await story.network.unhalt()
    await story.observe(lambda s: s.decision.desired == TARGET and all_fresh(s), 60.0, "all go on")
    await story.observe(lambda s: s.tip is not None and s.tip.ledger > ledger + 5, 60.0, "ledgers close again")
    assert desired_of(story.snapshots) == {TARGET}
