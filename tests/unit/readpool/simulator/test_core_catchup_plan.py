"""What a catch-up asks an archive for, against 28 recorded ones; and the pauses between tries, against all recorded."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.core.archive import find_checkpoint
from readpool.simulator.core.catchup_chain import ChainError, join_ledger, replay_seconds, verify_chain
from readpool.simulator.core.catchup_plan import COMPLETE, make_plan
from readpool.simulator.core.download import draw_pause_seconds
from readpool.simulator.core.model import ClosedLedger, Header
from tests.core_archive import make_ledgers

RECORDED = json.loads((Path(__file__).parents[3] / "recorded/core/archives.json").read_text())
CATCH_UPS = [pytest.param(one, id=f"{one['recording']}-to-{one['to']}") for one in RECORDED["catch_ups"]]


@pytest.mark.parametrize("recorded", CATCH_UPS)
def test_a_catch_up_asks_for_the_recorded_files(recorded: dict[str, Any]) -> None:
    plan = make_plan(recorded["last_closed"], recorded["to"], recorded["count"], recorded["frequency"])
    states = dict.fromkeys([recorded["to"], plan.bucket_ledger or recorded["to"]])
    assert list(states) == recorded["states"]
    if recorded["ledgers"]:  # not where the state file never came
        assert list(plan.header_checkpoints) == recorded["ledgers"]
    if recorded["buckets"]:
        assert plan.bucket_ledger is not None
    transactions = list(plan.replayed_checkpoints)
    assert recorded["transactions"] == transactions[: len(recorded["transactions"])]  # those that fail hold up the rest


@given(
    last_closed=st.integers(1, 500),
    ahead=st.integers(1, 700),
    count=st.one_of(st.integers(0, 100), st.just(COMPLETE)),
    frequency=st.sampled_from([8, 64]),
)
def test_a_catch_up_always_ends_at_its_target_and_leaves_no_gap(
    last_closed: int, ahead: int, count: int, frequency: int
) -> None:
    plan = make_plan(last_closed, last_closed + ahead, count, frequency)
    assert plan.last == last_closed + ahead
    assert plan.first == (plan.bucket_ledger or last_closed) + 1
    assert last_closed == 1 or plan.bucket_ledger is None
    if plan.bucket_ledger is not None:
        assert find_checkpoint(plan.bucket_ledger, frequency) == plan.bucket_ledger <= plan.last
        assert plan.last - plan.bucket_ledger >= count
        assert plan.last - plan.bucket_ledger < count + frequency
    assert plan.header_checkpoints[-1] >= plan.last


def test_pauses_between_tries_are_drawn_from_where_all_recorded_ones_lie() -> None:
    rows = [row for rows in RECORDED["pauses"].values() for row in rows]
    assert len(rows) > 30
    for row in rows:
        for tries, seconds in enumerate(row, 1):
            assert draw_pause_seconds(tries, lambda low, _: low) <= seconds
            assert seconds <= draw_pause_seconds(tries, lambda _, high: high)


@given(tries=st.integers(1, 10_000), seed=st.integers())
def test_a_pause_is_never_longer_than_about_an_hour(tries: int, seed: int) -> None:
    assert 1 <= draw_pause_seconds(tries, random.Random(seed).randint) <= 4096  # noqa: S311


def damage(headers: dict[int, Header], num: int) -> dict[int, Header]:
    """Put another header in the place of one."""
    old = headers[num]
    return {**headers, num: Header(num, old.close_time + 1, old.previous_hash, old.transactions_hash)}


@given(num=st.integers(9, 31))
def test_a_header_that_was_changed_breaks_the_chain(num: int) -> None:
    ledgers = make_ledgers(31)
    headers = {ledger.header.num: ledger.header for ledger in ledgers}
    plan = make_plan(8, 31, 0, 8)
    before = headers[8]
    verify_chain(headers, plan, headers[31].hash, before, lambda _: None)
    with pytest.raises(ChainError, match="does not agree"):
        verify_chain(damage(headers, num), plan, headers[31].hash, before, lambda _: None)


def test_a_chain_that_does_not_follow_the_nodes_own_ledger_is_refused() -> None:
    headers = {ledger.header.num: ledger.header for ledger in make_ledgers(31)}
    other = damage(headers, 8)[8]
    with pytest.raises(ChainError, match="does not agree with checkpoint behind"):
        verify_chain(headers, make_plan(8, 31, 0, 8), headers[31].hash, other, lambda _: None)


def test_a_chain_with_a_ledger_missing_is_refused() -> None:
    headers = {ledger.header.num: ledger.header for ledger in make_ledgers(31) if ledger.header.num != 20}
    with pytest.raises(ChainError, match="no ledger 20"):
        verify_chain(headers, make_plan(8, 31, 0, 8), None, None, lambda _: None)


def test_transactions_that_are_not_a_ledgers_own_are_refused() -> None:
    ledger = make_ledgers(2, (b"one",))[0]
    assert join_ledger(ledger.header, (b"one",)) == ledger
    with pytest.raises(ChainError, match="ledger 2"):
        join_ledger(ledger.header, ())


def test_replaying_full_ledgers_takes_the_recorded_time_and_empty_ones_next_to_none() -> None:
    payments = ClosedLedger(make_ledgers(2)[0].header, (b"x" * (144 + 56),) * 350)
    assert 15 < 1 / replay_seconds(payments) < 50  # 22 a second with 200 to 500 operations in each
    assert replay_seconds(make_ledgers(2)[0]) < 0.005
