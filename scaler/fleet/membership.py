"""Which members a fleet has, look-up after look-up. A bad answer of DNS, empty or in part, changes nothing; three do.

Between discovery, which asks DNS, and the fleet, which is told only what is to be believed. A member is its address;
its name is a label, which may come later and does not go away.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_AGREEING_LOOKUPS = 3
_MAX_NAME = 253
"""As long as a DNS name gets: beyond that labels of metrics are cut, and two of them could be the same."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What is believed of a fleet's members.

    Attributes:
        members: name to base URL.
        empty_lookups: how many empty answers in a row spoke against all of them.
        missing: by name, how many answers in a row left a member out that is believed all the same.
    """

    members: Mapping[str, str] = field(default_factory=dict)
    empty_lookups: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_uncertain(self) -> bool:
        """Return whether the last responses were empty, but too few to be trusted."""
        return 0 < self.empty_lookups < _AGREEING_LOOKUPS


def advance_membership(membership: Membership, found: Mapping[str, str]) -> Membership:
    """Fold one DNS response: new members count at once, missing ones are gone when three lookups agree.

    A pod of the same name at another address takes the place of the one before at once.
    """
    named = _keep_labels(membership.members, found)
    urls = set(named.values())
    missing = {
        name: membership.missing.get(name, 0) + 1
        for name, url in membership.members.items()
        if name not in named and url not in urls
    }
    missing = {name: lookups for name, lookups in missing.items() if lookups < _AGREEING_LOOKUPS}
    kept = {name: membership.members[name] for name in missing}
    empty_lookups = 0 if found else min(membership.empty_lookups + 1, _AGREEING_LOOKUPS)
    return Membership({**named, **kept}, empty_lookups, missing)


def is_label(name: str, url: str) -> bool:
    """Return whether a member has a name of its own, not just its address."""
    return name != urlsplit(url).hostname


def is_same_member(before: str | None, name: str, url: str) -> bool:
    """Return whether the member at an address is the one known there as `before`: a pod keeps its first label.

    The whole of its name takes the place of that while another pod has the same first label.
    """
    if before is None:
        return False
    is_unnamed = not is_label(before, url) or not is_label(name, url)
    return is_unnamed or before.partition(".")[0] == name.partition(".")[0]


def _keep_labels(known: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Keep the label of a known address that was found without one this time."""
    labels = {url: name for name, url in known.items() if is_label(name, url) and name not in found}
    return {name if is_label(name, url) else labels.get(url, name): url for name, url in found.items()}


def name_nodes(urls: tuple[str, ...]) -> dict[str, str]:
    """Name fixed URLs by their host and port, or by the whole URL where two of them share that: name to base URL.

    What is too long for a label ends in a digest.
    """
    authorities = {url: url.partition("://")[2].partition("/")[0] for url in urls}
    sharing = Counter(authorities.values())
    return {_shorten(authority if sharing[authority] == 1 else url): url for url, authority in authorities.items()}


def _shorten(name: str) -> str:
    if len(name) <= _MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: _MAX_NAME - len(digest) - 1]}~{digest}"
