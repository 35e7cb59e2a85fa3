"""What /scp answers: the slots that were heard, each with what was said about it until it was externalized."""

from typing import Any

from readpool.simulator.core.node_answers import SHORT, describe_value, hash_quorum
from readpool.simulator.core.node_view import HeardSlot, NodeFacts

LIMIT = 2
"""Slots that are shown unless another number is asked for."""
ALL = 2**32 - 1
"""The ballot counter of a slot that is decided."""


def build_scp(facts: NodeFacts, limit: int = LIMIT) -> dict[str, Any]:
    """Return what /scp says of the last `limit` slots."""
    shown = {str(slot.num): _build_slot(facts, slot) for slot in facts.heard[-limit:] if limit}
    return {"queue": None, "scp": shown or None, "you": facts.account[:SHORT]}


def _build_slot(facts: NodeFacts, slot: HeardSlot) -> dict[str, Any]:
    value = describe_value(slot.validator, slot.transactions_hash, slot.close_time)
    ballot = f"({ALL},{value})"
    state = (
        f"i: {slot.num} | EXTERNALIZE | b: {ballot} | p: {ballot} | p': (<null_ballot>) | h: {ballot} | c: (1,{value})"
    )
    name = hash_quorum(facts.quorum)
    return {
        "ballotProtocol": {"ballot": ballot, "heard": True, "phase": "EXTERNALIZE", "state": f"{state} | M: 2"},
        "nomination": {"roundnumber": 0, "started": False},
        "quorum_sets": {
            name: {"t": facts.quorum.threshold, "v": [one[:SHORT] for one in facts.quorum.validators]},
        },
        "statements": [[slot.heard_at, one, False] for one in _describe_statements(facts, slot, value, name)],
        "validated": facts.is_validator,
    }


def _describe_statements(facts: NodeFacts, slot: HeardSlot, value: str, name: str) -> list[str]:
    theirs, ours = f"{{ENV@{slot.validator[:SHORT]} |  i: {slot.num}", f"{{ENV@{facts.account[:SHORT]} |  i: {slot.num}"
    ballot, decided = f"({ALL},{value})", f"c: (1,{value})"
    return [
        f"{theirs} | NOMINATE | D: {name} | X: {{'{value}'}} | Y: {{'{value}'}} }}",
        f"{theirs} | EXTERNALIZE | {decided} | h.n: 1 | (lastD): {name} }}",
        f"{ours} | PREPARE | D: {name} | b: (0,[:empty:]) | p: {ballot} | p': (<null_ballot>) | c.n: 0 | h.n: 0 }}",
        f"{ours} | PREPARE | D: {name} | b: {ballot} | p: {ballot} | p': (<null_ballot>) | c.n: {ALL} | h.n: {ALL} }}",
        f"{ours} | CONFIRM | D: {name} | b: {ballot} | p.n: {ALL} | c.n: 1 | h.n: {ALL} }}",
        f"{ours} | EXTERNALIZE | {decided} | h.n: {ALL} | (lastD): {name} }}",
    ]
