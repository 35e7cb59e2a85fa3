"""How long what overload called for stays, where nobody knows the load, and where somebody does."""

from collections.abc import Mapping

from readpool.replica_class import ReplicaClass
from scaler.freshness import ReplicaStanding
from scaler.policy import Bounds, PolicyMemory, PolicySettings, decide
from scaler.policy_release import Surplus
from scaler.tip import Tip

Pool = Mapping[str, ReplicaStanding]

NOW = 10_000.0
F = ReplicaStanding(ReplicaClass.FRESH, since=0.0)
L = ReplicaStanding(ReplicaClass.LAGGING, since=NOW - 72)
BUSY = ReplicaStanding(ReplicaClass.LAGGING, since=NOW - 72, rate=0.15)
BOUNDS = Bounds(3, 5, 20)


def pool(*standings: ReplicaStanding) -> Pool:
    return {f"core-{i}": s for i, s in enumerate(standings)}


def sizes(*pools: Pool, requests: float | None = None, borne: float | None = None) -> list[int | None]:
    """Decide once a minute; `requests` are those of each replica, where they are known."""
    memory, desired = PolicyMemory(surplus=Surplus(held=5)), []
    settings = PolicySettings(BOUNDS, learned_requests_per_replica=borne)
    for turn, standings in enumerate(pools):
        now = NOW + 60.0 * turn
        decision, memory = decide(
            standings,
            Tip(5000 + turn, now),
            observed_since=0.0,
            memory=memory,
            settings=settings,
            now=now,
            requests=None if requests is None else dict.fromkeys(standings, requests),
        )
        desired.append(decision.desired)
    return desired


TOPPLED, WELL = pool(F, F, F, BUSY, BUSY, F, F), pool(*[F] * 7)


def test_what_overload_called_for_stays_two_hours_where_nobody_knows_the_load() -> None:
    desired = sizes(WELL, TOPPLED, *[WELL] * 300)
    assert desired[1:121] == [7] * 120
    assert desired[125:241] == [6] * 116
    assert desired[245:] == [5] * 57


def test_once_the_target_was_enough_again_a_substitute_goes_as_soon_as_any() -> None:
    toppled, lags, well = pool(F, F, F, BUSY, BUSY), pool(F, F, F, F, L), pool(*[F] * 5)
    desired = sizes(well, toppled, *[well] * 400, lags, *[well] * 10)
    assert (desired[1], desired[400], desired[402]) == (7, 5, 6)
    assert desired[-1] == 5


def test_a_load_that_is_known_to_be_borne_is_waited_for_no_longer_than_any() -> None:
    desired = sizes(WELL, TOPPLED, *[WELL] * 20, requests=100.0, borne=900.0)
    assert desired[1] == 7
    assert desired[-1] == 5


def test_a_rate_of_which_nobody_knows_how_much_is_borne_shortens_nothing() -> None:
    assert sizes(WELL, TOPPLED, *[WELL] * 20, requests=100.0)[-1] == 7
