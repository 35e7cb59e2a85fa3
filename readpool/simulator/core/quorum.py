"""Quorum sets as Core generates, judges, prints and hashes them. Pure."""

import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby

from readpool.simulator.core.keys import decode_account
from readpool.simulator.core.settings import QuorumSet
from readpool.simulator.core_info import write_styled

QUALITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Validator:
    """An entry of [[VALIDATORS]]; `quality` is its own or its home domain's."""

    name: str
    account: str
    home_domain: str
    quality: str
    address: str = ""
    history: str = ""


def tolerated(size: int, *, is_majority: bool) -> int:
    """Return how many of `size` may fail: less than half of them for a simple majority, else less than a third."""
    return (size - 1) // (2 if is_majority else 3) if size else 0


def generate(validators: list[Validator]) -> QuorumSet:
    """Make the quorum set of [[VALIDATORS]]: a set a home domain, lower qualities as one set of the one above."""
    ordered = sorted(validators, key=lambda one: (-QUALITIES.index(one.quality), one.home_domain))
    tiers = [list(tier) for _, tier in groupby(ordered, key=lambda one: one.quality)]
    quorum = QuorumSet(0, ())
    for tier in reversed(tiers):
        quorum = _tier(tier, quorum)
    return normalise(quorum)


def _tier(validators: list[Validator], lower: QuorumSet) -> QuorumSet:
    domains = []
    for _, members in groupby(validators, key=lambda one: one.home_domain):
        accounts = tuple(one.account for one in members)
        domains.append(QuorumSet(len(accounts) - tolerated(len(accounts), is_majority=True), accounts))
    inner = (*domains, lower) if lower.threshold else tuple(domains)
    allowed = 0 if validators[0].quality == "CRITICAL" else tolerated(len(inner), is_majority=False)
    return QuorumSet(len(inner) - allowed, (), inner)


def normalise(quorum: QuorumSet) -> QuorumSet:
    """Sort it by key, and put what has one member alone in the place of its set."""
    inner = [normalise(one) for one in quorum.inner]
    singles = [one.validators[0] for one in inner if one.threshold == 1 and len(one.validators) == 1 and not one.inner]
    rest = [one for one in inner if not (one.threshold == 1 and len(one.validators) == 1 and not one.inner)]
    validators = tuple(sorted((*quorum.validators, *singles), key=decode_account))
    if quorum.threshold == 1 and not validators and len(rest) == 1:
        return rest[0]
    return QuorumSet(quorum.threshold, validators, tuple(sorted(rest, key=_sort_key)))


def _sort_key(quorum: QuorumSet) -> tuple[list[bytes], int]:
    return [decode_account(one) for one in quorum.validators], quorum.threshold


def blocks(quorum: QuorumSet, nodes: AbstractSet[str]) -> bool:
    """Return whether every quorum has one of these nodes in it, so that nothing is decided without them."""
    if not quorum.threshold:
        return False
    left = len(quorum.validators) + len(quorum.inner) - quorum.threshold + 1
    present = sum(one in nodes for one in quorum.validators) + sum(blocks(one, nodes) for one in quorum.inner)
    return present >= left


def quorum_hash(quorum: QuorumSet) -> str:
    """Hash it as Core does, 64 hexadecimal digits; logs and /info show the first six."""
    return hashlib.sha256(_xdr(normalise(quorum))).hexdigest()


def _xdr(quorum: QuorumSet) -> bytes:
    keys = b"".join(bytes(4) + decode_account(one) for one in quorum.validators)
    inner = b"".join(_xdr(one) for one in quorum.inner)
    lengths = (quorum.threshold, len(quorum.validators), len(quorum.inner))
    threshold, validators, sets = (length.to_bytes(4, "big") for length in lengths)
    return threshold + validators + keys + sets + inner


def describe(quorum: QuorumSet, names: Mapping[str, str]) -> str:
    """Print it as Core logs it, with the names of validators that have one."""
    return write_styled(_tree(quorum, names)).decode().rstrip()


def _tree(quorum: QuorumSet, names: Mapping[str, str]) -> dict[str, object]:
    members: list[object] = [names.get(one, one[:5]) for one in quorum.validators]
    members += [_tree(one, names) for one in quorum.inner]
    return {"t": quorum.threshold, "v": members or None}
