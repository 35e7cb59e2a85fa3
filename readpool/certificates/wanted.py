"""Which certificates an installation needs, in which Secrets, and how long they last: as the flags say it. Pure."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from readpool.host_port import SettingsError
from readpool.names import DNS_LABEL, DNS_SUBDOMAIN

MIN_LEAF_SECONDS = 3600.0
MIN_LEAVES = 10
"""An authority lasts at least as long as so many of its certificates one after the other."""
MAX_SECONDS = 20 * 365 * 86400.0
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
_MOST_COMMON_NAME_CHARS = 64


class SecretName(NamedTuple):
    """Where a Secret is."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Write it as NAMESPACE/NAME."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate that is wanted in a Secret: for these DNS names, to serve with or to call with."""

    secret: SecretName
    names: tuple[str, ...]
    is_server: bool


@dataclass(frozen=True, slots=True)
class Copy:
    """A Secret whose certificate another Secret has to have as well."""

    source: SecretName
    target: SecretName


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long certificates last, in seconds.

    Raises:
        SettingsError: when they are too short to be renewed in time.
    """

    leaf_seconds: float
    authority_seconds: float

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.leaf_seconds < MIN_LEAF_SECONDS:
            raise SettingsError(
                f"--duration {self.leaf_seconds:g}s is less than 1h: pods see a changed Secret after minutes"
            )
        least = MIN_LEAVES * self.leaf_seconds
        if not least <= self.authority_seconds <= MAX_SECONDS:
            raise SettingsError(
                f"--authority-duration {self.authority_seconds / 3600:g}h is not within {least / 3600:g}h,"
                f" {MIN_LEAVES} times --duration, to {MAX_SECONDS / 3600:g}h"
            )


def parse_secret(text: str, namespace: str) -> SecretName:
    """Parse NAMESPACE/NAME, or NAME in `namespace`.

    Raises:
        SettingsError: when it is neither.
    """
    found = SecretName(*text.split("/", 1)) if "/" in text else SecretName(namespace, text)
    if not DNS_LABEL.fullmatch(found.namespace) or not DNS_SUBDOMAIN.fullmatch(found.name):
        raise SettingsError(f"{text!r} is not the name of a Secret, such as readpool-ca or keda/readpool-scaler")
    return found


def parse_leaf(text: str, namespace: str, *, is_server: bool) -> Leaf:
    """Parse SECRET=NAME,NAME: the Secret and the DNS names of its certificate.

    Raises:
        SettingsError: when it is not of that form.
    """
    secret, equals, names = text.partition("=")
    listed = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    wrong = [name for name in listed if not DNS_SUBDOMAIN.fullmatch(name)]
    if not equals or not listed or wrong:
        raise SettingsError(
            f"{text!r} is not SECRET=NAME,NAME with DNS names, such as readpool-scaler-tls=readpool-scaler.readpool.svc"
        )
    return Leaf(parse_secret(secret.strip(), namespace), listed, is_server)


def parse_copy(text: str, namespace: str) -> Copy:
    """Parse SECRET=NAMESPACE/SECRET: from where, and where to.

    Raises:
        SettingsError: when it is not of that form, or copies a Secret onto itself.
    """
    source, equals, target = text.partition("=")
    if not equals:
        raise SettingsError(f"{text!r} is not SECRET=NAMESPACE/SECRET, such as readpool-keda-tls=keda/readpool-scaler")
    copy = Copy(parse_secret(source.strip(), namespace), parse_secret(target.strip(), namespace))
    if copy.source == copy.target:
        raise SettingsError(f"{text!r} copies a Secret onto itself")
    return copy


def parse_duration(text: str) -> float:
    """Parse hours, minutes and seconds such as 168h or 1h30m, to seconds.

    Raises:
        SettingsError: when it is not of that form.
    """
    found = _DURATION.fullmatch(text)
    if not text or not found:
        raise SettingsError(f"{text!r} is not a duration in h, m and s, such as 168h or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def choose_common_name(names: tuple[str, ...]) -> str | None:
    """Choose the first name that fits into a common name, which has 64 characters at most; None where none does."""
    return next((name for name in names if len(name) <= _MOST_COMMON_NAME_CHARS), None)
