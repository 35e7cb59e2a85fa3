"""The whole story on simulated nodes: real scaler process, real gRPC, real DNS and HTTP, as a user would start it."""

import json
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.demo_process import find_current, run_demo, start_demo


@pytest.mark.timeout(150)
def test_a_laggard_makes_the_pool_grow_by_one_and_its_recovery_makes_it_shrink(tmp_path: Path) -> None:
    code, said, report = run_demo(tmp_path / "report.json", seconds=120)
    assert report["verdict"]["ok"], said
    assert code == 0, said
    assert find_current(report) == [3, 4, 3]
    assert {"t", "tip", "desired", "current", "classes", "message"} == set(report["timeline"][0])
    laggard = [moment["classes"].get("core-1") for moment in report["timeline"]]
    assert laggard.index("lagging") < len(laggard) - 1 - laggard[::-1].index("lagging"), "it lagged for a while"
    assert laggard[-1] == "fresh"
    assert "The live page is at http://127.0.0.1:" in said
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"], "nothing is left behind"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_leaves_no_process_behind_and_still_gets_a_report(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "report.json"
    with start_demo(path) as demo:
        children = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(number)
        assert demo.stdout
        demo.stdout.read()
        assert demo.wait(20) == 130
    assert len(children) == 1, "the scaler"
    assert not any(child.is_running() for child in children)
    assert json.loads(path.read_text())["verdict"] == {"ok": False, "why": "Interrupted."}


def test_a_scaler_that_dies_ends_the_demo_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with start_demo(path) as demo:
        began = time.monotonic()
        (scaler,) = psutil.Process(demo.pid).children()
        scaler.kill()
        assert demo.stdout
        said = demo.stdout.read()
        assert demo.wait(20) == 1
    assert time.monotonic() - began < 15, "it does not wait for the story to be over"
    assert "The scaler ended by SIGKILL" in said
    assert "The end of its log:" in said
    assert not json.loads(path.read_text())["verdict"]["ok"]
