"""Quorum sets as Core makes, judges and hashes them; hashes are those that a Core 22.4.1 logged."""

import pytest

from readpool.simulator.core.quorum import QUALITIES, Validator, blocks, generate, normalise, quorum_hash, tolerated
from readpool.simulator.core.settings import QuorumSet

ONE = "GCTI6HMWRH2QGMFKWVU5M5ZSOTKL7P7JAHZDMJJBKDHGWTEC4CJ7O3DU"
TESTNET = (
    "GDKXE2OZMJIPOSLNA6N6F2BVCI3O777I2OOC4BV7VOYUEHYX7RTRYA7Y",
    "GCUCJTIYXSOXKBSNFGNFWW5MUQ54HKRPGJUTQFJ5RQXZXNOLNXYDHRAP",
    "GC2V2EFSXN6SQTWVYA5EPJPBWWIMSD2XQNKUOHGEKB535AQE2I6IXV2Z",
)


def validator(account: str, domain: str = "a", quality: str = "HIGH") -> Validator:
    """Make a validator named after its account."""
    return Validator(account[:5], account, domain, quality)


@pytest.mark.parametrize(
    ("quorum", "digits"),
    [
        pytest.param(QuorumSet(1, (ONE,)), "d05a3b", id="one node"),
        pytest.param(QuorumSet(2, TESTNET), "59d361", id="three nodes, in any order"),
        pytest.param(QuorumSet(2, TESTNET[::-1]), "59d361", id="the same in another"),
    ],
)
def test_a_quorum_set_has_the_hash_that_core_logs(quorum: QuorumSet, digits: str) -> None:
    assert quorum_hash(quorum)[:6] == digits


def test_validators_of_one_domain_are_one_set_of_which_a_majority_decides() -> None:
    made = generate([validator(account) for account in TESTNET])
    assert (made.threshold, set(made.validators), made.inner) == (2, set(TESTNET), ())


def test_lower_qualities_are_one_member_of_the_set_above() -> None:
    made = generate([*(validator(account) for account in TESTNET), validator(ONE, "b", "MEDIUM")])
    assert made == QuorumSet(2, (ONE,), (normalise(QuorumSet(2, TESTNET)),))


def test_of_critical_validators_every_domain_is_needed() -> None:
    made = generate([validator(account, account, "CRITICAL") for account in TESTNET])
    assert made.threshold == len(TESTNET)


@pytest.mark.parametrize("size", range(1, 30))
def test_fewer_than_a_third_may_fail_and_fewer_than_half_where_a_majority_decides(size: int) -> None:
    assert 3 * tolerated(size, is_majority=False) < size <= 3 * tolerated(size, is_majority=False) + 3
    assert 2 * tolerated(size, is_majority=True) < size <= 2 * tolerated(size, is_majority=True) + 2


@pytest.mark.parametrize(
    ("present", "is_blocked"),
    [
        pytest.param(set(), False, id="nobody"),
        pytest.param({TESTNET[0]}, False, id="one, whom the others do without"),
        pytest.param(set(TESTNET[:2]), True, id="two, of whom each majority has one"),
    ],
)
def test_nodes_block_when_no_quorum_can_do_without_them(present: set[str], is_blocked: bool) -> None:
    assert blocks(QuorumSet(2, TESTNET), present) is is_blocked


def test_an_empty_set_is_blocked_by_nobody() -> None:
    assert not blocks(generate([]), set(TESTNET))


def test_qualities_are_in_their_order() -> None:
    assert QUALITIES.index("CRITICAL") > QUALITIES.index("HIGH") > QUALITIES.index("MEDIUM") > QUALITIES.index("LOW")
