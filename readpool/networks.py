"""The public networks as facts: passphrase, validators, archives. What a watcher's quorum set is made of.

Pure: readpool.public_networks reads the file that is part of the product, networks.toml, and says where it comes from.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

_PUBLIC_KEY = re.compile(r"G[A-Z2-7]{55}")
_FIELDS = ("name", "home_domain", "quality", "public_key", "address", "archive")


class NetworksError(ValueError):
    """Facts of a network that are not whole. The message says where."""


class Quality(StrEnum):
    """How far a home domain is trusted; Core nests lower ones within higher ones."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


@dataclass(frozen=True, slots=True)
class HomeDomain:
    """An organization that runs validators."""

    name: str
    quality: Quality


@dataclass(frozen=True, slots=True)
class ValidatorFacts:
    """One validator: who runs it, where its peers reach it, and the history archive that it publishes."""

    name: str
    home_domain: HomeDomain
    public_key: str
    address: str
    archive: str


@dataclass(frozen=True, slots=True)
class ProtocolFacts:
    """The protocol that a network is at: its number, since when, and where that is written, as a URL."""

    number: int
    since: date
    source: str


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What there is to know of a network; of a private one, which brings its own quorum set, the passphrase alone.

    `protocol` is None where no one publishes it.
    """

    passphrase: str
    validators: tuple[ValidatorFacts, ...] = ()
    protocol: ProtocolFacts | None = None

    @property
    def home_domains(self) -> tuple[HomeDomain, ...]:
        """The organizations behind the validators, each once."""
        return tuple(dict.fromkeys(validator.home_domain for validator in self.validators))

    @property
    def archives(self) -> tuple[str, ...]:
        """The archives that the validators publish, each once."""
        return tuple(dict.fromkeys(validator.archive for validator in self.validators))


def parse_networks(text: str) -> Mapping[str, NetworkFacts]:
    """Parse TOML with a table a network, by name.

    Raises:
        NetworksError: for a field that is missing, doubtful or unknown.
        tomllib.TOMLDecodeError: for what is not TOML.
    """
    return {name: _parse_network(name, facts) for name, facts in tomllib.loads(text).items()}


def _parse_network(name: str, facts: Mapping[str, object]) -> NetworkFacts:
    passphrase, validators = facts.get("passphrase"), facts.get("validators")
    if not isinstance(passphrase, str) or not passphrase or not isinstance(validators, list):
        raise NetworksError(f"{name}: needs a passphrase and validators")
    protocol = _parse_protocol(name, facts["protocol"]) if "protocol" in facts else None
    network = NetworkFacts(passphrase, tuple(_parse_validator(name, fields) for fields in validators), protocol)
    domains = [domain.name for domain in network.home_domains]
    if len(set(domains)) != len(domains):
        raise NetworksError(f"{name}: a home domain has two qualities; Core allows it one")
    for what in ("name", "public_key"):
        if len({getattr(validator, what) for validator in network.validators}) != len(network.validators):
            raise NetworksError(f"{name}: two validators have the same {what}")
    return network


def _parse_protocol(network: str, fields: object) -> ProtocolFacts:
    match fields:
        case {"number": int(number), "since": date() as since, "source": str(source), **rest} if not rest:
            if number > 0 and source.startswith("https://"):
                return ProtocolFacts(number, since, source)
    raise NetworksError(f"{network}: protocol {fields!r} needs number, since (a date), source (https), and no more")


def _parse_validator(network: str, fields: Mapping[str, object]) -> ValidatorFacts:
    texts = {key: value for key, value in fields.items() if key in _FIELDS and isinstance(value, str) and value}
    if texts.keys() != set(_FIELDS) or len(fields) != len(_FIELDS):
        raise NetworksError(f"{network}: validator {fields.get('name')!r} needs {', '.join(_FIELDS)}, and no more")
    if not _PUBLIC_KEY.fullmatch(texts["public_key"]):
        raise NetworksError(f"{network}: {texts['public_key']!r} is no public key")
    if texts["quality"] not in set(Quality):
        raise NetworksError(f"{network}: {texts['quality']!r} is no quality; it is one of {', '.join(Quality)}")
    domain = HomeDomain(texts["home_domain"], Quality(texts["quality"]))
    return ValidatorFacts(texts["name"], domain, texts["public_key"], texts["address"], texts["archive"])
