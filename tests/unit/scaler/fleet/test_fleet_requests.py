"""What the gates say, folded into the fleet: the rate is known when all that serve tell theirs, and never otherwise."""

from dataclasses import replace
from math import inf

import pytest

from readpool.replica_class import ReplicaClass
from scaler.fleet.readers import find_failing, find_rates, list_serving
from scaler.fleet.request_figures import RequestFigures, compute_latency_p90
from scaler.probes.gate import GateReport
from scaler.probes.report import PollFailure
from tests.component.scripted_fleets import make_replica
from tests.unit.staged_fleet import (
    GONE,
    LEDGER_SECONDS,
    POLL_SECONDS,
    SPEC,
    StagedFleet,
    StagedNetwork,
    classes,
    desired,
)

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, FOREIGN, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN
NETWORK = StagedNetwork()
REFUSED = PollFailure("ConnectionRefused", "nothing listens on that port")
LEARNED = replace(SPEC, learned_requests_per_replica=100.0)


class Readers:
    """Readers of a staged fleet: each gate counts so many requests a second, and tells it when it is asked."""

    def __init__(self, stage: StagedFleet, **rates: float) -> None:
        self.stage = stage
        self.rates = {name.replace("_", "-"): rate for name, rate in rates.items()}
        self.counted = dict.fromkeys(self.rates, 0.0)
        self.failed = dict.fromkeys(self.rates, 0.0)
        self.failing_share = 0.01

    def play(self, seconds: float) -> None:
        """Advance time, each gate asked as often as each node."""
        for _ in range(int(seconds / POLL_SECONDS)):
            self.stage.play(POLL_SECONDS)
            for name, rate in self.rates.items():
                self.counted[name] += rate * POLL_SECONDS
                self.failed[name] += self.failing_share * rate * POLL_SECONDS
                count = int(self.counted[name])
                report = GateReport(count, int(self.failed[name]), count, ((10.0, count), (inf, count)))
                self.stage.fleet.observe_gate(name, report, self.stage.now)


def steady(**rates: float) -> tuple[StagedFleet, Readers]:
    """Return a fleet of three in step, of which these gates tell so many requests a second."""
    stage = StagedFleet(*[NETWORK.in_step] * 3)
    readers = Readers(stage, **rates)
    readers.play(180)
    return stage, readers


def known(stage: StagedFleet) -> dict[str, float]:
    """Return the requests a second of each replica that tells them."""
    return find_rates(stage.fleet.advance(stage.now).replicas) or {}


def test_where_all_tell_the_load_is_known_and_sizes_the_pool_by_what_was_learned() -> None:
    stage, _ = steady(core_0=100.0, core_1=100.0, core_2=140.0)
    stage.fleet.change_spec(LEARNED, stage.now)
    shown = stage.fleet.advance(stage.now)
    assert known(stage) == {"core-0": 100.0, "core-1": 100.0, "core-2": 140.0}
    assert (shown.decision.replicas_for_load, shown.decision.desired) == (4, 4)
    figures = shown.replicas[0].requests
    assert figures is not None
    assert (figures.requests_per_second, figures.error_percent, compute_latency_p90((figures,))) == (100.0, 1.0, 9.0)


def test_where_one_that_serves_tells_nothing_nothing_is_known_of_the_load() -> None:
    stage, _ = steady(core_0=100.0, core_1=100.0)
    stage.fleet.change_spec(LEARNED, stage.now)
    shown = stage.fleet.advance(stage.now)
    assert known(stage) == {}
    assert (shown.decision.replicas_for_load, shown.decision.desired) == (0, 3)
    assert [one.requests is None for one in shown.replicas] == [False, False, True]


def test_a_fleet_without_gates_decides_as_ever() -> None:
    stage, _ = steady()
    assert known(stage) == {}
    assert desired(stage.play(60)) == {3}


def test_one_failed_question_changes_nothing_and_after_three_nothing_is_known() -> None:
    stage, readers = steady(core_0=100.0, core_1=100.0, core_2=100.0)
    silent = readers.rates.pop("core-2")
    for polls, is_known in ((1, True), (3, True), (5, False)):
        while readers.counted["core-2"] < silent * (180 + polls * POLL_SECONDS):
            readers.counted["core-2"] += silent * POLL_SECONDS
            readers.play(POLL_SECONDS)
            stage.fleet.observe_gate("core-2", REFUSED, stage.now)
        assert bool(known(stage)) is is_known
    readers.rates["core-2"] = silent
    readers.play(POLL_SECONDS)
    assert known(stage)["core-2"] == 100.0


def test_how_full_a_volume_is_counts_until_its_gate_has_been_silent_for_three_polls() -> None:
    stage, _ = steady()
    stage.fleet.observe_gate("core-1", replace(GateReport(1, 0, 1), volume_used_percent=83), stage.now)

    def read_used() -> list[int | None]:
        return [one.volume_used_percent for one in stage.fleet.advance(stage.now).replicas]

    assert read_used() == [None, 83, None]
    stage.fleet.observe_gate("core-1", REFUSED, stage.now)
    stage.play(2 * POLL_SECONDS)
    assert read_used() == [None, 83, None]
    stage.play(4 * POLL_SECONDS)
    assert read_used() == [None, None, None]


