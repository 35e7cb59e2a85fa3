"""Which members a fleet has, look-up after look-up. One bad answer of DNS empties no fleet; three that agree do.

Between discovery, which asks DNS, and the fleet, which is told only what is to be believed.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

_AGREEING_EMPTY_LOOKUPS = 3


@dataclass(frozen=True, slots=True)
class Membership:
    """What is believed of a fleet's members: name to base URL, and how many empty answers in a row spoke against it."""

    members: Mapping[str, str] = field(default_factory=dict)
    empty_lookups: int = 0

    @property
    def is_doubted(self) -> bool:
        """Tell whether the last answers were empty, but too few of them to be believed."""
        return 0 < self.empty_lookups < _AGREEING_EMPTY_LOOKUPS


def advance_membership(membership: Membership, found: Mapping[str, str]) -> Membership:
    """Fold one answer of DNS: members are believed at once, an empty list when three look-ups in a row give it."""
    if found:
        return Membership(members=found)
    empty_lookups = min(membership.empty_lookups + 1, _AGREEING_EMPTY_LOOKUPS)
    members = {} if empty_lookups == _AGREEING_EMPTY_LOOKUPS else membership.members
    return Membership(members=members, empty_lookups=empty_lookups)


def name_nodes(urls: tuple[str, ...]) -> dict[str, str]:
    """Name fixed URLs by their host and port, or by the whole URL where two of them share that: name to base URL."""
    authorities = {url: url.partition("://")[2].partition("/")[0] for url in urls}
    sharing = Counter(authorities.values())
    return {authority if sharing[authority] == 1 else url: url for url, authority in authorities.items()}
