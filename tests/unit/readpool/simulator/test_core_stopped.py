"""How a simulated Core finds out that its process was stopped."""

import pytest

from readpool.simulator.core.stopped import StopWatch


@pytest.mark.parametrize(
    ("gap_seconds", "cpu_seconds", "stopped_seconds"),
    [
        pytest.param(20.0, 0.01, 20.0, id="stopped"),
        pytest.param(0.5, 0.0, 0.0, id="the usual look"),
        pytest.param(2.9, 0.0, 0.0, id="a gap that a loaded machine makes"),
        pytest.param(20.0, 5.0, 0.0, id="it worked all the time"),
    ],
)
def test_a_long_gap_without_work_is_a_stop(gap_seconds: float, cpu_seconds: float, stopped_seconds: float) -> None:
    watch = StopWatch()
    assert watch.look(100.0, 1.0) == 0.0
    assert watch.look(100.0 + gap_seconds, 1.0 + cpu_seconds) == stopped_seconds
    assert watch.look(100.5 + gap_seconds, 1.0 + cpu_seconds) == 0.0
