"""How often Services are looked up: each interval, and by fair shares where look-ups cost too much."""

from hypothesis import given
from hypothesis import strategies as st

from scaler.polling.lookup_periods import (
    LOOKUP_SHARE,
    LookupLoad,
    compute_lookup_periods,
    share_out,
)

HONEST = ("keda", "victim")


def test_few_services_are_looked_up_each_interval() -> None:
    assert compute_lookup_periods({HONEST: LookupLoad(10, 50)}, 5.0) == {HONEST: 5.0}


def test_a_caller_with_fleets_without_end_waits_for_its_own_and_nobody_else_does() -> None:
    hostile = {("evil", f"ns{number}"): LookupLoad(5, 0) for number in range(1000)}
    periods = compute_lookup_periods({HONEST: LookupLoad(20, 100), **hostile}, 5.0)
    assert periods[HONEST] == 5.0
    assert min(periods[one] for one in hostile) > 100


def test_a_namespace_with_fleets_without_end_waits_and_the_others_of_its_caller_do_not() -> None:
    evil = ("keda", "evil")
    periods = compute_lookup_periods({HONEST: LookupLoad(20, 100), evil: LookupLoad(1000, 5000)}, 5.0)
    assert periods[HONEST] == 5.0
    assert periods[evil] > 30


@given(st.dictionaries(st.integers(0, 20), st.floats(0, 10)), st.floats(0, 10))
def test_shares_are_no_more_than_wanted_nor_than_there_is_and_none_is_left_while_somebody_wants(
    wanted: dict[int, float], whole: float
) -> None:
    given_out = share_out(wanted, whole)
    assert given_out.keys() == wanted.keys()
    assert all(0 <= given_out[key] <= wanted[key] for key in wanted)
    assert abs(sum(given_out.values()) - min(whole, sum(wanted.values()))) < 1e-9
    least = min((given_out[key] for key in wanted if given_out[key] < wanted[key] - 1e-9), default=None)
    assert least is None or max(given_out.values()) <= least + 1e-9


@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(1, 3000), min_size=1))
def test_all_look_ups_together_take_no_more_than_their_share(services: dict[tuple[str, str], int]) -> None:
    loads = {account: LookupLoad(count, 0) for account, count in services.items()}
    periods = compute_lookup_periods(loads, 5.0)
    assert min(periods.values()) >= 5.0
    assert sum(loads[account].cost_seconds / periods[account] for account in loads) <= LOOKUP_SHARE + 1e-9
