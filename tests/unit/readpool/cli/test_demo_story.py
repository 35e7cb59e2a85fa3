"""The demo's story: when each act ends, what is then done, and that nothing else ends it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.cli.demo.demo_report import Moment
from readpool.cli.demo.demo_story import Act, Cast, Cue, Sight, Turn, advance_story
from readpool.replica_class import ReplicaClass

CAST = Cast(
    first=frozenset({"core-0", "core-1", "core-2"}),
    laggard="core-1",
    hindrance="is hindered",
    relief="is relieved",
    sustain_seconds=5.0,
    pause_seconds=4.0,
)
WORDS = {
    "F": ReplicaClass.FRESH,
    "L": ReplicaClass.LAGGING,
    "C": ReplicaClass.CATCHING_UP,
    "U": ReplicaClass.UNREACHABLE,
}


def see(letters: str, t: float = 100.0) -> Sight:
    classes = {f"core-{ordinal}": str(WORDS[letter]) for ordinal, letter in enumerate(letters)}
    return Sight(Moment(t, 1000, 3, len(classes), classes), "target 3 + 1 lagging for 5 s = 4")


@pytest.mark.parametrize(
    ("act", "seen", "then", "cue", "words"),
    [
        pytest.param(Act.GATHERING, "FFF", Act.STEADY, None, "All 3 replicas are fresh", id="gathered"),
        pytest.param(Act.STEADY, "FFF", Act.FALLING_BEHIND, Cue.HINDER, "core-1 is hindered.", id="after a look"),
        pytest.param(Act.FALLING_BEHIND, "FLF", Act.SUSTAINING, None, "sees core-1 as lagging", id="it lags"),
        pytest.param(Act.FALLING_BEHIND, "FUF", Act.SUSTAINING, None, "as unreachable", id="it does not answer"),
        pytest.param(Act.SUSTAINING, "FLFC", Act.CATCHING_UP, None, "the pool grows to 4", id="it lasted"),
        pytest.param(
            Act.CATCHING_UP, "FLFF", Act.WHOLE_AGAIN, None, "core-3 has caught up", id="the newcomer is there"
        ),
        pytest.param(
            Act.WHOLE_AGAIN, "FLFF", Act.RECOVERING, Cue.RELIEVE, "core-1 is relieved.", id="after another look"
        ),
        pytest.param(Act.RECOVERING, "FFFF", Act.SHRINKING, None, "core-1 is fresh again", id="the laggard is back"),
        pytest.param(Act.SHRINKING, "FFF", Act.DONE, None, "back at 3", id="and the newcomer gone"),
    ],
)
def test_each_act_ends_when_what_it_waits_for_is_seen(
    act: Act, seen: str, then: Act, cue: Cue | None, words: str
) -> None:
    turn = advance_story(act, see(seen), CAST, since=0.0)
    assert turn is not None
    assert (turn.act, turn.cue) == (then, cue)
    assert words in turn.line


@pytest.mark.parametrize(
    ("act", "seen"),
    [
        pytest.param(Act.GATHERING, "FFC", id="not all are fresh"),
        pytest.param(Act.GATHERING, "FF", id="not all are seen"),
        pytest.param(Act.FALLING_BEHIND, "LFF", id="another one lags"),
        pytest.param(Act.SUSTAINING, "FLF", id="not grown"),
        pytest.param(Act.CATCHING_UP, "FLFC", id="the newcomer is on its way"),
        pytest.param(Act.CATCHING_UP, "FFFC", id="the laggard came back by itself"),
        pytest.param(Act.RECOVERING, "FLFF", id="the laggard is not back"),
        pytest.param(Act.SHRINKING, "FFFF", id="not shrunk"),
        pytest.param(Act.SHRINKING, "FFC", id="shrunk, but not all fresh"),
        pytest.param(Act.DONE, "FFF", id="the end is the end"),
    ],
)
def test_time_alone_ends_no_act(act: Act, seen: str) -> None:
    assert advance_story(act, see(seen, t=1e9), CAST, since=0.0) is None


@pytest.mark.parametrize("act", [Act.STEADY, Act.WHOLE_AGAIN])
def test_before_anything_is_done_to_the_laggard_there_is_time_to_look(act: Act) -> None:
    assert advance_story(act, see("FFFF", t=10.0), CAST, since=6.1) is None
    assert advance_story(act, see("FFFF", t=10.0), CAST, since=6.0) is not None


def test_the_scaler_s_own_words_are_told_when_the_pool_grows() -> None:
    turn = advance_story(Act.SUSTAINING, see("FLFC"), CAST, since=0.0)
    assert turn is not None
    assert turn.line.startswith("target 3 + 1 lagging for 5 s = 4: ")


@given(st.lists(st.text("FLCU", min_size=1, max_size=6), max_size=80))
def test_whatever_is_seen_the_laggard_is_hindered_once_and_relieved_once_at_most_and_in_that_order(
    states: list[str],
) -> None:
    act, since, turns = Act.GATHERING, 0.0, list[Turn]()
    for second, letters in enumerate(states):
        sight = see(letters, t=float(second))
        turn = advance_story(act, replace(sight), CAST, since=since)
        if turn is not None:
            act, since = turn.act, float(second)
            turns.append(turn)
    assert [turn.act for turn in turns] == list(Act)[1 : len(turns) + 1]
    assert [turn.cue for turn in turns if turn.cue] in ([], [Cue.HINDER], [Cue.HINDER, Cue.RELIEVE])
