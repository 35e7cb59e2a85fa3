"""One replica's class, transition by transition; each of Core's traps that concerns a class is here."""

from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.probes.report import CatchUp, NodeReport, PollFailure
from scaler.standing.freshness import ReplicaState, Thresholds, advance
from scaler.standing.tip import Tip

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, FOREIGN, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN
NOW = 10_000.0
TIP = Tip(5000, NOW - 1, ceiling=5044)
STALLED = replace(TIP, is_stalled=True)
NETWORK = "Test SDF Network ; September 2015"
THRESHOLDS = Thresholds(lag_ledgers=100)
GONE = PollFailure("Timeout", "no response within 4 s")
DAY = 86_400.0


def report(
    ledger: int = 5000, *, is_synced: bool = True, up: float | None = DAY, started_on: float = 1.0
) -> NodeReport:
    return NodeReport(ledger, is_synced=is_synced, network=NETWORK, uptime_seconds=up, started_on=started_on)


def joining(ledger: int = 1, up: float | None = None, started_on: float = 1.0) -> NodeReport:
    return report(ledger, is_synced=False, up=up, started_on=started_on)


def fold(
    *outcomes: NodeReport | PollFailure,
    start: ReplicaState | None = None,
    tip: Tip | None = TIP,
    thresholds: Thresholds = THRESHOLDS,
) -> list[ReplicaState]:
    standing = start or ReplicaState(since=NOW, first_seen=NOW)
    first = (standing.observed_at or NOW - 5) + 5
    standings = []
    for turn, outcome in enumerate(outcomes):
        standing = advance(standing, outcome, tip, NETWORK, thresholds, first + 5 * turn)
        standings.append(standing)
    return standings


def walk(
    *outcomes: NodeReport | PollFailure, tip: Tip | None = TIP, thresholds: Thresholds = THRESHOLDS
) -> list[ReplicaClass]:
    return [standing.replica_class for standing in fold(*outcomes, tip=tip, thresholds=thresholds)]


OK, LATE = report(), report(4900)


@pytest.mark.parametrize(
    ("outcomes", "classes"),
    [
        pytest.param([OK], [FRESH], id="a newcomer in step is fresh at once"),
        pytest.param([OK, LATE, LATE], [FRESH, FRESH, LAGGING], id="two polls agree before it lags"),
        pytest.param([OK, LATE, OK, LATE, OK], [FRESH] * 5, id="they must be in a row"),
        pytest.param([OK, LATE, GONE, LATE], [FRESH, FRESH, FRESH, LAGGING], id="a missed poll is no answer"),
        pytest.param(
            [OK, LATE, LATE, OK, OK], [FRESH, FRESH, LAGGING, LAGGING, FRESH], id="two agree before it returns"
        ),
        pytest.param([OK, *[report(4901)] * 3], [FRESH] * 4, id="one short of the threshold it stays fresh"),
        pytest.param([OK, LATE, LATE, *[report(4919)] * 3], [FRESH, FRESH, *[LAGGING] * 4], id="81 % is not enough"),
        pytest.param([OK, LATE, LATE, *[report(4920)] * 2], [FRESH, FRESH, LAGGING, LAGGING, FRESH], id="80 % is"),
        pytest.param([OK, GONE, GONE], [FRESH] * 3, id="two misses are nothing"),
        pytest.param([OK, GONE, GONE, GONE], [FRESH] * 3 + [UNREACHABLE], id="three are"),
        pytest.param([OK, GONE, GONE, OK, GONE, GONE], [FRESH] * 6, id="three in a row, that is"),
        pytest.param([OK, *[GONE] * 3, OK], [FRESH] * 3 + [UNREACHABLE, FRESH], id="it answers again in step"),
        pytest.param([OK, *[GONE] * 3, LATE], [FRESH] * 3 + [UNREACHABLE, LAGGING], id="it answers again behind"),
        pytest.param(
            [GONE, GONE, GONE], [UNKNOWN, UNKNOWN, UNREACHABLE], id="never answered: unknown, not unreachable"
        ),
        pytest.param([GONE, OK], [UNKNOWN, FRESH], id="first answer after a miss"),
        pytest.param([joining()] * 4, [CATCHING_UP] * 4, id="a newcomer that joins"),
        pytest.param([joining(), joining(4800), OK], [CATCHING_UP] * 2 + [FRESH], id="until first fresh"),
        pytest.param(
            [joining(), report(4800), OK], [CATCHING_UP] * 2 + [FRESH], id="synced and behind, still catching up"
        ),
        pytest.param([OK, joining(4999), joining(4999)], [FRESH, FRESH, LAGGING], id="it loses sync"),
        pytest.param([report(4300)], [LAGGING], id="a restarted scaler sees Synced! that is not current"),
        pytest.param([joining(4300, up=DAY)], [LAGGING], id="a restarted scaler sees an old one out of sync"),
        pytest.param([joining(4300, up=60.0)], [CATCHING_UP], id="a restarted scaler sees a newcomer"),
        pytest.param([joining(1, up=None)], [CATCHING_UP], id="one that has closed nothing has no age"),
        pytest.param([OK, report(5044)], [FRESH, FRESH], id="ahead of the tip within reason"),
        pytest.param([OK, report(5045), OK], [FRESH] * 3, id="claims too much once"),
        pytest.param(
            [OK, report(5045), report(5045), OK],
            [FRESH, FRESH, FOREIGN, FRESH],
            id="claims what the network cannot have",
        ),
        pytest.param([report(2**32 - 1)] * 3, [UNKNOWN, FOREIGN, FOREIGN], id="lies from the start"),
    ],
)
def test_the_class_goes(outcomes: list[NodeReport | PollFailure], classes: list[ReplicaClass]) -> None:
    assert walk(*outcomes) == classes


