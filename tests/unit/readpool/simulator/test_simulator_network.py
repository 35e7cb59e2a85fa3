"""The ledger clock: it closes ledgers evenly, halts, resumes, and is the same for the same seed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.network import GENESIS_HASH, UNKNOWN_HASH, Network, NetworkSettings

START = 1_795_476_000.0


def test_it_closes_a_ledger_each_ledger_seconds() -> None:
    network = Network(NetworkSettings(ledger_seconds=5.0, first_ledger=100), START)
    assert [network.tip(START + t) for t in (0.0, 4.9, 5.0, 9.9, 10.0, 500.0)] == [100, 100, 101, 101, 102, 200]


def test_a_halted_network_closes_none_and_goes_on_from_where_it_was() -> None:
    network = Network(NetworkSettings(ledger_seconds=5.0, first_ledger=100), START)
    network.halt(START + 12)
    network.halt(START + 13)
    assert network.is_halted
    assert (network.tip(START + 1000), network.newest_closed_at(START + 1000)) == (102, START + 10)
    network.resume(START + 1000)
    assert [network.tip(START + 1000 + t) for t in (0.0, 4.9, 5.0)] == [102, 102, 103]
    assert network.was_halted(START + 500)
    assert not network.was_halted(START + 11)


def test_close_times_follow_the_halt() -> None:
    network = Network(NetworkSettings(ledger_seconds=5.0, first_ledger=100), START)
    network.halt(START + 12)
    network.resume(START + 1000)
    expected = {1: 0, 0: 0, 99: -5, 100: 0, 101: 5, 102: 10, 103: 1005, 104: 1010}
    assert {n: network.close_time(n) for n in expected} == {n: t and START + t for n, t in expected.items()} | {
        100: START
    }


@pytest.mark.parametrize(
    ("size", "ledger", "checkpoint"),
    [(64, 62, -1), (64, 63, 63), (64, 64, 63), (64, 127, 127), (8, 7, 7), (8, 8, 7), (8, 486, 479), (8, 487, 487)],
)
def test_checkpoints_end_where_cores_do(size: int, ledger: int, checkpoint: int) -> None:
    assert Network(NetworkSettings(checkpoint_ledgers=size), START).newest_checkpoint(ledger) == checkpoint


def test_hashes_are_the_seeds_and_the_ledgers() -> None:
    one, same, other = (Network(NetworkSettings(seed=seed), START) for seed in (1, 1, 2))
    assert one.ledger_hash(77) == same.ledger_hash(77) != other.ledger_hash(77)
    assert one.ledger_hash(77) != one.ledger_hash(78)
    assert (one.ledger_hash(0), one.ledger_hash(1)) == (UNKNOWN_HASH, GENESIS_HASH)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"ledger_seconds": 0.5}, "ledger_seconds is 0.5"),
        ({"checkpoint_ledgers": 0}, "checkpoint_ledgers is 0"),
        ({"first_ledger": 1}, "first_ledger is 1"),
    ],
)
def test_an_impossible_network_is_refused_by_field_and_value(settings: dict[str, float], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        NetworkSettings(**settings)  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.0, 100.0)), max_size=10), st.lists(st.floats(0.0, 2000.0), min_size=2)
)
def test_the_tip_never_goes_back_and_close_times_grow(words: list[tuple[bool, float]], moments: list[float]) -> None:
    network = Network(NetworkSettings(ledger_seconds=1.0, first_ledger=50), START)
    now = START
    for is_halt, wait in words:
        now += wait
        (network.halt if is_halt else network.resume)(now)
    tips = [network.tip(START + moment) for moment in sorted(moments)]
    assert tips == sorted(tips)
    times = [network.close_time(ledger) for ledger in range(45, min(tips[-1], 500) + 1)]
    assert times == sorted(times)
    assert network.close_time(tips[-1]) <= START + max(moments)
