"""How long who asks too often waits."""

import pytest

from readpool.pace import Pace, Paces


def test_of_several_paces_the_slowest_holds() -> None:
    both = Paces(Pace(2, 10.0), Pace(4, 1.0))
    waits = [both.take("keda", 0.0) for _ in range(6)]
    assert waits == pytest.approx([0.0, 0.0, 0.1, 0.2, 1.0, 2.0])
    assert both.take("other", 0.0) == 0.0
    assert both.charge("other", 10, 0.0) == pytest.approx(11.0)
