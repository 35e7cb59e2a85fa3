"""When a certificate ends, as its issuer says it, whatever it is made of; and of anything else, nothing."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.certificate_dates import CertificateDates, read_dates
from tests.component.certificates import Authority

ROOT = Authority("root")
DAY = 86_400.0


@pytest.mark.parametrize("is_rsa", [False, True])
@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param(dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC), id="now"),
        pytest.param(dt.datetime(1950, 1, 1, tzinfo=dt.UTC), dt.datetime(2049, 12, 31, tzinfo=dt.UTC), id="two"),
        pytest.param(dt.datetime(2050, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, tzinfo=dt.UTC), id="four"),
    ],
)
def test_it_is_good_from_and_until_when_its_issuer_says(begin: dt.datetime, end: dt.datetime, *, is_rsa: bool) -> None:
    pair = ROOT.issue(is_rsa=is_rsa, dates=(begin, end))
    assert read_dates(pair.certificate + ROOT.root) == CertificateDates(begin.timestamp(), end.timestamp())
    assert read_dates(b"# about it\n" + pair.certificate.replace(b"\n", b"\r\n")) is not None


def test_it_ends_soon_in_the_last_tenth_of_its_life() -> None:
    dates = CertificateDates(0.0, 10 * DAY)
    assert [dates.ends_soon(days * DAY) for days in (8.9, 9.1, 11.0)] == [False, True, True]
    assert [dates.has_ended(days * DAY) for days in (9.9, 10.1)] == [False, True]


@given(st.binary(max_size=400))
def test_of_what_is_no_certificate_there_are_no_dates(text: bytes) -> None:
    assert read_dates(text) is None
    assert read_dates(ROOT.issue().key) is None


@given(st.integers(0, 600), st.integers(0, 255))
def test_one_that_is_broken_anywhere_gives_dates_or_none(at: int, byte: int) -> None:
    pem = bytearray(PEM)
    pem[at % len(pem)] = byte
    dates = read_dates(bytes(pem))
    assert dates is None or isinstance(dates.not_after, float)


PEM = ROOT.issue().certificate
