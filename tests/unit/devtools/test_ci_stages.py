"""What a run of CI says at its end: each stage with its time, and, as the last thing, the tests that were flaky."""

import re
import subprocess
from pathlib import Path

import pytest

STAGES = Path(__file__).resolve().parents[3] / ".ci" / "stages"
FLAKY = "flaky: tests/test_these.py::test_one failed, and passed when it was run once more"


def run(folder: Path, stages: str) -> subprocess.CompletedProcess[str]:
    script = f'set -euo pipefail; report={folder}; . "{STAGES}"; {stages}; print_stages'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)


def read_table(said: str) -> dict[str, str]:
    """Read the state of each stage from the table at the end."""
    lines = (line.split(maxsplit=3) for line in said.partition("=== stages")[2].splitlines())
    return {line[0]: " ".join(line[3:]) for line in lines if len(line) > 2 and line[2] == "s"}


def test_each_stage_stands_in_the_table(tmp_path: Path) -> None:
    done = run(tmp_path, "stage one echo this; stage two echo that")
    assert done.returncode == 0, done.stderr
    assert read_table(done.stdout) == {"one": "ok", "two": "ok", "all": ""}
    assert "FLAKY" not in done.stdout


def test_a_stage_that_fails_ends_the_run_and_stands_in_the_table(tmp_path: Path) -> None:
    done = run(tmp_path, "stage one true; stage two sh -c 'exit 3'; stage three echo never")
    assert done.returncode == 3
    assert read_table(done.stdout) == {"one": "ok", "two": "FAILED", "all": ""}
    assert "never" not in done.stdout


def test_flaky_tests_stand_in_the_table_and_are_the_last_thing_that_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, f"stage one echo '{FLAKY}'; stage two echo fine")
    assert done.returncode == 0, done.stderr
    assert read_table(done.stdout) == {"one": "ok, BUT 1 FLAKY", "two": "ok", "all": ""}
    _, _, last = done.stdout.partition("# FLAKY #")
    assert last.splitlines()[1] == FLAKY
    assert len(last.splitlines()) == 4


def test_flaky_tests_are_said_where_a_later_stage_fails(tmp_path: Path) -> None:
    done = run(tmp_path, f"stage one echo '{FLAKY}'; stage two false")
    assert done.returncode == 1
    assert FLAKY in done.stdout.partition("# FLAKY #")[2]


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux counts so")
def test_how_busy_the_processors_were_is_said_of_stages_and_of_their_parts(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "both() { part first sleep 0.1; part second sh -c 'sleep 0.1; false'; }; stage one sleep 0.1; stage two both",
    )
    assert done.returncode == 1
    (line,) = re.findall(r"^processors busy: (.*)$", done.stdout, re.MULTILINE)
    assert re.fullmatch(r"one \d+ %, first \d+ s \d+ %, second \d+ s \d+ %, two \d+ %", line)
