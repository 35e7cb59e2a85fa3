import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.machine.cache import compute_key, find_cache_folder, forget_older, make_once
from devtools.machine.progress import CommandError, run_reported


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def silent(_line: str) -> None:
    pass


@given(st.lists(st.text()), st.lists(st.text()))
def test_a_key_tells_where_one_piece_ends(one: Sequence[str], other: Sequence[str]) -> None:
    assert (compute_key(one) == compute_key(other)) == (list(one) == list(other))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({"READPOOL_CACHE": "/named"}, "/named", id="named"),
        pytest.param({"XDG_CACHE_HOME": "/caches"}, "/caches/readpool", id="among the user's caches"),
        pytest.param({}, "/user/.cache/readpool", id="below the home folder"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("READPOOL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/user"} | variables).items():
        monkeypatch.setenv(name, value)
    assert find_cache_folder() == Path(expected)


def test_a_making_that_fails_leaves_nothing_and_the_next_one_begins_anew(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        make_once(cache / "thing", fail, silent)
    made = make_once(cache / "thing", lambda folder: (folder / "whole").touch(), silent)
    assert [path.name for path in made.iterdir()] == ["whole"]


def test_what_a_killed_making_left_is_cleared(cache: Path) -> None:
    (cache / ".thing.making").mkdir(parents=True)
    (cache / ".thing.making" / "half").touch()
    made = make_once(cache / "thing", lambda folder: (folder / "whole").touch(), silent)
    assert [path.name for path in made.iterdir()] == ["whole"]


def test_two_that_want_the_same_at_once_share_one_making_and_the_second_says_that_it_waits(cache: Path) -> None:
    makings: list[Path] = []
    second_waits = threading.Event()

    def make(folder: Path) -> None:
        makings.append(folder)
        assert second_waits.wait(20)

    def listen(line: str) -> None:
        if "waiting" in line:
            second_waits.set()

    both = [threading.Thread(target=make_once, args=(cache / "thing", make, listen)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert len(makings) == 1


def test_only_the_newest_are_kept_and_using_one_makes_it_new(cache: Path) -> None:
    for age, name in enumerate(["a-1", "a-2", "a-3", "b-1"]):
        folder = make_once(cache / name, silent_make, silent)
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    make_once(cache / "a-3", silent_make, silent)
    forget_older(cache, "a-", 2)
    assert {path.name for path in cache.iterdir() if path.is_dir()} == {"a-1", "a-3", "b-1"}


def silent_make(_folder: Path) -> None:
    pass


# Long commands.


def test_a_long_command_says_that_it_started_goes_on_and_ended() -> None:
    lines: list[str] = []
    printed = run_reported(["sh", "-c", "echo $GREETING; sleep 0.5"], "greeting", lines.append,
                           environment={"GREETING": "hello"}, beat_seconds=0.1)  # fmt: skip
    assert printed == "hello\n"
    assert lines[0] == "greeting …"
    assert re.fullmatch(r"greeting: \d+ s so far", lines[1])
    assert re.fullmatch(r"greeting: done in \d+ s", lines[-1])


def test_a_command_that_fails_gives_its_last_lines() -> None:
    with pytest.raises(CommandError, match=r"counting failed \(exit 3\):\n6\n7\n"):
        run_reported(["sh", "-c", "seq 20 >&2; exit 3"], "counting", silent)
