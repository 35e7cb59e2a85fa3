"""One key of scalerMetadata at a time: taken, checked, or refused with a sentence that names it. Under scaler.triggers.

Keys come as KEDA sends them: its own among them, and `xFromEnv` for `x` with the value already resolved.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from readpool.names import DNS_LABEL
from readpool.text import quote
from scaler.triggers.node_urls import ALLOWED_URL, find_place, is_node_url

_KEDA_KEYS = ("scalerAddress", "enableTLS", "unsafeSsl", "tlsCertFile", "caCert", "tlsClientCert", "tlsClientKey")
"""KEDA's own, of every version since 2.5: it passes on what it has read for itself."""
_FROM_ENV = "FromEnv"
_MAX_WORDS = 200
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_WHOLE = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_HIGHEST_PORT = 65535

_Choice = TypeVar("_Choice", bound=str)


class TriggerError(ValueError):
    """A trigger that is not understood. The message names the key, the value and what is allowed."""


class Metadata:
    """The keys of one trigger; what has been taken is gone, and what is left at the end has no place in it.

    Raises:
        TriggerError: for a key that is not `known`, or given both as it is and with FromEnv.
    """

    def __init__(self, metadata: Mapping[str, str], known: Sequence[str]) -> None:
        self._left: dict[str, str] = {}
        allowed = {*known, *_KEDA_KEYS}
        if len(metadata) > 2 * len(allowed):
            raise TriggerError(f"{len(metadata)} keys given, more than exist; allowed keys are {', '.join(known)}")
        unknown = {key for key in metadata if _name_of(key) not in allowed}
        if unknown:
            key = quote(min(unknown))
            raise TriggerError(f"{key}: unknown key; allowed keys are {', '.join(known)}")
        for key in sorted(metadata):
            name = _name_of(key)
            if name in _KEDA_KEYS:
                continue
            if name in self._left:
                raise TriggerError(f"{name}: given twice, once as {name}{_FROM_ENV}; use one of them")
            self._left[name] = metadata[key].strip()

    def take_one_of(self, *names: str) -> str:
        """Return which one of these keys is given; it stays to be taken."""
        given = [name for name in names if name in self._left]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise TriggerError(f"{', '.join(names)}: exactly one of them is required, {found} given")
        return given[0]

    def take_words(self, key: str, default: str | None) -> str | None:
        """Pop text of 1 to 200 printable characters."""
        value = self._take(key)
        if value is None:
            return default
        if not 0 < len(value) <= _MAX_WORDS or not value.isprintable():
            raise refuse(key, value, f"text of 1 to {_MAX_WORDS} printable characters")
        return value

    def take_name(self, key: str) -> str:
        """Pop the name of a Kubernetes object, a DNS label: it cannot point into another namespace."""
        return check_name(key, self._demand(key))

    def take_port(self, key: str) -> int | str:
        """Pop a port's number, or its name (IANA_SVC_NAME, at most 15 characters with a letter)."""
        return _parse_port(key, self._demand(key))

    def find_port(self, key: str) -> int | str | None:
        """Pop a port's number or name, if one is given."""
        value = self._take(key)
        return None if value is None else _parse_port(key, value)

    def take_whole(self, key: str, default: int | None, *, minimum: int, maximum: int) -> int:
        """Pop a whole number; required if there is no default."""
        value = self._demand(key) if default is None else self._take(key)
        if value is None:
            return default or 0
        if not _WHOLE.fullmatch(value) or not minimum <= int(value) <= maximum:
            raise refuse(key, value, f"a whole number from {minimum} to {maximum}")
        return int(value)

    def take_number(self, key: str, default: float, *, minimum: float, maximum: float) -> float:
        """Pop a number in plain decimal notation."""
        value = self._take(key)
        if value is None:
            return default
        if not _NUMBER.fullmatch(value) or not minimum <= float(value) <= maximum:
            raise refuse(key, value, f"a number from {minimum:g} to {maximum:.0f}, in digits such as 0.5")
        return float(value)

    def take_choice(self, key: str, choices: Iterable[_Choice], default: _Choice) -> _Choice:
        """Pop one of a few words."""
        value = self._take(key)
        allowed = {str(choice): choice for choice in choices}
        if value is None:
            return default
        if value not in allowed:
            raise refuse(key, value, f"one of {', '.join(allowed)}")
        return allowed[value]

    def take_urls(self, key: str, most: int) -> tuple[str, ...]:
        """Pop http and https URLs, separated by commas; sorted, without duplicates."""
        urls = tuple(part.strip() for part in self._demand(key).split(","))
        if len(urls) > most:
            raise TriggerError(f"{key}: {len(urls)} URLs given; at most {most} are allowed")
        for url in urls:
            _check_url(key, url)
        _refuse_double(key, urls)
        return tuple(sorted(urls))

    def take_pairs(self, key: str, most: int, *, kinds: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """Pop KIND=URL pairs, separated by commas; sorted, without duplicates."""
        value = self._take(key)
        parts = [] if value is None else [part.strip() for part in value.split(",")]
        if len(parts) > most:
            raise TriggerError(f"{key}: {len(parts)} given; at most {most} are allowed")
        pairs = [(kind, url) for kind, _, url in (part.partition("=") for part in parts)]
        for part, (kind, url) in zip(parts, pairs, strict=True):
            if kind not in kinds:
                raise refuse(key, part, f"KIND=URL with a kind of {', '.join(map(str, kinds))}")
            _check_url(key, url)
        for kind in kinds:
            _refuse_double(key, [url for given, url in pairs if given == kind])
        return tuple(sorted(pairs))

    def refuse_rest(self, where: str, allowed: Iterable[str]) -> None:
        """Refuse whatever has not been taken."""
        if self._left:
            key = min(self._left)
            raise TriggerError(
                f"{key}: {quote(self._left[key])} is not allowed {where}; allowed keys are {', '.join(allowed)}"
            )

    def _take(self, key: str) -> str | None:
        return self._left.pop(key, None)

    def _demand(self, key: str) -> str:
        value = self._take(key)
        if value is None:
            raise TriggerError(f"{key}: required, but missing")
        return value


def _parse_port(key: str, value: str) -> int | str:
    if _PORT_NAME.fullmatch(value):
        return value
    if not _WHOLE.fullmatch(value) or not 1 <= int(value) <= _HIGHEST_PORT:
        raise refuse(key, value, f"a port number from 1 to {_HIGHEST_PORT}, or the name of the Service's port")
    return int(value)


def _check_url(key: str, url: str) -> None:
    if not is_node_url(url):
        raise refuse(key, url, ALLOWED_URL)


def _refuse_double(key: str, urls: Sequence[str]) -> None:
    """Refuse two URLs that lead to the same place: one node would have two voices."""
    seen: set[tuple[str, str, int, str]] = set()
    for url in urls:
        place = find_place(url)
        if place in seen:
            raise TriggerError(f"{key}: {quote(url)} is listed twice")
        seen.add(place)


def check_name(key: str, value: str) -> str:
    """Return the name of a Kubernetes object if it is a DNS label."""
    if not DNS_LABEL.fullmatch(value):
        raise refuse(key, value, "a name of lower-case letters, digits and hyphens, at most 63")
    return value


def _name_of(key: str) -> str:
    return key.removesuffix(_FROM_ENV)


def refuse(key: str, value: str, allowed: str) -> TriggerError:
    """Build the refusal of one value, with what is allowed."""
    return TriggerError(f"{key}: {quote(value)} is not allowed; it must be {allowed}")
