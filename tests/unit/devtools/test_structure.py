"""How the packages are built: what devtools.structure measures, and that it would see what is not kept."""

from dataclasses import replace

import pytest

from devtools.structure import (
    MOST_FILE_LINES,
    MOST_FLOORS,
    MOST_FUNCTION_LINES,
    CircleError,
    compute_floors,
    find_upward,
    join_rooms,
    list_faults,
    measure,
    read_order,
)

PACKAGES = ("readpool", "scaler", "controller", "readpool.cli", "readpool.simulator", "bench", "devtools")
IMPORTS = {
    "house": frozenset[str](),
    "house.__main__": frozenset({"house.roof", "house.attic.box"}),
    "house.roof": frozenset({"house.attic.box", "asyncio"}),
    "house.attic.box": frozenset({"house.attic.key", "house.cellar"}),
    "house.attic.key": frozenset[str](),
    "house.cellar": frozenset({"other.cellar"}),
}
ROOMS = join_rooms("house", IMPORTS)
ORDER = [frozenset({"__main__"}), frozenset({"roof"}), frozenset({"attic"}), frozenset({"cellar"})]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_keeps_its_measures(package: str) -> None:
    assert list_faults(measure(package)) == []


@pytest.mark.parametrize("package", ["scaler", "controller", "readpool.cli"])
def test_the_order_of_rooms_is_read_from_the_contract_and_is_whole(package: str) -> None:
    assert frozenset[str]().union(*read_order(package)) == measure(package).floors.keys()


def test_modules_of_a_room_count_as_one_and_what_is_of_others_does_not_count() -> None:
    assert {"__main__": {"roof", "attic"}, "roof": {"attic"}, "attic": {"cellar"}, "cellar": frozenset()} == ROOMS


def test_a_floor_is_one_above_the_highest_that_it_stands_on() -> None:
    assert compute_floors(ROOMS) == {"cellar": 1, "attic": 2, "roof": 3, "__main__": 4}


def test_a_circle_is_named_room_by_room() -> None:
    with pytest.raises(CircleError, match="attic -> cellar -> attic"):
        compute_floors({**ROOMS, "cellar": frozenset({"attic"})})


def test_an_import_that_leads_up_or_across_is_found() -> None:
    assert find_upward(ROOMS, ORDER) == []
    assert find_upward({**ROOMS, "cellar": frozenset({"roof"})}, ORDER) == ["cellar -> roof"]
    level = [*ORDER[:1], frozenset({"roof", "attic"}), *ORDER[3:]]
    assert find_upward(ROOMS, level) == ["roof -> attic"]


def test_what_is_not_kept_is_said_with_its_place_and_its_limit() -> None:
    good = measure("scaler")
    assert list_faults(replace(good, upward=("probes -> policy",))) == ["scaler: probes -> policy leads up"]
    high = replace(good, floors={"top": MOST_FLOORS["scaler"] + 1})
    assert list_faults(high) == ["scaler: 12 floors of rooms, 11 are the most"]
    long = replace(good, longest_function=(MOST_FUNCTION_LINES + 1, "scaler/a.py:f"))
    assert list_faults(long) == ["scaler: the function scaler/a.py:f has 61 lines, 60 are the most"]
    assert list_faults(replace(good, longest_file=(MOST_FILE_LINES + 1, "scaler/a.py"))) != []
