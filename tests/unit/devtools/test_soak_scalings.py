"""Which changes of the number of replicas a soak calls wrong, from histories that are right and from wrong ones."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.soak.history import Done, Probe
from tests.soak.scalings import judge_scalings
from tests.soak.truth import Truth
from tests.unit.soak_histories import ENDED, done, history, probes, silent, sizes

ONE_AILED = silent("soak-1", 150, 175)
TWO_AILED = [*ONE_AILED, *silent("soak-2", 150, 175)]
NEWCOMER = probes("soak-3", 205, ENDED + 20)
HUNG = probes("soak-3", 205, ENDED + 20, answers=False)
SCALERS = ("scaler-a", "scaler-b")


def judge(
    wanted: Iterable[tuple[float, int]],
    unlike: Iterable[Probe] = (),
    acts: Iterable[Done] = (),
    had: Iterable[tuple[float, int]] | None = None,
) -> list[str]:
    """Judge a history: what the pool asked for, and what its StatefulSet had, the same a second later by itself."""
    asked = list(wanted)
    follows = [(at + 1, size) for at, size in asked] if had is None else had
    seen = history(unlike=unlike, done=tuple(acts), wanted=sizes(*asked), sizes=sizes(*follows))
    return [f"{one.of}: {one.wrong}" for one in judge_scalings(Truth(seen)) if one.wrong]


@pytest.mark.parametrize(
    ("wanted", "unlike", "acts"),
    [
        pytest.param([], [], [], id="nothing happened"),
        pytest.param([(180, 4), (250, 3)], [*ONE_AILED, *NEWCOMER], [], id="one ailed, and is back"),
        pytest.param([(180, 5)], TWO_AILED, [], id="two ailed"),
        pytest.param(
            [(150, 4), (190, 3)], [], [done("scale by hand", "user", 149, 150, size=4)], id="a user, and back"
        ),
        pytest.param([(150, 2), (170, 3)], [], [done("scale by hand", "user", 149, 150, size=2)], id="down, and back"),
        pytest.param(
            [(180, 4), (200, 3), (215, 4)],
            [*ONE_AILED, *NEWCOMER],
            [done("scale by hand", "user", 199, 200, size=3)],
            id="back to the autoscaler's own",
        ),
        pytest.param(
            [(180, 5), (275, 4), (290, 5)],
            TWO_AILED,
            [done("scale by hand", "user", 274, 275, size=4)],
            id="back to the autoscaler's own, long after anybody ailed",
        ),
    ],
)
def test_what_the_policy_does_is_right(wanted: Any, unlike: Any, acts: Any) -> None:
    assert judge(wanted, unlike, acts) == []


@pytest.mark.parametrize(
    ("wanted", "unlike", "acts", "wrong"),
    [
        pytest.param([(180, 5)], [], [], "pool: 0 ailed (), so that 4 is the most", id="two more though all were well"),
        pytest.param([(180, 6)], ONE_AILED, [], "pool: 1 ailed (soak-1), so that 5 is the most", id="it runs away"),
        pytest.param(
            [(200, 5)],
            probes("soak-3", 80, 150),
            [],
            "pool: 0 ailed (), so that 4 is the most",
            id="one that was let go does not ail",
        ),
        pytest.param(
            [(180, 4), (250, 3)],
            [*silent("soak-1", 150, 175), *probes("soak-2", 80, 150)],
            [],
            "pool: at most 2 were fresh in the 30 s before",
            id="one goes while another has not been seen for long",
        ),
        pytest.param([(180, 7)], TWO_AILED, [], "pool: 6 is the maximum", id="more than the maximum"),
        pytest.param([(180, 2)], [], [], "pool: 3 fresh ones are wanted", id="fewer than the target"),
        pytest.param([(180, 0)], [], [], "pool: 3 fresh ones are wanted", id="none"),
        pytest.param(
            [(180, 4), (220, 5), (240, 6)],
            [*silent("soak-1", 150, 175), *HUNG],
            [],
            "pool: 1 ailed (soak-1), so that 5 is the most",
            id="newcomers that do not come up call for more of them",
        ),
        pytest.param(
            [(180, 4), (250, 3)],
            [*silent("soak-1", 150, 290), *silent("soak-2", 190, 290), *NEWCOMER],
            [],
            "pool: at most 2 were fresh in the 30 s before",
            id="one goes while too few are fresh",
        ),
        pytest.param(
            [(185, 4)],
            ONE_AILED,
            [done("stop", "scaler", 150, 200, *SCALERS, index=-1)],
            "pool: no scaler was there to say so",
            id="no scaler is there",
        ),
        pytest.param(
            [(185, 4)],
            ONE_AILED,
            [done("pause", "user", 170, 200)],
            "pool: the pool was paused",
            id="while it is paused",
        ),
    ],
)
def test_what_the_policy_would_not_do_is_wrong(wanted: Any, unlike: Any, acts: Any, wrong: str) -> None:
    assert [one for one in judge(wanted, unlike, acts) if one.startswith("pool")] == [wrong]


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param([done("stop", "scaler", 150, 200, "scaler-a", index=-1)], id="one scaler of two"),
        pytest.param([done("kill", "scaler", 150, 150, *SCALERS, index=-1)], id="killed and back"),
        pytest.param([done("stop", "scaler", 175, 225, *SCALERS, index=-1)], id="their last word still holds"),
        pytest.param([done("pause", "user", 183, 200)], id="the pause has just come"),
    ],
)
def test_what_takes_no_evidence_away_makes_no_scaling_wrong(acts: Any) -> None:
    assert judge([(185, 4)], ONE_AILED, acts) == []


@pytest.mark.parametrize(
    ("wanted", "had", "wrong"),
    [
        pytest.param([], [(200, 4)], ["StatefulSet: the pool asked for [3]"], id="one more than asked for"),
        pytest.param([], [(200, 2)], ["StatefulSet: the pool asked for [3]"], id="one fewer than asked for"),
        pytest.param([], [(200, 0), (201, 3)], ["StatefulSet: the pool asked for [3]"], id="none for a moment"),
        pytest.param([(180, 4)], [(181, 5)], ["StatefulSet: the pool asked for [3, 4]"], id="beyond what is asked for"),
        pytest.param([(180, 4)], [(230, 4)], [], id="late, as the controllers were away"),
        pytest.param([(180, 4)], [(179.5, 4)], [], id="seen a little before what it follows"),
    ],
)
def test_the_stateful_set_follows_what_the_pool_asks_for(wanted: Any, had: Any, wrong: list[str]) -> None:
    assert judge(wanted, ONE_AILED, had=had)[:1] == wrong


def test_a_size_that_no_user_asked_for_is_not_excused_by_one_who_asked_for_another() -> None:
    acts = [done("scale by hand", "user", 179, 180, size=4)]
    assert judge([(180, 6)], [], acts)[0] == "pool: 0 ailed (), so that 4 is the most"
    assert judge([(260, 6)], [], [done("scale by hand", "user", 179, 180, size=6)])[0].startswith("pool: 0 ailed")
