"""What holds for a standing after any sequence of outcomes."""

from hypothesis import given
from hypothesis import strategies as st

from readpool.replica_class import ReplicaClass
from scaler.probes.report import CatchUp, NodeReport, PollFailure
from scaler.standing.freshness import ReplicaState, Thresholds, advance
from scaler.standing.tip import Tip

START = 1000.0
LEDGERS = st.one_of(st.integers(0, 2**32 - 1), st.integers(4990, 5010))
SECONDS = st.none() | st.floats(0, 1e9)
NETWORKS = st.sampled_from([None, "ours", "theirs"])
CATCH_UPS = st.none() | st.builds(CatchUp, st.just("Catching up"), eta_seconds=st.none() | st.floats(0, 9_999_999))
REPORTS = st.builds(
    NodeReport,
    LEDGERS,
    st.booleans(),
    network=NETWORKS,
    heard_ledger=st.none() | LEDGERS,
    age_seconds=SECONDS,
    uptime_seconds=SECONDS,
    started_on=st.none() | st.sampled_from([1.0, 2.0]),
    catch_up=CATCH_UPS,
)
OUTCOMES = REPORTS | st.just(PollFailure("Timeout", "no answer"))
TIPS = st.none() | st.builds(
    Tip, LEDGERS, st.just(START), is_stalled=st.booleans(), ceiling=st.none() | st.integers(5000, 6000)
)
POLLS = st.lists(st.tuples(st.floats(0, 60), OUTCOMES, TIPS), min_size=1, max_size=25)
THRESHOLDS = st.builds(
    Thresholds, st.integers(1, 1_000_000), agreeing_polls=st.integers(1, 3), unreachable_polls=st.integers(1, 4)
)
Poll = tuple[float, NodeReport | PollFailure, Tip | None]


def fold(polls: list[Poll], network: str | None, thresholds: Thresholds) -> list[tuple[float, ReplicaState]]:
    standing, now = ReplicaState(since=START, first_seen=START), START
    standings = []
    for passed, outcome, tip in polls:
        now += passed
        standing = advance(standing, outcome, tip, network, thresholds, now)
        standings.append((now, standing))
    return standings


@given(POLLS, NETWORKS, THRESHOLDS)
def test_every_standing_is_sane(polls: list[Poll], network: str | None, thresholds: Thresholds) -> None:
    for now, standing in fold(polls, network, thresholds):
        assert standing.replica_class in ReplicaClass
        assert START <= standing.since <= now
        assert START <= standing.first_seen <= now
        assert standing.lag_ledgers is None or standing.lag_ledgers >= 0
        assert standing.seconds_to_fresh is None or standing.seconds_to_fresh >= 0
        assert standing.became_fresh_after is None or 0 <= standing.became_fresh_after <= now - standing.first_seen
        assert standing.observed_at is None or standing.observed_at <= now
        assert standing.advanced_at is None or standing.advanced_at <= now
        if standing.replica_class in {ReplicaClass.LAGGING, ReplicaClass.UNREACHABLE}:
            assert standing.degraded_since is not None
            assert START <= standing.degraded_since <= standing.since
        assert 0 <= standing.contradicting_polls < max(2, thresholds.agreeing_polls)


@given(POLLS, NETWORKS, THRESHOLDS)
def test_fresh_is_only_who_was_in_sync_and_within_the_threshold_at_some_answer(
    polls: list[Poll], network: str | None, thresholds: Thresholds
) -> None:
    was = ReplicaClass.UNKNOWN
    for (_, outcome, tip), (_, standing) in zip(polls, fold(polls, network, thresholds), strict=True):
        if standing.replica_class is ReplicaClass.FRESH and was is not ReplicaClass.FRESH:
            assert isinstance(outcome, NodeReport)
            assert tip is not None
            assert outcome.is_synced or tip.is_stalled
            assert outcome.ledger > 1
            assert tip.ledger - outcome.ledger < thresholds.lag_ledgers
        was = standing.replica_class


@given(POLLS, NETWORKS, THRESHOLDS)
def test_fresh_and_lagging_change_places_only_when_enough_answers_in_a_row_agree(
    polls: list[Poll], network: str | None, thresholds: Thresholds
) -> None:
    places = {ReplicaClass.FRESH, ReplicaClass.LAGGING}
    was, counted = ReplicaClass.UNKNOWN, 0
    for _, standing in fold(polls, network, thresholds):
        if {was, standing.replica_class} == places:
            assert counted == thresholds.agreeing_polls - 1
        was, counted = standing.replica_class, standing.contradicting_polls


@given(POLLS, NETWORKS, THRESHOLDS, st.integers(1, 10))
def test_unreachable_is_who_failed_often_enough_in_a_row_and_nobody_else(
    polls: list[Poll], network: str | None, thresholds: Thresholds, more: int
) -> None:
    failed = 0
    gone: list[Poll] = [(5.0, PollFailure("Timeout", "no answer"), None)] * more
    for (_, outcome, _), (_, standing) in zip(polls + gone, fold(polls + gone, network, thresholds), strict=True):
        failed = failed + 1 if isinstance(outcome, PollFailure) else 0
        assert standing.failed_polls == failed
        assert (standing.replica_class is ReplicaClass.UNREACHABLE) == (failed >= thresholds.unreachable_polls)


@given(POLLS, THRESHOLDS)
def test_who_names_another_network_is_foreign_whatever_it_was(polls: list[Poll], thresholds: Thresholds) -> None:
    for (_, outcome, _), (_, standing) in zip(polls, fold(polls, "ours", thresholds), strict=True):
        if isinstance(outcome, NodeReport) and outcome.network == "theirs":
            assert standing.replica_class is ReplicaClass.FOREIGN


@given(st.lists(st.tuples(st.floats(0, 60), REPORTS, st.none()), max_size=10), THRESHOLDS)
def test_without_a_tip_nobody_is_classed(polls: list[Poll], thresholds: Thresholds) -> None:
    assert {standing.replica_class for _, standing in fold(polls, None, thresholds)} <= {ReplicaClass.UNKNOWN}
