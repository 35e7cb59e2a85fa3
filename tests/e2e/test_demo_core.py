"""The whole story on real stellar-core processes, told by the same command and judged by the same rules."""

from pathlib import Path

import psutil
import pytest

from devtools.core.core_under_test import require_core
from tests.e2e.demo_process import find_current, run_demo


@pytest.mark.timeout(240)
def test_on_real_nodes_a_stopped_one_makes_the_pool_grow_by_one_and_its_return_makes_it_shrink(tmp_path: Path) -> None:
    binary = require_core()
    flags = ("--core", str(binary), "--seconds", "180")
    code, said, report = run_demo(tmp_path / "report.json", *flags, seconds=220)
    assert report["verdict"]["ok"], said
    assert code == 0, said
    assert find_current(report) == [3, 4, 3]
    laggard = [moment["classes"].get("core-1") for moment in report["timeline"]]
    assert "unreachable" in laggard, "a stopped process hangs"
    assert laggard[-1] == "fresh"
    assert _find_nodes(tmp_path) == [], "no node outlives the demo"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"], "nothing is left behind"


def _find_nodes(folder: Path) -> list[int]:
    """Find the processes that run in a folder below this one."""
    running = psutil.process_iter(["pid", "cwd"])
    return [process.pid for process in running if (process.info["cwd"] or "").startswith(str(folder))]
