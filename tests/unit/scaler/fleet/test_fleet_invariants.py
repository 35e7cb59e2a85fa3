"""What holds for a fleet whatever its nodes answer."""

import random
from collections import Counter
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.fleet.keda_metrics import MetricUnavailable, compute_metric
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Bounds
from scaler.probes.report import NodeReport, PollFailure
from scaler.triggers.metric import Metric
from tests.unit.staged_fleet import FIRST_LEDGER, GONE, SPEC, START, Outcome, StagedNetwork

NETWORK = StagedNetwork()
NAMES = ("core-0", "core-1", "core-2", "core-3")
OURS = "Test SDF Network ; September 2015"
LEDGERS = st.one_of(st.integers(0, 2**32 - 1), st.integers(FIRST_LEDGER - 50, FIRST_LEDGER + 100))
REPORTS = st.builds(
    NodeReport,
    LEDGERS,
    st.booleans(),
    network=st.sampled_from([OURS, OURS, "theirs", None]),
    heard_ledger=st.none() | LEDGERS,
    age_seconds=st.none() | st.floats(0, 1e6),
    uptime_seconds=st.none() | st.floats(0, 1e6),
    started_on=st.none() | st.sampled_from([1.0, 2.0]),
)
OUTCOMES: st.SearchStrategy[Outcome] = REPORTS | st.just(GONE)
EVENTS = st.lists(st.tuples(st.floats(0, 90), st.sampled_from(NAMES), OUTCOMES), max_size=60)
LIES = st.lists(st.one_of(LEDGERS, st.integers(0, 60).map(lambda ahead: -ahead)), min_size=24, max_size=24)
BOUNDS = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)).map(
    lambda steps: Bounds(steps[0], max(1, steps[0] + steps[1]), max(1, sum(steps)))
)
Event = tuple[float, str, Outcome]


def build_fleet(bounds: Bounds, names: tuple[str, ...] = NAMES) -> Fleet:
    fleet = Fleet("stellar/core", replace(SPEC, bounds=bounds), FleetSettings(), START)
    fleet.set_members({name: f"http://{name}:11626" for name in names}, START)
    return fleet


def play(fleet: Fleet, events: list[Event]) -> list[FleetSnapshot]:
    now, shown = START, [fleet.advance(START)]
    for passed, name, outcome in events:
        now += passed
        fleet.observe(name, outcome, now)
        shown.append(fleet.advance(now))
    return shown


@given(BOUNDS, EVENTS)
def test_desired_is_within_the_bounds_or_there_is_no_ground(bounds: Bounds, events: list[Event]) -> None:
    for snapshot in play(build_fleet(bounds), events):
        wanted = snapshot.decision.desired
        assert wanted is None or bounds.minimum <= wanted <= bounds.maximum
        assert snapshot.decision.reason
        assert snapshot.decision.message


@given(EVENTS)
def test_every_snapshot_is_sane(events: list[Event]) -> None:
    for sequence, snapshot in enumerate(play(build_fleet(SPEC.bounds), events), 1):
        assert snapshot.sequence == sequence
        assert [replica.name for replica in snapshot.replicas] == list(NAMES)
        assert sum(snapshot.counts.values()) == len(NAMES)
        for replica in snapshot.replicas:
            assert replica.standing.replica_class in ReplicaClass
            assert replica.standing.since <= snapshot.at
            assert (replica.standing.lag_ledgers or 0) >= 0


@given(EVENTS, st.sampled_from(Metric))
def test_no_metric_is_ever_negative_or_not_a_number(events: list[Event], metric: Metric) -> None:
    for snapshot in play(build_fleet(SPEC.bounds), events):
        try:
            assert compute_metric(snapshot, metric) >= 0
        except MetricUnavailable as nothing:
            assert nothing.message  # noqa: PT017 - either a number or a sentence


@given(EVENTS)
def test_who_was_not_observed_is_unknown_and_nothing_is_decided_at_first(events: list[Event]) -> None:
    """Nothing is asked for as long as a member has neither answered nor failed to often enough."""
    answers = [event for event in events if event[1] != "core-3" and event[2] != GONE]
    for snapshot in play(build_fleet(SPEC.bounds), answers):
        assert snapshot.replicas[3].standing.replica_class is ReplicaClass.UNKNOWN
        assert snapshot.decision.desired is None


