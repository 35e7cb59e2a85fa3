"""The picture of the front: every point stands where its figures are, in the colour of its family, and can be read."""

from xml.etree import ElementTree as ET

import pytest

from bench.policy.contenders import CLAIRVOYANT, OURS
from bench.policy.front import FIXED, Point
from bench.policy.picture import draw_front

SVG = "{http://www.w3.org/2000/svg}"
FRONT = [
    Point(OURS, 5, 136.8, 5.81, 0.47, 0.50),
    Point(OURS, 6, 160.3, 1.09, 0.36, 0.44),
    Point(FIXED, 5, 120.0, 11.88, 1.18, 3.10),
    Point(FIXED, 6, 144.0, 1.82, 0.70, 1.44),
    Point("someone <else>", 5, 130.0, 2.0, 0.0, 0.9),
    Point(CLAIRVOYANT, None, 139.5, 0.90, 0.43, 0.36),
]


def list_panels() -> list[ET.Element]:
    """List the panels: below, failed, stale."""
    return ET.fromstring(draw_front(FRONT)).findall(f"{SVG}g")  # noqa: S314  # Our own.


def place(panel: ET.Element) -> list[tuple[float, float]]:
    """Return where each point stands in a panel, family by family."""
    return [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in panel.findall(f"{SVG}circle")]


@pytest.mark.parametrize(("number", "axis"), list(enumerate(("below", "failed", "stale"))))
def test_more_hours_stand_further_right_and_more_per_cent_higher(number: int, axis: str) -> None:
    places = place(list_panels()[number])
    assert len(places) == len(FRONT)
    rights, heights = [x for x, _ in places], [y for _, y in places]
    by_hours = sorted(range(len(FRONT)), key=lambda i: FRONT[i].replica_hours)
    by_share = sorted(range(len(FRONT)), key=lambda i: -getattr(FRONT[i], axis))
    assert [rights[i] for i in by_hours] == sorted(rights)
    assert [heights[i] for i in by_share] == sorted(heights)
    assert all(40 <= x <= 330 for x in rights)
    assert all(60 <= y <= 262 for y in heights)


def test_each_point_tells_its_figures_and_each_family_has_a_colour() -> None:
    told = [title.text for title in list_panels()[0].iter(f"{SVG}title")]
    assert f"{OURS}, size 5: 5.81 % at 136.8 h" in told
    assert f"{CLAIRVOYANT}: 0.90 % at 139.5 h" in told
    assert "someone <else>, size 5: 2.00 % at 130.0 h" in told
    colours = {line.attrib["stroke"] for line in list_panels()[0].findall(f"{SVG}polyline")}
    assert len(colours) == len({one.family for one in FRONT})