@pytest.mark.parametrize(
    ("outcomes", "classes"),
    [
        pytest.param([joining(1), report(1)], [CATCHING_UP, CATCHING_UP], id="ledger 1 is none of the network's"),
        pytest.param([joining(0), report(0)], [CATCHING_UP, CATCHING_UP], id="nor is 0"),
        pytest.param([joining(1), report(2)], [CATCHING_UP, FRESH], id="ledger 2 is"),
    ],
)
def test_on_a_young_network_age_0_is_not_fresh(outcomes: list[NodeReport], classes: list[ReplicaClass]) -> None:
    assert walk(*outcomes, tip=Tip(2, NOW)) == classes


def test_synced_while_70_behind_is_lagging() -> None:
    thresholds = Thresholds(lag_ledgers=12)
    assert walk(OK, *[report(4930)] * 5, thresholds=thresholds) == [FRESH, FRESH, *[LAGGING] * 4]


def test_a_threshold_of_1_flips_at_one_ledger_and_returns_at_none() -> None:
    one = Thresholds(lag_ledgers=1)
    behind = report(4999)
    assert walk(OK, behind, behind, behind, OK, OK, thresholds=one) == [FRESH, FRESH, *[LAGGING] * 3, FRESH]


@pytest.mark.parametrize(
    ("before", "after", "classes"),
    [
        pytest.param([OK], [joining(4900, up=1.0, started_on=2.0)] * 2, [FRESH, CATCHING_UP], id="fresh"),
        pytest.param([OK], [report(5000, up=1.0, started_on=2.0)] * 2, [FRESH, FRESH], id="fresh, and back at once"),
        pytest.param([OK, LATE, LATE], [joining(4900, up=1.0, started_on=2.0)], [CATCHING_UP], id="lagging"),
        pytest.param([OK, *[GONE] * 3], [joining(4900, up=1.0, started_on=2.0)], [CATCHING_UP], id="unreachable"),
        pytest.param([joining(1)], [joining(1, started_on=2.0)], [CATCHING_UP], id="catching up"),
    ],
)
def test_a_restart_is_seen_by_started_on_of_one_that_was(
    before: list[NodeReport | PollFailure], after: list[NodeReport], classes: list[ReplicaClass]
) -> None:
    standings = fold(*before, *after)[len(before) :]
    assert [standing.replica_class for standing in standings] == classes
    assert all(standing.first_seen > NOW for standing in standings)


def test_how_long_a_newcomer_took_is_kept_through_all_that_follows() -> None:
    standings = fold(joining(), joining(), OK, LATE, LATE, *[GONE] * 3, OK)
    assert [standing.became_fresh_after for standing in standings] == [None, None, *[10.0] * 7]


def test_another_network_is_foreign_at_once_and_without_a_tip() -> None:
    other = replace(OK, network="Public Global Stellar Network ; September 2015")
    assert walk(OK, other, OK) == [FRESH, FOREIGN, FRESH]
    assert walk(other, tip=None) == [FOREIGN]


@pytest.mark.parametrize("known", [FRESH, LAGGING, CATCHING_UP, UNKNOWN])
def test_without_a_tip_a_class_stays(known: ReplicaClass) -> None:
    start = ReplicaState(known, since=NOW, observed_at=NOW, report=OK)
    standings = fold(joining(3), LATE, OK, start=start, tip=None)
    assert [standing.replica_class for standing in standings] == [known] * 3


def test_without_a_tip_one_that_answers_again_is_unknown() -> None:
    assert walk(*[GONE] * 3, OK, tip=None) == [UNKNOWN, UNKNOWN, UNREACHABLE, UNKNOWN]


@pytest.mark.parametrize("known", [FRESH, LAGGING, CATCHING_UP])
def test_lost_sync_on_a_stalled_network_changes_no_class(known: ReplicaClass) -> None:
    start = ReplicaState(known, since=NOW, observed_at=NOW, report=OK, became_fresh_after=None)
    standings = fold(*[joining(5000, up=DAY)] * 20, start=start, tip=STALLED)
    assert {standing.replica_class for standing in standings} == {known}


