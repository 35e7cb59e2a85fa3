"""The life cycle of a simulated Core beside the recorded ones: the same states in the same order, at the same times."""

import json
from pathlib import Path
from typing import Any

import pytest

from readpool.simulator.core.life import Life, LifeSettings
from tests.unit.core_world import Story, collapse, live, make_ledger

RECORDED: dict[str, Any] = json.loads((Path(__file__).parents[3] / "recorded/core/lifecycle.json").read_text())
DIFFERS = {
    "validator-start": "a validator closes ledgers by itself and hears of none: it is seen in test_core_closing.py",
}
"""Recordings that are no stories here, with the reason."""
SHORTEST_SECONDS = 1.0
"""States that pass within a second are left out of the comparison: how long they last is a matter of the machine."""

REALTIME: dict[str, Any] = {"ledger_seconds": 5.0, "checkpoint_ledgers": 64}
SYNCED: dict[str, Any] = {"synced_before": True}
ALWAYS = (0.0, 1e9)
NEVER = 1e9

STORIES = [
    Story("start-complete", 1, (5.89, 225), 10, replays=True),
    Story("start-default", 1, (3.1, 241), 7),
    Story("start-recent0-noquery", 1, (2.47, 214), 7),
    Story("start-recent0-query", 1, (3.04, 207), 7),
    Story("start-recent16", 1, (2.95, 233), 7),
    Story("fresh-with-no-peer-45s", 1, (0, 300), 45, connected=()),
    Story("restart-with-no-peer-45s", 283, (0, 335), 45, connected=()),
    Story("restart-away-5s-no-query", 286, (2.95, 295), 3),
    Story("restart-away-30s-no-query", 362, (37.2, 431), 38),
    Story("restart-away-30s-with-query", 295, (36.83, 362), 38),
    Story("restart-away-120s-no-query", 431, (44.47, 597), 45.4),
    Story("restart-SIGTERM-no-query", 247, (1.9, 250), 2.7, connected=[(0.95, 1e9)]),
    Story("restart-SIGKILL-no-query", 260, (2.0, 262), 2.7),
    Story("restart-SIGHUP-no-query", 282, (2.05, 285), 3),
    Story("sigstop-5s", 0, (17.2, 302), 17.4, stopped=[(4, 9)], connected=[ALWAYS], **SYNCED),
    Story("sigstop-20s", 0, (40.09, 325), 40.4, stopped=[(4, 24)], connected=[ALWAYS], **SYNCED),
    Story("sigstop-70s", 0, (158.81, 305), 159.6, stopped=[(4, 74)], connected=[ALWAYS], **SYNCED),
    Story("halt-75s", 0, (4.95, 31), 110, halted=[(5, 82)], connected=[(0, 38), (83.1, 1e9)], **SYNCED),
    Story("validator-gone-50s", 0, (0.0, 283), 50, halted=[(0.05, 1e9)], connected=[(0, 0.05)], **SYNCED),
    Story("cut-dropped-60s", 0, (72.81, 160), 72.9, connected=[(0, 4), (64.5, 1e9)], **SYNCED),
    Story("cut-dropped-180s", 0, (204.22, 230), 204.3, connected=[(0, 4), (193.5, 1e9)], **SYNCED),
    Story("cut-reset-20s", 0, (45.68, 206), 46.3, connected=[(0, 4), (35.6, 1e9)], **SYNCED),
    Story("cut-reset-60s", 0, (76.6, 283), 76.7, connected=[(0, 4), (68.4, 1e9)], **SYNCED),
    Story("cut-dropped-then-connect-120s", 0, (136.5, 367), 137.5, connected=[(0, 0.5), (130.2, 1e9)], **SYNCED),
    Story("cut-dropped-10s", 0, (24.0, 86), 25.3, connected=[(0, 4), (18.0, 1e9)], **SYNCED),
    Story("realtime-fresh-before-first-checkpoint", 1, (179.4, 65), 209, **REALTIME),
    Story("realtime-fresh-mid-checkpoint", 1, (74.0, 194), 101, **REALTIME),
    Story("realtime-fresh-after-63-complete", 1, (3.81, 76), 32, **REALTIME),
    Story("realtime-fresh-after-63-recent0", 1, (3.8, 76), 32, **REALTIME),
    Story("realtime-restart-after-90-ledgers-recent0", 81, (109.17, 201), 126, **REALTIME),
    Story("realtime-restart-after-90-ledgers-complete", 81, (109.26, 201), 126, **REALTIME),
    Story("realtime-sigstop-20-70", 0, (34.81, 78), 215, stopped=[(6, 26), (86, 156)], connected=[ALWAYS],
          **REALTIME, **SYNCED),
    Story("realtime-restart-after-60s", 114, (12.2, 128), 17, recorded_from=60, **REALTIME),
    Story("restart-SIGINT-no-query", 254, (2.05, 257), 3),
    Story("restart-SIGINT-with-query", 250, (2.05, 253), 3),
    Story("restart-SIGTERM-with-query", 245, (2.0, 247), 2.7),
    Story("restart-SIGKILL-with-query", 258, (0.8, 259), 1.8, connected=[(0.65, 1e9)]),
    Story("archive-fails", 1, (3.41, 362), 100, archive_from=NEVER),
    Story("archive-fails-then-heals", 1, (29.0, 388), 32, archive_from=27.3),
    Story("archive-no-buckets", 1, (2.2, 363), 100, archive_from=NEVER),
    Story("archive-no-buckets-then-heals", 1, (59.6, 421), 62, archive_from=57.3),
    Story("archive-complete-no-transactions", 1, (2.2, 364), 120, replays=True, archive_from=NEVER),
    Story("archive-stalls", 1, (2.2, 362), 150, archive_from=NEVER),
    Story("archive-slow-2s", 1, (57.54, 417), 60, download_seconds=6.0),
    Story("archive-slow-30s", 1, (2.2, 362), 299, download_seconds=92.0),
]  # fmt: skip


