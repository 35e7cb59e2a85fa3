"""The demo's verdict: what a timeline must show, and what each kind of failure is called."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.cli.demo.demo_report import Moment, Verdict, build_report, judge
from readpool.replica_class import ReplicaClass

LETTERS = {
    "F": "fresh",
    "L": "lagging",
    "C": "catchingUp",
    "U": "unreachable",
    "X": "foreign",
    "?": "unknown",
}


def build_timeline(*states: str, seconds: float = 1.0) -> list[Moment]:
    """One moment a state: a letter a replica; `/n` behind it where there are n replicas, not as many as letters."""
    moments = []
    for turn, state in enumerate(states):
        letters, _, current = state.partition("/")
        classes = {f"core-{ordinal}": LETTERS[letter] for ordinal, letter in enumerate(letters) if letter != "-"}
        moments.append(Moment(turn * seconds, 1000 + turn, 3, int(current or len(classes)), classes))
    return moments


def judge_states(*states: str, seconds: float = 90.0) -> Verdict:
    return judge(build_timeline(*states), target=3, maximum=5, seconds=seconds)


GOOD = ("???", "FFF", "FLF", "FLF/4", "FLFC", "FLFF", "FFFF", "FFFF/3", "FFF")


def test_the_story_as_it_should_be() -> None:
    assert judge_states(*GOOD) == Verdict(
        ok=True,
        why="core-1 fell behind, the pool grew from 3 to 4, the newcomer became fresh, core-1 recovered, and the pool "
        "shrank back to 3 fresh replicas, all within 8 s.",
    )


def test_an_unreachable_replica_is_as_good_a_laggard() -> None:
    assert judge_states("FFF", "FUF", "FUFC", "FUFF", "FLFF", "FFFF", "FFF").ok


def test_the_laggard_may_recover_before_the_newcomer_is_fresh() -> None:
    assert judge_states("FFF", "FLF", "FLFC", "FFFC", "FFFF", "FFF").ok


@pytest.mark.parametrize(
    ("states", "why"),
    [
        pytest.param((), "never reported the fleet", id="nothing seen"),
        pytest.param(("???", "FF?"), "never at its target of 3", id="never whole"),
        pytest.param(("FFF", "FFF"), "No replica was seen to fall behind", id="nobody lagged"),
        pytest.param(("FFF", "FFFC", "FFFF", "FFF"), "No replica was seen to fall behind", id="grown for nothing"),
        pytest.param(("FFF", "FLF", "FFF"), "never grew beyond 3", id="not grown"),
        pytest.param(("FFF", "FFFC", "FLFC", "FLFF", "FFFF", "FFF"), "before any replica", id="grown too early"),
        pytest.param(("FFF", "FLF", "FLFC", "FFFC", "FFF"), "newcomer never became fresh", id="newcomer not fresh"),
        pytest.param(("FFF", "FLF", "FLFC", "FLFF"), "core-1 never recovered", id="laggard still behind"),
        pytest.param(("FFF", "FLF", "FLFC", "FLFF", "F-FF"), "core-1 never recovered", id="laggard gone"),
        pytest.param(("FFF", "FLF", "FLFC", "FLFF", "FFFF"), "ended at 4", id="not shrunk"),
        pytest.param((*GOOD, "FFFC"), "ended at 4", id="grown again at the end"),
        pytest.param(("FFF", "FLF", "FLFCC", "FLFFF", "FFFFF", "FFF"), "grew to 5", id="grown by two"),
        pytest.param(("FFF", "FLF", "FLFC/6", "FLFF", "FFFF", "FFF"), "grew to 6", id="over the maximum"),
        pytest.param(
            ("FFF", "FLF", "FLFC", "FLFF", "FFFF", "FF", "FF/2"), "did not shrink back to 3", id="shrunk too far"
        ),
    ],
)
def test_what_went_wrong_is_named(states: Sequence[str], why: str) -> None:
    verdict = judge_states(*states)
    assert not verdict.ok
    assert why in verdict.why


def test_a_story_that_took_too_long_is_no_success() -> None:
    assert judge_states(*GOOD, seconds=8.0).ok
    assert judge_states(*GOOD, seconds=7.9).why == "The story took 8 s; 8 s are allowed."


moments = st.builds(
    Moment,
    t=st.floats(0, 100),
    tip=st.none() | st.integers(0, 10**6),
    desired=st.none() | st.integers(0, 9),
    current=st.integers(0, 7),
    classes=st.dictionaries(st.sampled_from([f"core-{n}" for n in range(6)]), st.sampled_from(list(ReplicaClass))),
)


@given(st.lists(moments, max_size=30), st.integers(2, 4))
def test_any_timeline_at_all_gets_a_verdict_with_a_reason(timeline: list[Moment], target: int) -> None:
    verdict = judge(timeline, target=target, maximum=target + 2, seconds=90)
    assert verdict.why.endswith(".")
    if verdict.ok:
        assert max(moment.current for moment in timeline) == target + 1
        assert timeline[-1].current == target


def test_the_report_is_json_with_a_timeline_and_a_verdict() -> None:
    timeline = build_timeline(*GOOD)
    report = json.loads(json.dumps(build_report(timeline, judge_states(*GOOD), [(1.26, "A line.")], {"nodes": 3})))
    assert report["verdict"]["ok"] is True
    assert report["timeline"][1] == {
        "t": 1.0,
        "tip": 1001,
        "desired": 3,
        "current": 3,
        "classes": {"core-0": "fresh", "core-1": "fresh", "core-2": "fresh"},
        "message": "",
    }
    assert report["story"] == [{"t": 1.3, "line": "A line."}]
