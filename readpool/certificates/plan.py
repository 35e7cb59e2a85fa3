"""When is an authority or a certificate to be issued again? Pure: from dates, names and the time.

A new authority is trusted for an hour before anything is signed by it, and an old one until its own end, so that no
program meets a certificate whose authority it has not been told of.
"""

from dataclasses import dataclass
from enum import Enum

from readpool.certificate_dates import CertificateDates

BACKDATED_SECONDS = 3600.0
"""Certificates are good from so long ago: clocks differ."""
SPREAD_SECONDS = 3600.0
"""A kubelet brings a changed Secret into a pod within two minutes; a node may be away for longer."""
_RENEWED_AT = 2 / 3
"""Of a life."""
_LAST_PART = 10


class Step(Enum):
    """What to do about the authority."""

    NOTHING = "nothing"
    MAKE = "make"
    """There is none that can sign."""
    ANNOUNCE = "announce"
    """Make the next one, and have it trusted."""
    PROMOTE = "promote"
    """Sign with the next one from now on."""


@dataclass(frozen=True, slots=True)
class LeafFacts:
    """What is in a certificate's Secret now.

    Attributes:
        dates: of the certificate.
        names: its DNS names.
        is_server: whether it is to serve with, else to call with.
        is_of_authority: whether the one that signs now has signed it.
        has_bundle: whether all authorities that are trusted now stand beside it.
    """

    dates: CertificateDates
    names: frozenset[str]
    is_server: bool
    is_of_authority: bool
    has_bundle: bool


def plan_authority(signing: CertificateDates | None, following: CertificateDates | None, now: float) -> Step:
    """Decide about the authority: `signing` now, None where there is none, and the one that follows it."""
    if signing is None or signing.has_ended(now):
        return Step.PROMOTE if following is not None and not following.has_ended(now) else Step.MAKE
    if following is not None:
        announced_at = following.not_before + BACKDATED_SECONDS
        return Step.PROMOTE if now >= announced_at + SPREAD_SECONDS else Step.NOTHING
    return Step.ANNOUNCE if is_due(signing, now) else Step.NOTHING


def is_due(dates: CertificateDates, now: float) -> bool:
    """Return whether two thirds of its life are over."""
    begins = dates.not_before + BACKDATED_SECONDS
    return now >= begins + (dates.not_after - begins) * _RENEWED_AT


def is_late(dates: CertificateDates, now: float) -> bool:
    """Return whether less than a tenth of its life is left: it should have been renewed long ago."""
    begins = dates.not_before + BACKDATED_SECONDS
    return now >= dates.not_after - (dates.not_after - begins) / _LAST_PART


def why_anew(leaf: LeafFacts | None, names: frozenset[str], now: float, *, is_server: bool) -> str | None:
    """Return why a certificate has to be issued again; None if it stays."""
    if leaf is None:
        return "the Secret had no readable certificate"
    if leaf.names != names or leaf.is_server != is_server:
        return "its names have changed"
    if not leaf.is_of_authority:
        return "the CA has changed"
    if is_due(leaf.dates, now):
        return "two thirds of its validity had passed"
    return None