def recorded_states(story: Story) -> list[tuple[str, float]]:
    """Return the recorded states, without those that are no states or soon over."""
    states = [(one["from"] - story.recorded_from, one["state"]) for one in RECORDED[story.name]["states"]]
    seen = [one for one in states if one[0] < story.seconds and one[1] not in ("refused", "stopped")]
    return drop_short(seen, story.seconds)


def drop_short(states: list[tuple[float, str]], until: float) -> list[tuple[str, float]]:
    """Leave out what lasts less than SHORTEST_SECONDS, but for the last."""
    ends = [when for when, _ in states[1:]] + [until + SHORTEST_SECONDS]
    kept = [one for one, end in zip(states, ends, strict=True) if end - one[0] >= SHORTEST_SECONDS]
    return collapse(kept)


def test_every_recording_is_a_story_or_differs_for_a_reason() -> None:
    assert {story.name for story in STORIES} | set(DIFFERS) == set(RECORDED)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_life_has_the_recorded_states_at_the_recorded_times(story: Story) -> None:
    seen = live(story)
    expected = recorded_states(story)
    found = drop_short([(when, state) for state, when in seen.states()], story.seconds)
    assert [state for state, _ in found] == [state for state, _ in expected]
    for (state, when), (_, recorded) in zip(found[1:], expected[1:], strict=True):
        assert when == pytest.approx(recorded, abs=2.5), f"{state} at {when}, recorded at {recorded}"


@pytest.mark.parametrize(
    ("story", "statuses"),
    [
        pytest.param(
            Story("at 29 of 64", 1, (0.0, 28), 190, ledger_seconds=5.0, checkpoint_ledgers=64),
            ["Waiting for trigger ledger: 28/65, ETA: 185s", "Waiting for trigger ledger: 64/65, ETA: 5s",
             "Catching up to ledger 63: Running: catchup",
             "Catching up to ledger 63: Applying buffered ledgers: apply ledger 65"],
            id="a newcomer waits for its first checkpoint",
        ),
        pytest.param(
            Story("120 behind", 431, (0.0, 553), 46),
            ["Waiting for trigger ledger: 589/593, ETA: 4s", "Waiting for trigger ledger: 592/593, ETA: 1s",
             "Catching up to ledger 591: Running: catchup"],
            id="a node that was long away waits for the next checkpoint",
        ),
    ],
)  # fmt: skip
def test_the_status_says_what_is_waited_for(story: Story, statuses: list[str]) -> None:
    seen = live(story).statuses
    assert [one for one in statuses if one not in seen] == []


def test_num_is_frozen_while_a_restored_node_is_connected() -> None:
    seen = live(Story("restored", 362, (0, 392), 34))
    assert {num for _, _, num in seen.changes} == {362}


def test_a_peer_that_remembers_more_brings_a_restored_node_in_step_at_once() -> None:
    behind = Story("restored", 300, (0, 345), 10, peer_remembers=200)
    state, when = live(behind).states()[-1]
    assert state == "Synced!"
    assert when == pytest.approx(2.0, abs=0.2)


def test_what_is_more_than_100_ledgers_behind_no_memory_of_a_peer_brings_back() -> None:
    behind = Story("restored", 300, (0, 420), 60, peer_remembers=200, archive_from=NEVER)
    assert live(behind).states()[-1][0] != "Synced!"


@pytest.mark.parametrize(
    ("name", "stopped_from", "tip_at_the_end"),
    [pytest.param("sigstop-20s", 4, 325, id="20 s"), pytest.param("sigstop-70s", 4, 305, id="70 s")],
)
def test_after_a_stop_it_goes_on_by_a_ledger_a_second_at_constant_age(
    name: str, stopped_from: int, tip_at_the_end: int
) -> None:
    story = next(one for one in STORIES if one.name == name)
    seen = live(story)
    recorded = [(when, num) for one in RECORDED[name]["states"] for when, num in one["nums"] if num is not None]
    for when, num in recorded:
        if when > stopped_from:
            assert seen.ledger_at(when - 1.5) - 3 <= num <= seen.ledger_at(when + 1.5) + 17, f"at {when}"
    assert seen.ledger_at(story.seconds) == pytest.approx(tip_at_the_end, abs=1)


def test_while_what_piled_up_waits_it_shows_the_slot_of_its_own_ledger_as_the_last_that_it_heard() -> None:
    life = Life(LifeSettings(), 10, 0.0)
    life.hear([make_ledger(num) for num in range(11, 20)], 0.0)
    while (ledger := life.take()) is not None:
        life.applied(ledger.header.num)
    life.resume(30.0, 30.0)
    life.hear([make_ledger(num) for num in range(20, 60)], 30.0)
    assert [header.num for header, _ in life.heard][-3:] == [17, 18, 19]
    life.look(31.0)
    assert life.take() == make_ledger(20)
    life.applied(20)
    assert [header.num for header, _ in life.heard][-1] == 20
    assert life.take() is None
