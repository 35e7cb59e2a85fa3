"""A simulated validator closes a ledger at once, and each ledger time another; its header follows the one before."""

from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.core.closing import build_header
from readpool.simulator.core.life import Life, LifeSettings
from readpool.simulator.core.model import GENESIS, hash_transactions

headers = st.tuples(st.integers(0, 2**33), st.integers(0, 2**33), st.lists(st.binary(max_size=8), max_size=3))


@given(headers)
def test_a_header_follows_the_one_before_and_its_close_time_grows_whatever_the_clock_says(
    drawn: tuple[int, int, list[bytes]],
) -> None:
    first, second, transactions = drawn
    before = build_header(GENESIS, (), float(first))
    header = build_header(before, tuple(transactions), float(second))
    assert (header.num, header.previous_hash) == (before.num + 1, before.hash)
    assert header.close_time == max(second, before.close_time + 1)
    assert header.transactions_hash == hash_transactions(tuple(transactions))
    assert (header.protocol, header.base_reserve) == (before.protocol, before.base_reserve)


def test_a_validator_is_in_step_with_its_first_ledger_and_loses_no_track_of_itself() -> None:
    life = Life(LifeSettings(), 1, 0.0)
    assert life.state == "Joining SCP"
    header = build_header(GENESIS, (), 1_800_000_000.0)
    life.close(header, 0.1)
    assert (life.state, life.ledger) == ("Synced!", 2)
    assert (life.heard, life.checked_at) == ((), 2)
    second = build_header(header, (), 1_800_000_001.0)
    life.close(second, 1.1)
    assert [one.num for one, _ in life.heard] == [3]
    life.look(30.0)
    assert life.state == "Synced!"
