"""What a simulated Core remembers of the slots that it heard, and what it tells who connects."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.slots import Slots, parse_slots
from tests.unit.core_world import make_ledger


def nums(slots: list[dict[str, Any]]) -> list[int]:
    return [slot["ledger"]["header"]["num"] for slot in slots]


def remember(slots: Slots, first: int, last: int) -> Slots:
    for num in range(first, last + 1):
        assert slots.add(make_ledger(num), ["A"])
    return slots


def test_a_peer_is_told_the_last_slots_beyond_its_ledger() -> None:
    slots = remember(Slots(12, 8), 1, 100)
    assert nums(slots.after(1)) == list(range(89, 101))
    assert nums(slots.after(95)) == list(range(96, 101))
    assert nums(slots.after(100)) == []


def test_the_first_slot_of_the_newest_checkpoint_is_kept_however_old_it_is() -> None:
    slots = remember(Slots(12, 64), 100, 179)
    assert nums(slots.checkpoint()) == [128]
    assert 128 not in nums(slots.after(1))
    assert nums(remember(slots, 180, 192).checkpoint()) == [192]


def test_a_slot_is_new_once_and_one_that_is_too_old_never() -> None:
    slots = remember(Slots(12, 8), 89, 100)
    assert not slots.add(make_ledger(95), ["A"])
    assert not slots.add(make_ledger(50), ["A"])


@given(st.binary(max_size=40), st.lists(st.text(max_size=5), max_size=3))
def test_a_slot_comes_out_of_a_message_as_it_went_in(envelope: bytes, signers: list[str]) -> None:
    slots, ledger = Slots(12, 8), ClosedLedger(make_ledger(7).header, (envelope,))
    slots.add(ledger, signers)
    assert parse_slots(json.dumps({"slots": slots.after(6)})) == [(ledger, signers)]
