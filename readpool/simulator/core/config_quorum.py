"""Who a configuration trusts: [QUORUM_SET], [[VALIDATORS]], [[HOME_DOMAINS]] and NODE_NAMES. Pure.

What it refuses, it refuses as Core does: with a ValueError in Core's words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from readpool.simulator.core.keys import account_of, decode_account
from readpool.simulator.core.quorum import QUALITIES, Validator
from readpool.simulator.core.settings import QuorumSet

_VALIDATOR_KEYS = {"NAME", "HOME_DOMAIN", "QUALITY", "PUBLIC_KEY", "ADDRESS", "HISTORY"}
_MIN_REDUNDANCY = 3
_DEEPEST = 4
_PERCENT = 100
_DEFAULT_PERCENT = 67


@dataclass(slots=True)
class Names:
    """Names of nodes, by account, as they are learned from the configuration."""

    by_account: dict[str, str] = field(default_factory=dict)

    def add(self, account: str, name: str) -> None:
        """Name an account. Raises ValueError for a name, or an account, that has been taken."""
        if name in self.by_account.values():
            raise ValueError(f"name already used: {name}")
        if account in self.by_account:
            raise ValueError(f"naming node twice: {name}")
        self.by_account[account] = name

    def node(self, text: str) -> str:
        """Read `G… [name]` or `$name`, as an account."""
        if len(text) <= 1:
            raise ValueError(f"invalid key: {text}")
        if text.startswith("$"):
            named = [account for account, name in self.by_account.items() if name == text[1:]]
            if not named:
                raise ValueError(f"unknown key in config: {text}")
            return named[0]
        account, *name = text.split()
        try:
            decode_account(account)
        except ValueError as error:
            raise ValueError("bad public key") from error
        if name:
            self.add(account, name[0])
        return account


def node_seed(text: str, names: Names) -> str:
    """Read NODE_SEED, `S… [name]`, as a seed."""
    if len(text) <= 1:
        raise ValueError(f"invalid key: {text}")
    seed, *name = text.split()
    try:
        account = account_of(seed)
    except ValueError as error:
        raise ValueError("invalid seed") from error
    if name:
        names.add(account, name[0])
    return seed


def home_domains(entries: object) -> dict[str, str]:
    """Read HOME_DOMAINS, as the quality of each."""
    qualities: dict[str, str] = {}
    for entry in _tables(entries, "HOME_DOMAINS"):
        if set(entry) != {"HOME_DOMAIN", "QUALITY"}:
            raise ValueError("malformed HOME_DOMAINS entry")
        qualities[_string(entry, "HOME_DOMAIN")] = _quality(_string(entry, "QUALITY"))
    return qualities


def validators(entries: object, qualities: Mapping[str, str], names: Names) -> list[Validator]:
    """Read [[VALIDATORS]], and learn their names."""
    found = [_validator(entry, qualities, names) for entry in _tables(entries, "VALIDATORS")]
    for one in found:
        if one.quality in {"HIGH", "CRITICAL"}:
            _check_redundancy(one, sum(other.home_domain == one.home_domain for other in found))
    return found


def _validator(entry: dict[str, Any], qualities: Mapping[str, str], names: Names) -> Validator:
    if unknown := set(entry) - _VALIDATOR_KEYS:
        raise ValueError(f"malformed VALIDATORS entry {min(unknown)}")
    name, domain = _string(entry, "NAME"), _string(entry, "HOME_DOMAIN")
    quality = _string(entry, "QUALITY") if "QUALITY" in entry else qualities.get(domain, "")
    if not (name and domain and quality):
        raise ValueError(f"malformed VALIDATORS entry {name}")
    account = names.node(_string(entry, "PUBLIC_KEY"))
    names.add(account, name)
    address, history = _string(entry, "ADDRESS"), _string(entry, "HISTORY")
    return Validator(name, account, domain, _quality(quality), address, history)


def _check_redundancy(one: Validator, of_its_domain: int) -> None:
    if not one.history:
        raise ValueError(
            f"malformed VALIDATORS entry {one.name} (critical and high quality validators must have an archive)"
        )
    if of_its_domain < _MIN_REDUNDANCY:
        raise ValueError(
            f"Critical and High quality validators for {one.home_domain} must have redundancy of at least 3"
        )


def quorum_set(table: object, names: Names, depth: int = 0) -> QuorumSet:
    """Read [QUORUM_SET], with the sets in it."""
    if not isinstance(table, dict):
        raise ValueError("invalid quorum set definition")  # noqa: TRY004  # all that is wrong with a file is a ValueError
    if depth > _DEEPEST:
        raise ValueError("too many levels in quorum set")
    members = table.get("VALIDATORS", [])
    inner = tuple(
        quorum_set(one, names, depth + 1)
        for key, one in table.items()
        if key not in {"THRESHOLD_PERCENT", "VALIDATORS"}
    )
    if not isinstance(members, list):
        raise ValueError("'VALIDATORS' must be an array")  # noqa: TRY004  # as above
    accounts = tuple(names.node(str(one)) for one in members)
    size = len(accounts) + len(inner)
    if not size:
        raise ValueError("invalid quorum set definition")
    return QuorumSet(1 + (size * _percent(table) - 1) // _PERCENT, accounts, inner)


def _percent(table: dict[str, Any]) -> int:
    percent = table.get("THRESHOLD_PERCENT", _DEFAULT_PERCENT)
    if not isinstance(percent, int) or isinstance(percent, bool):
        raise ValueError("invalid 'THRESHOLD_PERCENT'")  # noqa: TRY004  # as above
    if not 1 <= percent <= _PERCENT:
        raise ValueError("bad 'THRESHOLD_PERCENT'")
    return percent


def _tables(entries: object, key: str) -> list[dict[str, Any]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"malformed {key}")
    return entries


def _string(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"invalid '{key}'")  # noqa: TRY004  # as above
    return value


def _quality(text: str) -> str:
    if text not in QUALITIES:
        raise ValueError(f"Unknown QUALITY {text}")
    return text
