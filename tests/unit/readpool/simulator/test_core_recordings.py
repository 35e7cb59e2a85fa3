"""Every recording of a real Core holds the simulated one to it in a test, or is listed with why it does not."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from devtools.strictness import skip_where_impossible
from tests.shared_folder import SHARED

ROOT = Path(__file__).parents[4]
LISTED: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "tests/recorded/core/recordings.toml").read_text())
RECORDINGS = SHARED / "reference" / "core-recordings"


def test_the_list_has_every_recording_that_was_made_and_no_other() -> None:
    if not RECORDINGS.is_dir():
        skip_where_impossible(
            f"compare the list with recordings: none are in ../shared/{RECORDINGS.relative_to(SHARED)}"
        )
    made = {path.stem for path in RECORDINGS.rglob("*") if path.suffix in {".json", ".tsv", ".txt"}}
    assert set(LISTED["replayed"]) | set(LISTED["differs"]) == made


def test_none_is_both_replayed_and_different() -> None:
    assert not set(LISTED["replayed"]) & set(LISTED["differs"])
    assert all(len(reason.split()) > 1 for reason in LISTED["differs"].values())


@pytest.mark.parametrize("path", sorted(set(LISTED["replayed"].values())))
def test_what_replays_a_recording_is_a_test_that_reads_what_was_recorded(path: str) -> None:
    text = (ROOT / path).read_text()
    assert "def test_" in text
    assert "record" in text
