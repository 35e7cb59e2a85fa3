"""Failed tests are run once more by CI: what passes then is told as flaky, and nothing that is broken gets by."""

import os
import subprocess
import sys
from pathlib import Path

AGAIN = Path(__file__).resolve().parents[3] / ".ci" / "again"
PASSES = "def test_{}(): pass\n"
FAILS = "def test_{}(): assert False\n"
FLAKES = """
import pathlib, pytest
@pytest.mark.parametrize("word", ["a b", "c::d"])
def test_flakes(word):
    seen = pathlib.Path("seen " + word)
    assert seen.exists() or seen.write_text("") is None and False
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    plain = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # half of what it takes to start
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=60, check=False, env=plain
    )


def run_twice(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """Run these tests in a project of their own, and what failed of them once more."""
    (folder / "tests").mkdir()
    (folder / "tests" / "test_these.py").write_text(tests)
    run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "--junitxml=report.xml", "tests")
    return run(folder, str(AGAIN), "report.xml")


def test_what_passes_when_it_is_run_once_more_is_told_as_flaky_and_only_that_is_run(tmp_path: Path) -> None:
    again = run_twice(tmp_path, FLAKES + PASSES.format("passes"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "2 passed" in again.stdout
    told = [line for line in again.stdout.splitlines() if line.startswith("flaky: ")]
    assert [line.split(" failed")[0] for line in told] == [
        "flaky: tests/test_these.py::test_flakes[a b]",
        "flaky: tests/test_these.py::test_flakes[c::d]",
    ]


def test_what_fails_again_is_broken_though_another_was_flaky(tmp_path: Path) -> None:
    again = run_twice(tmp_path, FLAKES + FAILS.format("fails"))
    assert (again.returncode, again.stderr.splitlines()[-1]) == (1, "not flaky but broken, or flaky twice")
    assert "flaky: " not in again.stdout


def test_many_that_fail_are_not_run_again(tmp_path: Path) -> None:
    again = run_twice(tmp_path, "".join(FAILS.format(number) for number in range(4)))
    assert (again.returncode, again.stderr) == (1, "4 tests failed; one to 3 would be run once more\n")


def test_a_run_that_failed_otherwise_stays_failed(tmp_path: Path) -> None:
    again = run_twice(tmp_path, PASSES.format("passes"))
    assert (again.returncode, again.stderr) == (1, "0 tests failed; one to 3 would be run once more\n")
    none = run(tmp_path, str(AGAIN), "report.xml", "other.xml")
    assert (none.returncode, none.stderr) == (1, "no report of other.xml: that run did not come to its end\n")


def test_what_cannot_be_collected_is_broken(tmp_path: Path) -> None:
    assert run_twice(tmp_path, "import nothing_of_that_name\n").returncode == 1
