"""What is the network's newest ledger, and does it move? Before every replica's class: lag is measured against it.

Decided from what nodes and references claim. Two that are current by their own clocks outvote any one that claims more
and all that stand still; if none is known to be current, one may lead, but no faster than ledgers can close.
Every reference is a lower bound of the tip; only a reference that is itself current is an upper bound as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

CURRENT_SECONDS = 30.0
"""A node whose last ledger is no older than this, by its own clock, is current."""
CLOSING_RATE = 1.25
"""Ledgers a second: more than any network closes (1 s a ledger in accelerated tests; public ones take longer)."""
SLACK_LEDGERS = ceil(CURRENT_SECONDS * CLOSING_RATE) + 6
"""Two nodes that are both current may differ by this much, with a poll in between."""
STALLED_SECONDS = 20.0
"""Core says that it has lost sync after 35 s without a ledger, whatever the cause: be earlier."""
HALTED_SECONDS = 60.0
_STALLED_POLLS, _HALTED_POLLS = 3, 6
"""Polls in a row that must have brought nothing new, where these take longer."""
_DAY_LEDGERS = 17_280
"""What a network closes in a day at a ledger each five seconds, or in hours if it is faster."""
TOGETHER_LEDGERS = 1
"""Nodes that stopped with the network differ by no more: each has closed the last ledger or is about to."""


@dataclass(frozen=True, slots=True)
class TipLimits:
    """Numbers that follow the poll interval: what is asked seldom is known late.

    Attributes:
        slack_ledgers: two that are both current may differ by this much.
        stalled_seconds: a tip that has not moved for this long is stalled,
        halted_seconds: and for this long, while no node follows it, halted.
    """

    slack_ledgers: int = SLACK_LEDGERS
    stalled_seconds: float = STALLED_SECONDS
    halted_seconds: float = HALTED_SECONDS

    @classmethod
    def of(cls, interval_seconds: float) -> "TipLimits":
        """Compute them for nodes that are asked once in so many seconds."""
        seconds = max(CURRENT_SECONDS, CURRENT_SECONDS - 5.0 + interval_seconds)
        return cls(
            ceil(seconds * CLOSING_RATE) + 6,
            max(STALLED_SECONDS, _STALLED_POLLS * interval_seconds),
            max(HALTED_SECONDS, _HALTED_POLLS * interval_seconds),
        )


DEFAULT_LIMITS = TipLimits()


@dataclass(frozen=True, slots=True)
class Claim:
    """What one node or reference says of the network.

    Attributes:
        ledger: the newest ledger that it has closed or heard of; 0 where it answers and tells none.
        is_current: by its own clock it has just closed a ledger, or it hears of newer ones than its own.
        is_trusted: it is a reference.
        slack_ledgers: how far behind the network a trusted one may be.
        is_advancing: what it claims was seen to move within the last half minute, or it was only just met.
        is_following: its own ledger moved, too, and it says that it is in sync: it does not replay history.
        is_moving: what it claims was seen to move within the last half minute, between two answers.
        is_undated: it does not tell how old its last ledger is: one that follows far behind looks current, too.
    """

    ledger: int
    is_current: bool = False
    is_trusted: bool = False
    slack_ledgers: int = SLACK_LEDGERS
    is_advancing: bool = False
    is_following: bool = False
    is_moving: bool = False
    is_undated: bool = False


@dataclass(frozen=True, slots=True)
class Tip:
    """The network's newest ledger as far as the evidence goes.

    Attributes:
        ledger: its sequence number.
        moved_at: when it last advanced, in seconds.
        is_stalled: it has not moved for a few ledgers' time; no class gets worse meanwhile.
        is_halted: it has not moved for a minute while all agree; nothing scales.
        ceiling: no ledger beyond it is believed; None where there is nothing to hold against a claim.
        anchored_at: when more than one word stood for it, in seconds.
        anchor_ledger: what it was then.
        has_moved: it was seen to advance; before that no replica can be said to lag.
        is_lone: one replica's word alone moves it while all others stopped together: it may be the one that is wrong.
        reset_at: when the network was last seen to be reset below it, in seconds.
        reset_from: the ledger it stood at before that.
    """

    ledger: int
    moved_at: float
    is_stalled: bool = False
    is_halted: bool = False
    ceiling: int | None = None
    anchored_at: float | None = None
    anchor_ledger: int | None = None
    has_moved: bool = True
    is_lone: bool = False
    reset_at: float | None = None
    reset_from: int | None = None

    @property
    def tells_lag(self) -> bool:
        """Whether a replica behind it lacks what the network has: it moves, and not on one word alone."""
        return self.has_moved and not self.is_stalled and not self.is_lone


def compute_tip(
    claims: Iterable[Claim], previous: Tip | None, now: float, limits: TipLimits = DEFAULT_LIMITS
) -> Tip | None:
    """Compute the tip from all recent claims and the tip before; the order of claims does not matter.

    None while nothing was ever claimed. Without recent claims the tip stays where it was, is not called halted, and
    nothing is held against a claim of more when the nodes are back.
    """
    recent = list(claims)
    own = sorted((claim.ledger for claim in recent if not claim.is_trusted and claim.ledger), reverse=True)
    floor = max((claim.ledger for claim in recent if claim.is_trusted), default=0)
    attested, is_certain = _find_agreed(recent, limits)
    allowed = _find_ceiling(recent, previous, now, limits)
    if attested is not None:
        believed = max(attested, floor)
        tip = _move(previous, believed, believed + limits.slack_ledgers, now, is_anchored=is_certain)
        return _judge_motion(tip, previous, recent, now, limits)
    if allowed is not None:
        ceiling = max(allowed, floor)
        word = own[min(1, len(own) - 1)] if own else 0  # one alone has no second
        tip = _move(previous, max(floor, word if word <= ceiling else 0), ceiling, now, is_anchored=True)
    elif own or previous is not None:
        tip = _follow_leader(recent, own, previous, now, limits)
    elif floor:
        tip = Tip(floor, now, has_moved=False)
    else:
        return None
    if floor and floor >= tip.ledger:
        raised = None if tip.ceiling is None else max(tip.ceiling, floor + limits.slack_ledgers)
        tip = _move(tip, floor, raised, now, is_anchored=True)
    return _judge_motion(tip, previous, recent, now, limits)


def find_attested(claims: Iterable[Claim]) -> int | None:
    """Find the ledger that two current nodes stand for, whatever any number claim that stand still; None without.

    Both told how old it is. So neither can be far behind, and one that is far ahead of the other is wrong.
    """
    dated = sorted((c.ledger for c in claims if _is_current_node(c) and not c.is_undated), reverse=True)
    return dated[1] if len(dated) > 1 else None


def _find_agreed(claims: list[Claim], limits: TipLimits) -> tuple[int | None, bool]:
    """Find the ledger that two nodes stand for, or agree on that look current, and whether it is certain.

    Where they do not tell how old it is, both may follow far behind: one that goes on ahead of them, by no more than a
    network closes in a day, is more likely to be right, and is followed on its word alone.
    """
    attested = find_attested(claims)
    if attested is not None:
        return attested, True
    current = sorted((claim.ledger for claim in claims if _is_current_node(claim)), reverse=True)
    agreed = next((low for high, low in pairwise(current) if high - low <= limits.slack_ledgers), None)
    if agreed is None:
        return None, False
    ahead = max(ledger for ledger in current if ledger <= agreed + _DAY_LEDGERS)
    is_certain = ahead <= agreed + limits.slack_ledgers
    return (agreed if is_certain else ahead), is_certain


def _is_current_node(claim: Claim) -> bool:
    return claim.is_current and not claim.is_trusted and claim.ledger > 0


def _find_ceiling(claims: list[Claim], previous: Tip | None, now: float, limits: TipLimits) -> int | None:
    """Find what references allow at the most: those that are current themselves, and not behind what is certain.

    A certain tip stays so until no node has moved it for as long as a halt takes: the network may have been reset.
    """
    allowed = [claim.ledger + claim.slack_ledgers for claim in claims if claim.is_trusted and claim.is_current]
    stands = previous is not None and now - previous.moved_at < limits.halted_seconds
    certain = (previous.anchor_ledger or 0) if previous is not None and stands else 0
    return max(allowed) if allowed and max(allowed) >= certain else None


def _follow_leader(claims: list[Claim], own: list[int], previous: Tip | None, now: float, limits: TipLimits) -> Tip:
    """Follow the foremost without a witness: no further than ledgers can have closed since there was one."""
    if not own and previous is not None:
        return replace(previous, ceiling=None)
    successor = _find_successor(claims, previous, now, limits)
    if successor is not None and previous is not None:
        tip = _move(previous, successor, successor + limits.slack_ledgers, now, is_anchored=True)
        is_reset = 2 * successor < previous.ledger
        return replace(tip, reset_at=now, reset_from=previous.ledger) if is_reset else tip
    line = None if previous is None else _extrapolate(previous, now, limits)
    if line is None or len(own) == 1:
        # Nothing stands against the highest claim: there is no other, or nobody was ever known to be current.
        return _move(previous, own[0], None, now)
    leaders = (claim.ledger for claim in claims if claim.is_advancing and claim.ledger <= line)
    return _move(previous, max(leaders, default=0), line, now)


def _find_successor(claims: list[Claim], previous: Tip | None, now: float, limits: TipLimits) -> int | None:
    """Find the ledger of a node that goes on far below a tip that no claim is near to any more; None while one is.

    The network was reset, or the tip was never its own. A replica alone has no second to agree with it.
    """
    if previous is None or now - previous.moved_at < limits.halted_seconds:
        return None
    if any(claim.ledger + limits.slack_ledgers >= previous.ledger for claim in claims):
        return None
    following = (c.ledger for c in claims if _is_current_node(c) and c.is_following and not c.is_undated)
    return max(following, default=None)


def _extrapolate(previous: Tip, now: float, limits: TipLimits) -> int | None:
    """Return the highest ledger that the network can have closed since more than one word stood for the tip.

    None where that was never so: of laggards and one that is healthy, either may have answered first.
    """
    if previous.anchored_at is None or previous.anchor_ledger is None:
        return None
    passed = max(0.0, now - previous.anchored_at)
    return max(previous.ledger, previous.anchor_ledger + limits.slack_ledgers + ceil(CLOSING_RATE * passed))


def _move(previous: Tip | None, believed: int, ceiling: int | None, now: float, *, is_anchored: bool = False) -> Tip:
    """Advance the tip to `believed`; take it back when it was the word of one alone, or stands above the ceiling."""
    before = previous or Tip(believed, now, has_moved=False)
    stands = (before.anchor_ledger or 0) if is_anchored else before.ledger
    is_refuted = ceiling is not None and stands > ceiling
    ledger = believed if is_refuted else max(stands, believed)
    # Far below what more than one word stood for: not a lie that is refuted, but a network that began anew.
    is_reset = is_refuted and before.anchor_ledger is not None and 2 * ledger < before.anchor_ledger
    return replace(
        before,
        ledger=ledger,
        moved_at=before.moved_at if ledger == before.ledger else now,
        ceiling=ceiling,
        anchored_at=now if is_anchored else before.anchored_at,
        anchor_ledger=ledger if is_anchored else before.anchor_ledger,
        reset_at=now if is_reset else before.reset_at,
        reset_from=before.ledger if is_reset else before.reset_from,
    )


def _judge_motion(tip: Tip, previous: Tip | None, claims: list[Claim], now: float, limits: TipLimits) -> Tip:
    """Return whether the tip is stalled, and whether the network is the cause: no node advances meanwhile."""
    still_seconds = now - tip.moved_at
    is_seen_to_move = previous is not None and tip.ledger > previous.ledger
    has_moved = tip.has_moved or (is_seen_to_move and any(c.is_moving and c.ledger >= tip.ledger for c in claims))
    is_lone = _is_lone(tip, claims)
    is_stalled = still_seconds >= limits.stalled_seconds
    is_halted = still_seconds >= limits.halted_seconds and bool(claims) and not any(c.is_following for c in claims)
    judged = (has_moved, is_lone, is_stalled, is_halted)
    if judged == (tip.has_moved, tip.is_lone, tip.is_stalled, tip.is_halted):
        return tip  # as at nearly every look
    return replace(tip, has_moved=has_moved, is_lone=is_lone, is_stalled=is_stalled, is_halted=is_halted)


def _is_lone(tip: Tip, claims: list[Claim]) -> bool:
    """Return whether one node alone is ahead of at least two others that stopped together and hear of nothing newer.

    A reference that is ahead of them as well shows that it is right; one that stopped with them shows nothing.
    """
    nodes = [claim for claim in claims if not claim.is_trusted]
    stopped = [claim.ledger for claim in nodes if claim.ledger and not claim.is_advancing]
    last = max(stopped, default=0)
    together = sum(ledger >= last - TOGETHER_LEDGERS for ledger in stopped)
    ahead = sum(claim.ledger > last for claim in nodes)
    is_witnessed = any(claim.is_trusted and claim.ledger > last for claim in claims)
    return together > 1 and ahead == 1 and tip.ledger > last and not is_witnessed
