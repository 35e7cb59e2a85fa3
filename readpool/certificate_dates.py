"""From when until when is a certificate good? PEM in, Unix seconds out. Of all else that is in it TLS judges itself.

Source: RFC 5280, 4.1: Certificate { tbsCertificate { [0] version, serialNumber, signature, issuer, validity …
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]{1,100000})-----END CERTIFICATE-----")
_SEQUENCE, _VERSION, _INTEGER, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x02, 0x17, 0x18
_LONG_FORM, _MOST_LENGTH_BYTES = 0x80, 4
_CENTURY_TURNS = 50
"""A UTCTime of year 50 and later is of the twentieth century."""
_LAST_PART = 10
"""A certificate expires soon in the last tenth of its life: it should have been renewed by then."""


@dataclass(frozen=True, slots=True)
class CertificateDates:
    """When a certificate begins and ends to be good, in Unix seconds."""

    not_before: float
    not_after: float

    def has_ended(self, now: float) -> bool:
        """Return whether it is good no more."""
        return now > self.not_after

    def ends_soon(self, now: float) -> bool:
        """Return whether less than a tenth of its life is left."""
        return now > self.not_after - (self.not_after - self.not_before) / _LAST_PART


def read_dates(pem: bytes) -> CertificateDates | None:
    """Read the dates of the first certificate; None where there is none that can be read."""
    block = _BLOCK.search(pem)
    if block is None:
        return None
    try:
        return _read_certificate(base64.b64decode(b"".join(block[1].split()), validate=True))
    except (ValueError, IndexError, binascii.Error):
        return None


def _read_certificate(der: bytes) -> CertificateDates:
    certificate = _take(der, 0, _SEQUENCE)[0]
    signed = _take(certificate, 0, _SEQUENCE)[0]
    at = _take(signed, 0, _VERSION)[1] if signed[0] == _VERSION else 0
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):
        at = _take(signed, at, tag)[1]
    validity = _take(signed, at, _SEQUENCE)[0]
    not_before, at = _take_time(validity, 0)
    return CertificateDates(not_before, _take_time(validity, at)[0])


def _take(der: bytes, at: int, tag: int) -> tuple[bytes, int]:
    """Return the value at an offset, and the offset of the next one."""
    if der[at] != tag:
        raise ValueError("another tag")
    length, start = der[at + 1], at + 2
    if length >= _LONG_FORM:
        size = length - _LONG_FORM
        if not 0 < size <= _MOST_LENGTH_BYTES:
            raise ValueError("a length that no certificate has")
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    if start + length > len(der):
        raise ValueError("cut short")
    return der[start : start + length], start + length


def _take_time(der: bytes, at: int) -> tuple[float, int]:
    is_short = der[at] == _UTC_TIME
    value, after = _take(der, at, _UTC_TIME if is_short else _GENERALIZED_TIME)
    text = value.decode("ascii")
    if is_short:
        text = ("19" if int(text[:2]) >= _CENTURY_TURNS else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp(), after
