"""What is given out to all, to a caller and to a namespace of it; who asks too often; how many lines are due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.budget import Budget, Limits, OverBudget, Scope
from readpool.callers import read_caller
from readpool.line_budget import MOST_KEYS, LineBudget
from readpool.pace import MOST_CALLERS, Pace

MOST = 10
LIMITS = Limits(process=MOST, caller=6, namespace=3)


def take(budget: Budget, *wanted: tuple[str, str]) -> Scope | None:
    """Count one for each; return whose share was used up first."""
    try:
        for caller, namespace in wanted:
            budget.take(caller, namespace)
    except OverBudget as refusal:
        return refusal.scope
    return None


@pytest.mark.parametrize(
    ("wanted", "scope"),
    [
        pytest.param([("a", "x")] * 3, None, id="a namespace's share"),
        pytest.param([("a", "x")] * 4, Scope.NAMESPACE, id="more than a namespace's share"),
        pytest.param([("a", "x")] * 3 + [("a", "y")] * 3, None, id="a caller's share"),
        pytest.param([("a", "x")] * 3 + [("a", "y")] * 3 + [("a", "z")], Scope.CALLER, id="more than a caller's share"),
        pytest.param([("a", "x")] * 3 + [("b", "x")] * 3, None, id="a namespace that two callers name"),
        pytest.param(
            [(c, n) for c in "ab" for n in "xyz" for _ in range(2)], Scope.PROCESS, id="more than there is for all"
        ),
    ],
)
def test_nobody_takes_more_than_a_share(wanted: list[tuple[str, str]], scope: Scope | None) -> None:
    assert take(Budget("streams", LIMITS), *wanted) is scope


def test_a_refusal_says_how_many_and_whose_and_takes_nothing() -> None:
    budget = Budget("streams", LIMITS)
    with pytest.raises(OverBudget, match=r"^a has 0 streams for namespace x, at most 3 are allowed$"):
        budget.take("a", "x", 4)
    with pytest.raises(OverBudget, match=r"^10\.0\.0\.7 has 0 streams, at most 6 are allowed$"):
        Budget("streams", Limits(10, 6)).take("10.0.0.7", count=7)
    assert len(budget) == 0
    budget.take("a", "x", 3)


def test_a_refusal_of_a_hostile_name_is_one_short_printable_line() -> None:
    with pytest.raises(OverBudget) as refusal:
        Budget("streams", Limits(10, 6, 0)).take("a", "\x1b[2J\n" + "x" * 10_000)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 200


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(1, 4), st.booleans())))
def test_what_is_given_back_is_there_again_and_the_limits_always_hold(steps: list[tuple[str, str, int, bool]]) -> None:
    budget, held = Budget("streams", LIMITS), list[tuple[str, str, int]]()
    for caller, namespace, count, is_return in steps:
        if is_return and held:
            budget.give_back(*held.pop())
        elif budget.find_refusal(caller, namespace, count) is None:
            budget.take(caller, namespace, count)
            held.append((caller, namespace, count))
        assert len(budget) == sum(count for *_, count in held) <= MOST
        for one in "abc":
            assert sum(count for caller, _, count in held if caller == one) <= LIMITS.caller
    for caller, namespace, count in held:
        budget.give_back(caller, namespace, count)
    assert (len(budget), not budget._by_caller, not budget._by_namespace) == (0, True, True)


@pytest.mark.parametrize(
    ("peer", "caller"),
    [
        ("ipv4:10.0.0.7:51234", "10.0.0.7"),
        ("ipv6:%5Bfd00::7%5D:51234", "fd00::7"),
        ("ipv6:[fd00::7]:51234", "fd00::7"),
        ("ipv6:%5B::ffff:10.0.0.7%5D:51234", "10.0.0.7"),
        ("ipv6:%5Bfe80::1%25eth0%5D:51234", "fe80::1"),
        ("unix:", "unix"),
        ("ipv4:no address:1", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_caller_is_an_address_whichever_connection_it_came_by(peer: str, caller: str) -> None:
    assert read_caller(peer) == caller


def test_who_asks_too_often_waits_and_nobody_else_does() -> None:
    pace = Pace(burst=10, per_second=5.0)
    assert [pace.take("a", 0.0) for _ in range(10)] == [0.0] * 10
    assert [round(pace.take("a", 0.0), 3) for _ in range(3)] == [0.2, 0.4, 0.6]
    assert pace.take("b", 0.0) == 0.0
    assert pace.take("a", 100.0) == 0.0


def test_callers_without_end_are_not_all_remembered() -> None:
    pace, lines = Pace(10, 5.0), LineBudget(10, 1.0)
    for number in range(2 * MOST_CALLERS):
        pace.take(str(number), 0.0)
        lines.take(number, 0.0)
    assert len(pace._due) == MOST_CALLERS
    assert len(lines._left) <= MOST_KEYS


def test_lines_of_one_key_are_counted_while_they_are_withheld_and_others_go_on() -> None:
    lines = LineBudget(burst=2, per_second=0.1)
    assert [lines.take("a", 0.0) for _ in range(5)] == [0, 0, None, None, None]
    assert lines.take("b", 0.0) == 0
    assert lines.take("a", 10.0) == 3
    assert lines.take("a", 10.0) is None


def test_keys_without_end_bring_no_lines_without_end() -> None:
    lines = LineBudget(burst=2, per_second=0.1)
    assert sum(lines.take(number, 0.0) is not None for number in range(1000)) == 8
