"""Which volumes grow, to what size, and which are full and cannot."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plan.growth import Space, Volume, choose_growth
from readpool.pool.quantity import parse_quantity
from readpool.pool.volumes import AutoGrow

GIBI = Fraction(1024**3)
NOW = 1_000_000.0


def settings(**fields: Any) -> AutoGrow:
    return AutoGrow.model_validate({"maxSize": "200Gi"} | fields)


def volume(used: int | None, requested: int = 100, actual: int | None = 100, refusal: str = "") -> Volume:
    has = None if actual is None else actual * GIBI
    return Volume("pool-0", "data-pool-0", requested * GIBI, has, used, refusal)


CASES: dict[str, tuple[Volume, dict[str, Any], Space, int | None]] = {
    "room": (volume(79), {}, Space.ENOUGH, None),
    "as full as is said": (volume(80), {}, Space.GROWING, 125),
    "another percentage": (volume(70), {"usedPercent": 70}, Space.GROWING, 125),
    "by a quantity": (volume(80), {"increase": "50Gi"}, Space.GROWING, 150),
    "no further than allowed": (volume(99, 180, 180), {}, Space.GROWING, 200),
    "as large as allowed": (volume(99, 200, 200), {}, Space.AT_MAX, None),
    "larger than allowed": (volume(99, 300, 300), {}, Space.AT_MAX, None),
    "the last step is not done": (volume(99, 125, 100), {}, Space.GROWING, None),
    "the last step is done": (volume(99, 125, 125), {}, Space.GROWING, 156),
    "the storage gave more than was asked for": (volume(99, 125, 128), {}, Space.GROWING, 160),
    "a moment after the last step": (replace(volume(99, 125, 125), grown_at=NOW - 599), {}, Space.GROWING, None),
    "a while after the last step": (replace(volume(99, 125, 125), grown_at=NOW - 600), {}, Space.GROWING, 156),
    "by a clock that was put back": (replace(volume(99, 125, 125), grown_at=NOW + 9999), {}, Space.GROWING, 156),
    "no size is told yet": (volume(80, 100, None), {}, Space.GROWING, 125),
    "nobody tells": (volume(None), {}, Space.UNKNOWN, None),
    "refused": (volume(80, refusal="no"), {}, Space.REFUSED, 125),
    "refused, and not full": (volume(10, refusal="no"), {}, Space.ENOUGH, None),
    "stuck on its way": (volume(99, 125, 100, "no"), {}, Space.REFUSED, None),
}


@pytest.mark.parametrize(("one", "fields", "space", "gibi"), CASES.values(), ids=CASES.keys())
def test_a_volume_grows(one: Volume, fields: dict[str, Any], space: Space, gibi: int | None) -> None:
    growth = choose_growth([one], settings(**fields), NOW)
    assert growth.spaces == {"pool-0": space}
    assert {name: int(size / GIBI) for name, size in growth.sizes.items()} == (
        {} if gibi is None else {"data-pool-0": gibi}
    )


@given(
    st.integers(1, 10**15),
    st.none() | st.integers(1, 10**15),
    st.none() | st.integers(0, 100),
    st.sampled_from(["1%", "25%", "999%", "1", "50Gi", "0.5Ti"]),
    st.sampled_from(["1Gi", "200Gi", "100Ti"]),
    st.integers(50, 95),
)
def test_none_shrinks_none_grows_beyond_its_bound_and_none_that_has_room(
    requested: int, actual: int | None, used: int | None, increase: str, most: str, percent: int
) -> None:
    known = settings(increase=increase, maxSize=most, usedPercent=percent)
    one = Volume("pool-0", "data-pool-0", Fraction(requested), None if actual is None else Fraction(actual), used)
    growth = choose_growth([one], known, NOW)
    for size in growth.sizes.values():
        assert requested < size <= parse_quantity(most)
        assert used is not None
        assert used >= percent
        assert actual is None or actual >= requested