def test_a_gate_that_does_not_answer_makes_no_replica_unreachable() -> None:
    stage, _ = steady()
    for _ in range(20):
        for name in stage.scripts:
            stage.fleet.observe_gate(name, REFUSED, stage.now)
        shown = stage.play(POLL_SECONDS)
        assert set(classes(shown[-1]).values()) == {FRESH}
        assert {one.standing.failed_polls for one in shown[-1].replicas} == {0}


def test_a_gate_that_was_started_anew_leaves_the_load_unknown_for_a_moment_and_never_absurd() -> None:
    stage, readers = steady(core_0=100.0, core_1=100.0, core_2=100.0)
    readers.counted["core-1"] = 0.0
    readers.play(POLL_SECONDS)
    assert known(stage) == {}
    readers.play(POLL_SECONDS)
    assert known(stage) == {"core-0": 100.0, "core-1": 100.0, "core-2": 100.0}


def test_one_that_does_not_serve_need_not_tell() -> None:
    stage, readers = steady(core_0=100.0, core_1=100.0)
    stage.scripts["core-2"] = lambda _: GONE
    readers.play(60)
    assert classes(stage.fleet.advance(stage.now))["core-2"] is UNREACHABLE
    assert known(stage) == {"core-0": 100.0, "core-1": 100.0}


def test_who_goes_is_forgotten_and_who_comes_back_begins_anew() -> None:
    stage, readers = steady(core_0=100.0, core_1=100.0, core_2=100.0)
    gone = stage.scripts.pop("core-2")
    stage.take_members()
    stage.fleet.observe_gate("core-2", GateReport(1, 0, 1), stage.now)
    assert known(stage) == {"core-0": 100.0, "core-1": 100.0}
    stage.scripts["core-2"] = gone
    stage.take_members()
    assert stage.fleet.advance(stage.now).replicas[2].requests is None
    readers.play(POLL_SECONDS)
    assert stage.fleet.advance(stage.now).replicas[2].requests is None


def test_another_gate_is_not_held_against_the_one_before() -> None:
    stage, readers = steady(core_0=100.0, core_1=100.0, core_2=100.0)
    stage.fleet.forget_gate("core-1")
    readers.counted["core-1"] += 10**9
    readers.play(POLL_SECONDS)
    assert known(stage) == {}
    readers.play(POLL_SECONDS)
    assert known(stage)["core-1"] == 100.0


SERVING: dict[str, tuple[tuple[ReplicaClass, ...], set[int]]] = {
    "those fresh": ((FRESH, FRESH), {0, 1}),
    "and those that lag": ((FRESH, LAGGING), {0, 1}),
    "not those on their way": ((FRESH, CATCHING_UP), {0}),
    "but where nobody else is": ((CATCHING_UP, UNREACHABLE), {0}),
    "nor those that cannot be": ((UNREACHABLE, FOREIGN, UNKNOWN), set()),
}


@pytest.mark.parametrize(("kinds", "serving"), SERVING.values(), ids=SERVING.keys())
def test_readers_reach(kinds: tuple[ReplicaClass, ...], serving: set[int]) -> None:
    replicas = [make_replica(f"core-{number}", kind) for number, kind in enumerate(kinds)]
    assert {replicas.index(one) for one in list_serving(replicas)} == serving


def test_the_load_is_that_of_all_that_tell_once_those_that_serve_do() -> None:
    told = replace(make_replica("core-0", FRESH), requests=RequestFigures(7.0))
    on_its_way = replace(make_replica("core-1", CATCHING_UP), requests=RequestFigures(2.0))
    assert find_rates([told, on_its_way, make_replica("core-2", UNREACHABLE)]) == {"core-0": 7.0, "core-1": 2.0}
    assert find_rates([told, make_replica("core-1", LAGGING)]) is None
    assert find_rates([]) is None


@pytest.mark.parametrize(("failing_share", "learned"), [(0.01, 150.0), (0.5, 100.0)])
def test_what_a_replica_bears_is_what_it_was_asked_for_before_it_failed_its_readers(
    failing_share: float, learned: float
) -> None:
    stage, readers = steady(core_0=100.0, core_1=100.0, core_2=100.0)
    readers.rates, readers.failing_share = {"core-0": 150.0, "core-1": 150.0, "core-2": 60.0}, failing_share
    readers.play(90)
    falls_at = stage.now
    for name in ("core-0", "core-1"):
        stage.scripts[name] = lambda now: NETWORK.behind(int((now - falls_at) / (2 * LEDGER_SECONDS)))(now)
    readers.play(300)
    assert stage.fleet.advance(stage.now).decision.learned_requests_per_replica == pytest.approx(learned, rel=0.02)


@pytest.mark.parametrize(("failures", "fails"), [(0.0, False), (4.9, False), (5.0, True), (100.0, True)])
def test_a_replica_fails_its_readers_from_one_answer_in_twenty_on(failures: float, fails: bool) -> None:
    figures = RequestFigures(200.0, answers_per_second=100.0, failures_per_second=failures)
    other = replace(make_replica("core-1", FRESH), requests=RequestFigures(200.0, answers_per_second=100.0))
    asked = [replace(make_replica("core-0", FRESH), requests=figures), other, make_replica("core-2", FRESH)]
    assert find_failing(asked) == ({"core-0"} if fails else set())
