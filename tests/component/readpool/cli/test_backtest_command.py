"""`readpool backtest` as a user runs it, on a history in a file: outputs, exit codes, and what it says no to."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from readpool.cli.__main__ import main
from readpool.cli.backtest.history import Sample
from readpool.cli.backtest.history_csv import format_csv

TARGET = (
    "--pool",
    "stellar/readers",
    "--target-replicas",
    "3",
    "--targets",
    "3,4",
    "--lag-thresholds",
    "12",
    "--jobs",
    "1",
)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Half a day of three replicas, of which one is always silent: a spare would have helped."""
    samples = [
        Sample(minute * 60.0, 120.0, 3, {"core-0": 0, "core-1": 0} | ({"core-2": 0} if minute < 60 else {}))
        for minute in range(720)
    ]
    path = tmp_path / "history.csv"
    path.write_text("".join(format_csv(samples)), encoding="utf-8")
    return path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["backtest", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_it_prints_what_each_setting_would_have_cost(history: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    code, out, _ = run("--csv", str(history), *TARGET, "--page", str(page))
    assert "Backtest of stellar/readers" in out
    assert "Fit: " in out
    assert "HOURS/DAY" in out
    assert "Recommendation" in out
    assert code in (0, 1)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_has_all_settings_and_nothing_else_on_stdout(history: Path) -> None:
    code, out, _ = run("--csv", str(history), *TARGET, "-o", "json")
    data = json.loads(out)
    assert [(one["target"], one["isToday"]) for one in data["settings"]] == [(3, True), (4, False)]
    assert code == (0 if data["recommendation"]["setting"] else 1)
    assert set(data["fit"]) >= {"verdict", "observed_hours", "replayed_hours"}


def test_several_processes_come_to_the_same(history: Path) -> None:
    alone = run("--csv", str(history), *TARGET, "-o", "json")[1]
    together = run("--csv", str(history), *TARGET[:-1], "2", "-o", "json")[1]
    assert json.loads(alone) == json.loads(together)


def test_the_history_that_was_read_can_be_kept(history: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.csv"
    run("--csv", str(history), *TARGET, "--save-csv", str(kept))
    assert kept.read_bytes() == history.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Name one source"),
        (["--csv", "{history}", "--prometheus", "http://localhost:1"], 2, "Name one source"),
        (["--csv", "{history}"], 2, "--target-replicas"),
        (["--csv", "{history}", "--target-replicas", "3", "--targets", "3;4"], 2, "'3;4' must be whole numbers"),
        (
            ["--csv", "{history}", "--target-replicas", "9", "--max-replicas", "5"],
            1,
            "none may be more than the maximum",
        ),
        (["--csv", "{bad}", "--target-replicas", "3"], 1, "line 2: replicas is 'x'"),
        (["--csv", sys.executable, "--target-replicas", "3"], 1, "codec"),
        (["--prometheus", "http://127.0.0.1:1"], 1, "127.0.0.1:1/api/v1/query"),
        (["--prometheus", "nonsense"], 1, "nonsense/api/v1/query"),
        (
            ["--csv", "{history}", "--target-replicas", "3", "--targets", ",".join(map(str, range(1, 300)))],
            2,
            "at most 200",
        ),
    ],
)
def test_what_it_cannot_do_is_said_in_a_sentence(
    history: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("time,requests_per_second,replicas\n60,1,x\n", encoding="utf-8")
    given = [argument.format(history=history, bad=bad) for argument in arguments]
    got, out, err = run("--pool", "stellar/readers", *given)
    assert (got, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