def test_one_that_misses_polls_on_a_stalled_network_and_is_back_has_not_fallen_behind() -> None:
    assert walk(OK, *[GONE] * 3, joining(5000, up=DAY), tip=STALLED)[-1] is FRESH


def test_seconds_to_fresh_come_from_the_status_line_while_it_waits() -> None:
    waiting = CatchUp("Waiting for trigger ledger: 14/65, ETA: 255s", eta_seconds=255.0)
    (standing,) = fold(replace(joining(), catch_up=waiting))
    assert (standing.seconds_to_fresh, standing.detail) == (255.0, waiting.text)


def test_seconds_to_fresh_come_from_what_it_gains() -> None:
    *_, standing = fold(*[joining(4000 + 50 * turn) for turn in range(5)])
    assert standing.gain == pytest.approx(10.0)
    assert standing.rate == pytest.approx(10.0)
    assert standing.seconds_to_fresh == pytest.approx((800 - 80) / 10)


@pytest.mark.parametrize(
    "outcomes",
    [
        pytest.param([joining(4000)], id="one answer shows no gain"),
        pytest.param([joining(4000)] * 3, id="it stands still"),
        pytest.param([joining(4000), joining(3900)], id="it falls back"),
        pytest.param([joining(4000), OK], id="it is fresh"),
        pytest.param([joining(4000), joining(4500), *[GONE] * 3], id="it does not answer"),
    ],
)
def test_seconds_to_fresh_are_not_told_when(outcomes: list[NodeReport | PollFailure]) -> None:
    assert fold(*outcomes)[-1].seconds_to_fresh is None


def test_a_catch_up_that_ran_does_not_flatter_the_next_one_after_a_restart() -> None:
    ran = fold(*[joining(1000 * turn) for turn in range(1, 5)])
    (standing,) = fold(joining(100, started_on=2.0), start=ran[-1])
    assert standing.rate is None or standing.rate <= 0
    assert standing.seconds_to_fresh is None


@pytest.mark.parametrize(
    ("outcomes", "ailing_for"),
    [
        pytest.param([OK, LATE, LATE], 5, id="since the first answer that shows the lag"),
        pytest.param([OK, LATE], 0, id="which may turn out to mean nothing"),
        pytest.param([OK, LATE, OK], None, id="as it did"),
        pytest.param([OK, GONE, GONE, GONE, GONE], 5, id="since it is unreachable"),
        pytest.param([OK, *[GONE] * 4, LATE, LATE], 15, id="and all the while it answers again, but behind"),
        pytest.param([OK, LATE, LATE, *[GONE] * 3], 20, id="and when one that lags answers no more"),
        pytest.param([OK, LATE, *[GONE] * 3], 15, id="also when it was not yet called so"),
        pytest.param([OK, LATE, LATE, OK], 10, id="until two answers say that it is back"),
        pytest.param([OK, LATE, LATE, OK, OK], None, id="then no more"),
        pytest.param([OK, *[GONE] * 3, joining(1, 9.0, 2.0)], None, id="nor when it has restarted and catches up"),
    ],
)
def test_a_replica_ails_from_what_first_showed_it_until_it_is_fresh(
    outcomes: list[NodeReport | PollFailure], ailing_for: float | None
) -> None:
    last = fold(*outcomes)[-1]
    now = NOW + 5 * (len(outcomes) - 1)
    assert (None if last.degraded_since is None else now - last.degraded_since) == ailing_for


@pytest.mark.parametrize("interval", [0.05, 0.5, 5.0, 20.0, 60.0])
def test_the_rate_is_that_of_half_a_minute_however_often_it_is_asked(interval: float) -> None:
    standing, rates = ReplicaState(since=NOW, first_seen=NOW), []
    for turn in range(int(max(150.0, 5 * interval) / interval)):
        seconds = turn * interval
        standing = advance(standing, report(4000 + int(seconds / 10)), TIP, NETWORK, THRESHOLDS, NOW + seconds)
        rates.append(standing.rate)
    late = [rate or 0.0 for rate in rates[len(rates) // 2 :]]
    assert all(0.02 < rate < 0.25 for rate in late), (min(late), max(late))


def test_lost_sync_with_the_newest_ledger_that_anybody_has_is_no_lag_though_the_tip_is_not_yet_seen_to_stand() -> None:
    lost = replace(report(4999, is_synced=False), age_seconds=60.0)
    for late, replica_class in (
        (lost, FRESH),
        (replace(lost, ledger=4998), LAGGING),
        (replace(lost, age_seconds=3.0), LAGGING),
        (replace(lost, age_seconds=None), LAGGING),
    ):
        assert walk(report(4999), late, late)[-1] is replica_class


def test_one_whose_ledgers_are_older_than_its_last_answer_replays_history() -> None:
    replayed = [replace(report(ledger, is_synced=False), age_seconds=60.0) for ledger in (4999, 5000)]
    assert walk(OK, *replayed) == [FRESH, FRESH, LAGGING]
