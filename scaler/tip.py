"""What is the network's newest ledger, and does it move? Before every replica's class: lag is measured against it.

Decided from what nodes and references claim. Two that are current by their own clocks outvote any one that claims more;
where nobody is known to be current, one may lead, but no faster than ledgers can close.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil

CURRENT_SECONDS = 30.0
"""A node whose last ledger is no older than this, by its own clock, is current."""
CLOSING_RATE = 1.25
"""Ledgers a second: more than any network closes (5 s a ledger in public, 1 s in accelerated tests)."""
SLACK_LEDGERS = ceil(CURRENT_SECONDS * CLOSING_RATE) + 6
"""Two nodes that are both current may differ by this much, with a poll in between."""
STALLED_SECONDS = 20.0
"""Core says that it has lost sync after 35 s without a ledger, whoever's fault it is: be earlier."""
HALTED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What one node or reference says of the network.

    Attributes:
        ledger: the newest ledger that it has closed or heard of.
        is_current: by its own clock it has just closed a ledger, or it hears of newer ones than its own.
        is_trusted: it is a reference.
        slack_ledgers: how far behind the network a trusted one may be.
        is_advancing: what it claims was seen to move within the last half minute.
        is_following: its own ledger moved, too, and it says that it is in sync: it does not replay history.
    """

    ledger: int
    is_current: bool = False
    is_trusted: bool = False
    slack_ledgers: int = SLACK_LEDGERS
    is_advancing: bool = False
    is_following: bool = False


@dataclass(frozen=True, slots=True)
class Tip:
    """The network's newest ledger as far as the evidence goes.

    Attributes:
        ledger: its sequence number.
        moved_at: when it last advanced, in seconds.
        is_stalled: it has not moved for a few ledgers' time; nobody's class is changed for the worse meanwhile.
        is_halted: it has not moved for a minute while all agree; nothing scales.
        ceiling: no ledger beyond it is believed; None where there is nothing to hold against a claim.
        anchored_at: when more than one word stood for it, in seconds.
        anchor_ledger: what it was then.
    """

    ledger: int
    moved_at: float
    is_stalled: bool = False
    is_halted: bool = False
    ceiling: int | None = None
    anchored_at: float | None = None
    anchor_ledger: int | None = None


def compute_tip(claims: Iterable[Claim], previous: Tip | None, now: float) -> Tip | None:
    """Compute the tip from all recent claims and the tip before; the order of claims does not matter.

    None while nothing was ever claimed. Without recent claims the tip stays where it was, is not called halted, and
    nothing is held against who claims more when the nodes are back.
    """
    recent = list(claims)
    own = sorted((claim.ledger for claim in recent if not claim.is_trusted), reverse=True)
    believed, ceiling = _find_anchor(recent, own)
    if believed is not None:
        return _move(previous, believed, ceiling, recent, now, is_anchored=True)
    if not own:
        return None if previous is None else _judge_motion(replace(previous, ceiling=None), recent, now)
    line = None if previous is None else _extrapolate(previous, now)
    if line is None or len(own) == 1:
        # Nothing stands against the highest claim: there is no other, or nobody was ever known to be current.
        return _move(previous, own[0], None, recent, now)
    leaders = (claim.ledger for claim in recent if claim.is_advancing and claim.ledger <= line)
    return _move(previous, max(leaders, default=0), line, recent, now)


def _find_anchor(claims: list[Claim], own: list[int]) -> tuple[int | None, int | None]:
    """Return what is certain, and the ceiling above it: the word of references, and of two that are current.

    A reference that is stuck holds nobody back: two that are current may be beyond what it allows.
    """
    seconded = own[1] if len(own) > 1 else 0  # one alone has no second
    witnesses = sum(claim.is_current and claim.ledger >= seconded - SLACK_LEDGERS for claim in claims)
    is_attested = seconded > 0 and witnesses >= 2  # noqa: PLR2004 - one alone has no second
    attested_ceiling = seconded + SLACK_LEDGERS if is_attested else 0
    trusted = [claim for claim in claims if claim.is_trusted]
    if not trusted:
        return (seconded, attested_ceiling) if is_attested else (None, None)
    ceiling = max(attested_ceiling, *(claim.ledger + claim.slack_ledgers for claim in trusted))
    word = max(claim.ledger for claim in trusted)
    nodes_word = own[0] if len(own) == 1 else seconded
    return max(word, nodes_word if nodes_word <= ceiling else 0), ceiling


def _extrapolate(previous: Tip, now: float) -> int | None:
    """Return the highest ledger that the network can have closed since more than one word stood for the tip.

    None where that was never so: of laggards and one that is healthy, either may have answered first.
    """
    if previous.anchored_at is None or previous.anchor_ledger is None:
        return None
    passed = max(0.0, now - previous.anchored_at)
    return max(previous.ledger, previous.anchor_ledger + SLACK_LEDGERS + ceil(CLOSING_RATE * passed))


def _move(
    previous: Tip | None,
    believed: int,
    ceiling: int | None,
    claims: list[Claim],
    now: float,
    *,
    is_anchored: bool = False,
) -> Tip:
    """Advance the tip to `believed`; take it back when it was the word of one alone, or stands above the ceiling."""
    before = previous or Tip(believed, now)
    stands = (before.anchor_ledger or 0) if is_anchored else before.ledger
    is_refuted = ceiling is not None and stands > ceiling
    ledger = believed if is_refuted else max(stands, believed)
    tip = Tip(
        ledger,
        before.moved_at if ledger == before.ledger else now,
        ceiling=ceiling,
        anchored_at=now if is_anchored else before.anchored_at,
        anchor_ledger=ledger if is_anchored else before.anchor_ledger,
    )
    return _judge_motion(tip, claims, now)


def _judge_motion(tip: Tip, claims: list[Claim], now: float) -> Tip:
    """Say whether the tip stands still, and whether that is the network's doing: nobody gets ahead meanwhile."""
    still_seconds = now - tip.moved_at
    if still_seconds < STALLED_SECONDS and not tip.is_stalled:
        return tip
    return replace(
        tip,
        is_stalled=still_seconds >= STALLED_SECONDS,
        is_halted=still_seconds >= HALTED_SECONDS and bool(claims) and not any(c.is_following for c in claims),
    )