@given(st.lists(OUTCOMES, min_size=4, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_nodes_never_matters_to_tip_and_network(outcomes: list[Outcome], chance: random.Random) -> None:
    """A round of polls in any order leads to the same tip, unless as many nodes are of one network as of another.

    Classes may differ: between return and lag threshold a replica stays what it was before.
    """
    votes = Counter(outcome.network for outcome in outcomes if isinstance(outcome, NodeReport) and outcome.network)
    assume(votes[OURS] != votes["theirs"])
    numbers = []
    for names in (list(NAMES), chance.sample(NAMES, len(NAMES))):
        fleet = build_fleet(SPEC.bounds, tuple(names))
        shown = None
        for turn in range(6):
            for name in names:
                fleet.observe(name, outcomes[NAMES.index(name)], START + 5 * turn)
            shown = fleet.advance(START + 5 * turn + 1)
        assert shown is not None
        numbers.append((shown.tip and shown.tip.ledger, shown.network))
    assert numbers[0] == numbers[1]


@settings(max_examples=40)
@given(LIES, st.integers(3, 5), st.booleans(), st.integers(0, 5))
def test_a_liar_among_current_nodes_changes_neither_their_class_nor_the_size(
    lies: list[int], honest_count: int, is_first: bool, age_seconds: int
) -> None:
    """Lies: any ledger, or (negative) so many ledgers ahead, one each five seconds, from the first poll on."""
    honest = [f"core-{i}" for i in range(1, honest_count + 1)]
    fleet = build_fleet(Bounds(2, 3, 10), ("core-0", *honest))
    for turn, lie in enumerate(lies * 2):
        now = START + 5 * turn
        truth = NETWORK.in_step(now)
        ledger = lie if lie > 0 else truth.ledger - lie
        said = replace(truth, ledger=ledger, heard_ledger=ledger, age_seconds=age_seconds, is_synced=True)
        for name in ["core-0", *honest] if is_first else [*honest, "core-0"]:
            fleet.observe(name, said if name == "core-0" else truth, now)
        shown = fleet.advance(now)
        assert shown.tip is not None
        assert turn == 0 or shown.tip.ledger <= truth.ledger
        if turn > 2:
            assert {replica.standing.replica_class for replica in shown.replicas[1:]} == {ReplicaClass.FRESH}
        # A liar that says it lags is one replica less, and no more than that.
        assert shown.decision.desired in {None, max(3, honest_count), max(3, honest_count) + 1}


@settings(max_examples=30)
@given(st.lists(st.integers(0, 300), min_size=3, max_size=6), st.integers(0, 60), st.booleans())
def test_a_halted_network_never_changes_desired(missed: list[int], halts_after: int, resumes: bool) -> None:
    """Each node misses single polls of its own; the network halts at any time, and may resume."""
    halts_at = START + 120 + halts_after
    network = StagedNetwork(halts_at, halts_at + 400 if resumes else float("inf"))
    names = tuple(f"core-{i}" for i in range(len(missed)))
    fleet = build_fleet(Bounds(2, len(missed), 10), names)
    numbers = set()
    for second in range(700):
        now = START + second
        for phase, name in enumerate(names):
            if second % 5 == phase % 5:
                outcome: Outcome = network.in_step(now)
                fleet.observe(name, GONE if abs(second - missed[phase]) <= 5 else outcome, now)
        if second % 3 == 0:
            shown = fleet.advance(now)
            numbers.add(shown.decision.desired)
            assert ReplicaClass.LAGGING not in shown.counts
    assert numbers <= {None, len(missed)}


@given(EVENTS, st.text(max_size=20))
def test_a_failed_discovery_changes_nothing_but_words(events: list[Event], why: str) -> None:
    told, untold = build_fleet(SPEC.bounds), build_fleet(SPEC.bounds)
    for fleet in (told, untold):
        play(fleet, events)
    told.discovery_failed(why, START)
    at = START + 10_000
    assert told.advance(at).replicas == untold.advance(at).replicas
    assert told.advance(at + 1).decision.desired == untold.advance(at + 1).decision.desired


def test_a_failure_of_a_reference_is_no_evidence() -> None:
    fleet = build_fleet(SPEC.bounds)
    fleet.observe("core-0", PollFailure("Timeout", "no answer"), START)
    assert fleet.advance(START).tip is None
