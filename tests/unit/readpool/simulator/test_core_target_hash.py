"""Which hash a node that catches up demands of an archive: the one that the network's next ledger names."""

from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.core.life import Life, LifeSettings
from tests.core_archive import make_ledgers

LEDGERS = make_ledgers(120)


@given(heard_from=st.integers(20, 60), heard_at_once=st.integers(1, 30))
def test_an_archive_is_held_to_what_the_network_says_of_the_target(heard_from: int, heard_at_once: int) -> None:
    life = Life(LifeSettings(), 1, now=0.0)
    for first in range(heard_from, 100, heard_at_once):
        life.hear(LEDGERS[first - 2 : first - 2 + heard_at_once], now=3.0)
        life.look(now=3.0)
        if life.target is not None:
            break
    assert life.target is not None
    assert life.target_hash == LEDGERS[life.target - 2].header.hash
