"""Quantities as numbers: what Kubernetes takes is parsed exactly, anything else is refused."""

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.pool.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", Fraction(0)),
        ("2", Fraction(2)),
        ("500m", Fraction(1, 2)),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("+1", Fraction(1)),
        ("-1Ki", Fraction(-1024)),
        ("1k", Fraction(1000)),
        ("1M", Fraction(10**6)),
        ("4Gi", Fraction(4 * 2**30)),
        ("1.5Ti", Fraction(3 * 2**39)),
        ("1E", Fraction(10**18)),
        ("1Ei", Fraction(2**60)),
        ("1e3", Fraction(1000)),
        ("1E3", Fraction(1000)),
        ("12e-1", Fraction(6, 5)),
        ("1n", Fraction(1, 10**9)),
        ("1u", Fraction(1, 10**6)),
    ],
)
def test_a_quantity_is_its_exact_value(text: str, value: Fraction) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", "Gi", "1 Gi", "1gi", "1K", "--1", "1.2.3", "1e", "1e3Gi", "0x10", "1\n", "¹", "."]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_quantity(text), Fraction)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_order_is_that_of_the_numbers_in_each_unit(one: int, other: int) -> None:
    for unit in ("", "m", "k", "Gi"):
        assert (parse_quantity(f"{one}{unit}") <= parse_quantity(f"{other}{unit}")) == (one <= other)
