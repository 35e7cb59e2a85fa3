"""Waiting with a deadline, on the machine's own clock and short ones."""

import pytest

from devtools.cluster.waiting import wait_for


def test_what_the_probe_gives_is_given() -> None:
    answers = iter([None, 0, "here"])
    assert wait_for("an answer", lambda: next(answers), seconds=5, every=0.001) == "here"


def test_a_deadline_that_passes_says_what_was_awaited_and_last_seen() -> None:
    with pytest.raises(TimeoutError, match=r"waited 0\.01 s for three pods; last seen: \[\]"):
        wait_for("three pods", list, seconds=0.01, every=0.001)


def test_what_the_probe_raises_ends_the_wait() -> None:
    def fail() -> bool:
        raise LookupError("no such part")

    with pytest.raises(LookupError):
        wait_for("a part", fail, seconds=5)
