"""How often is a Service looked up? Each interval while all look-ups together are cheap; else by fair shares. Pure.

Shares are fair among callers first, then among the namespaces of each: a caller with very many fleets waits longer for
each of them, and no other caller does.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

SECONDS_PER_LOOKUP, SECONDS_PER_MEMBER = 0.002, 0.0002
"""What a look-up costs of a core, roughly: dnspython takes its time over each record."""
LOOKUP_SHARE = 0.1
"""Of a core, for all look-ups together."""
Account = tuple[str, str]
"""A caller and a namespace that it asks for."""
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class LookupLoad:
    """What is looked up on one account: how many Services, and how many members they have together."""

    services: int
    members: int

    @property
    def cost_seconds(self) -> float:
        """Return the cost of looking all of them up once."""
        return SECONDS_PER_LOOKUP * self.services + SECONDS_PER_MEMBER * self.members


def compute_lookup_periods(loads: Mapping[Account, LookupLoad], interval_seconds: float) -> Mapping[Account, float]:
    """Compute the seconds between two look-ups of a Service of each account, never fewer than an interval."""
    wanted = {account: load.cost_seconds / interval_seconds for account, load in loads.items()}
    by_caller: defaultdict[str, dict[Account, float]] = defaultdict(dict)
    for account, share in wanted.items():
        by_caller[account[0]][account] = share
    of_callers = share_out({caller: sum(shares.values()) for caller, shares in by_caller.items()}, LOOKUP_SHARE)
    given: dict[Account, float] = {}
    for caller, shares in by_caller.items():
        given |= share_out(shares, of_callers[caller])
    return {
        account: interval_seconds if given[account] >= share else interval_seconds * share / given[account]
        for account, share in wanted.items()
    }


def share_out(wanted: Mapping[_Key, float], whole: float) -> dict[_Key, float]:
    """Share out `whole` so that no key gets more than it wants, and all that get less get the same.

    Max-min fairness, as in D. Bertsekas and R. Gallager, Data Networks, 6.5.2.
    """
    given: dict[_Key, float] = {}
    left = whole
    for place, key in enumerate(sorted(wanted, key=lambda one: wanted[one])):
        given[key] = min(wanted[key], left / (len(wanted) - place))
        left -= given[key]
    return given
