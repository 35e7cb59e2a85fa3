"""What traffic each replica gets, by tables, and what holds for every pool."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.routing.weights import WeighedReplica, WeightSettings, compute_weights, count_enough
from readpool.replica_class import ReplicaClass

FRESH, LAGGING, CATCHING_UP = ReplicaClass.FRESH, ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP
UNREACHABLE, FOREIGN, UNKNOWN = ReplicaClass.UNREACHABLE, ReplicaClass.FOREIGN, ReplicaClass.UNKNOWN
SETTINGS = WeightSettings()


def pool(*classes: ReplicaClass) -> list[WeighedReplica]:
    lag = {FRESH: 0, LAGGING: 20}
    return [WeighedReplica(f"core-{i}", c, lag.get(c) and lag[c] + i) for i, c in enumerate(classes)]


@pytest.mark.parametrize(
    ("classes", "weights"),
    [
        pytest.param([FRESH, LAGGING], [100, 10], id="fresh and lagging"),
        pytest.param([FRESH, CATCHING_UP, UNREACHABLE, FOREIGN], [100, 0, 0, 0], id="who cannot serve gets nothing"),
        pytest.param([FRESH, UNKNOWN], [100, 0], id="a newcomer not yet observed gets nothing"),
        pytest.param([LAGGING, LAGGING, UNREACHABLE], [10, 10, 0], id="nobody fresh: those that lag serve"),
        pytest.param(
            [CATCHING_UP, LAGGING, FOREIGN], [10, 10, 0], id="nobody fresh: all of this network that answer serve"
        ),
        pytest.param([UNREACHABLE, UNKNOWN], [0, 0], id="nobody answers"),
        pytest.param(
            [UNREACHABLE, FOREIGN], [0, 10], id="one that claims more than the network has serves before nobody does"
        ),
        pytest.param([], [], id="no replicas"),
    ],
)
def test_the_class_decides_the_weight(classes: list[ReplicaClass], weights: list[int]) -> None:
    assert list(dict(sorted(compute_weights(pool(*classes), SETTINGS).items())).values()) == weights


EMPTY = WeighedReplica("core-9", CATCHING_UP, has_ledgers=False)


@pytest.mark.parametrize(
    ("others", "weight"),
    [
        pytest.param([FRESH], 0, id="not beside a fresh one"),
        pytest.param([LAGGING], 0, id="not beside one that lags"),
        pytest.param([CATCHING_UP], 0, id="not beside one that catches up and has ledgers to read"),
        pytest.param([FOREIGN], 0, id="not beside one that claims to have more than there are"),
        pytest.param([UNREACHABLE], 10, id="only where nobody else answers"),
    ],
)
def test_a_newcomer_without_a_ledger_gets_reads_only_where_nobody_else_answers(
    others: list[ReplicaClass], weight: int
) -> None:
    assert compute_weights([EMPTY, *pool(*others)], SETTINGS)["core-9"] == weight


@pytest.mark.parametrize(
    ("last_weight", "is_stale", "weight"),
    [
        pytest.param(100, False, 100, id="keeps what it had"),
        pytest.param(10, False, 10, id="keeps the little it had"),
        pytest.param(10, True, 100, id="counts as fresh when that is stale"),
        pytest.param(None, True, 100, id="counts as fresh when nothing is heard of anyone"),
    ],
)
def test_an_unknown_replica_keeps_its_weight_until_it_is_stale(
    last_weight: int | None, is_stale: bool, weight: int
) -> None:
    unknown = WeighedReplica("core-0", UNKNOWN, last_weight=last_weight, is_stale=is_stale)
    assert compute_weights([unknown, *pool(FRESH, FRESH)[1:]], SETTINGS)["core-0"] == weight


@pytest.mark.parametrize(
    ("classes", "enough", "weights"),
    [
        pytest.param([FRESH, FRESH, LAGGING], 2, [100, 100, 0], id="as many as there are to be: none for who lags"),
        pytest.param([FRESH, FRESH, LAGGING], 3, [100, 100, 10], id="one too few"),
        pytest.param([FRESH, UNKNOWN, LAGGING], 2, [100, 100, 10], id="one that nothing is heard of is not enough"),
        pytest.param([LAGGING, LAGGING], 0, [10, 10], id="none are to be, and none is fresh"),
        pytest.param([FRESH, LAGGING], 0, [100, 10], id="never enough"),
    ],
)
def test_beside_enough_fresh_ones_a_lagging_one_gets_nothing(
    classes: list[ReplicaClass], enough: int, weights: list[int]
) -> None:
    replicas = [replace(one, is_stale=True) for one in pool(*classes)]
    weighed = compute_weights(replicas, WeightSettings(enough_fresh=enough))
    assert list(dict(sorted(weighed.items())).values()) == weights


@pytest.mark.parametrize(
    ("certain", "enough", "weight"),
    [
        pytest.param([FRESH, FRESH], 2, 0, id="beside as many as there are to be"),
        pytest.param([FRESH, LAGGING], 2, 100, id="one too few"),
        pytest.param([FRESH, FRESH], 0, 100, id="never enough"),
        pytest.param([], 1, 100, id="it is no company for itself"),
    ],
)
def test_a_fresh_one_whose_last_answer_speaks_against_it_gets_nothing_beside_enough_that_are_certain(
    certain: list[ReplicaClass], enough: int, weight: int
) -> None:
    doubted = WeighedReplica("core-9", FRESH, lag_ledgers=12, is_doubted=True)
    assert compute_weights([doubted, *pool(*certain)], WeightSettings(enough_fresh=enough))["core-9"] == weight


@pytest.mark.parametrize(
    ("target", "enough"), [(0, 0), (1, 1), (3, 3), (5, 5), (6, 5), (11, 10), (12, 10), (5000, 4167)]
)
def test_five_sixths_of_the_target_rounded_up_are_enough(target: int, enough: int) -> None:
    assert count_enough(target) == enough


any_replica = st.builds(
    WeighedReplica,
    st.sampled_from([f"core-{i}" for i in range(12)]),
    st.sampled_from(list(ReplicaClass)),
    st.none() | st.integers(0, 10_000),
    st.none() | st.integers(0, 100),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
any_pool = st.lists(any_replica, max_size=12, unique_by=lambda r: r.name)
any_settings = st.builds(
    WeightSettings,
    st.integers(1, 100),
    st.integers(0, 100),
    st.integers(0, 12),
)


@given(any_pool, any_settings)
def test_every_replica_has_a_weight_and_none_is_negative(replicas: list[WeighedReplica], s: WeightSettings) -> None:
    weights = compute_weights(replicas, s)
    assert set(weights) == {r.name for r in replicas}
    assert all(weight >= 0 for weight in weights.values())


@given(any_pool, any_settings)
def test_whoever_can_serve_leaves_readers_somewhere_to_go(replicas: list[WeighedReplica], s: WeightSettings) -> None:
    answering = [r for r in replicas if r.replica_class in (FRESH, LAGGING, CATCHING_UP)]
    assert bool(answering) <= any(compute_weights(replicas, s).values())


@given(any_pool, any_settings)
def test_an_unreachable_replica_gets_nothing_and_a_foreign_one_only_alone(
    replicas: list[WeighedReplica], s: WeightSettings
) -> None:
    weights = compute_weights(replicas, s)
    assert not any(weights[r.name] for r in replicas if r.replica_class is UNREACHABLE)
    if any(weights[r.name] for r in replicas if r.replica_class is FOREIGN):
        assert not any(weights[r.name] for r in replicas if r.replica_class is not FOREIGN)


@given(any_pool, any_settings)
def test_a_newcomer_that_holds_nothing_never_serves_beside_another(
    replicas: list[WeighedReplica], s: WeightSettings
) -> None:
    weights = compute_weights(replicas, s)
    empty = {r.name for r in replicas if not r.has_ledgers and r.replica_class is CATCHING_UP}
    serving = {name for name, weight in weights.items() if weight}
    assert not serving & empty or serving <= empty


@given(any_pool, any_settings)
def test_weights_that_are_in_force_stay_in_force(replicas: list[WeighedReplica], s: WeightSettings) -> None:
    weights = compute_weights(replicas, s)
    again = compute_weights([replace(r, last_weight=weights[r.name]) for r in replicas], s)
    assert again == weights


@given(any_pool, any_settings, st.randoms(use_true_random=False))
def test_the_order_of_replicas_never_matters(replicas: list[WeighedReplica], s: WeightSettings, random: object) -> None:
    shuffled = list(replicas)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert compute_weights(shuffled, s) == compute_weights(replicas, s)
