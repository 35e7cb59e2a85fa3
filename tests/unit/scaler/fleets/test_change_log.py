"""What is logged of a fleet's decisions: a line for each change, none for a poll in which nothing changed."""

import pytest
from structlog.testing import capture_logs

from scaler.fleet.snapshot import FleetSnapshot
from scaler.fleets.change_log import ChangeLog
from scaler.policy.policy import Bounds, Decision

Line = tuple[int | None, int | None, str]


def note(decisions: list[Decision]) -> list[Line]:
    log = ChangeLog("readers/core")
    with capture_logs() as lines:
        for sequence, decision in enumerate(decisions):
            log.note_snapshot(
                FleetSnapshot("readers/core", "readers", sequence, 0.0, None, None, (), decision, Bounds(1, 6, 12), 12)
            )
    return [(line["previous"], line["current"], line["reason"]) for line in lines if line["event"] == "desiredChanged"]


ON_TARGET = Decision(6, "OnTarget", "target 6, none unhealthy")
REPLACING_UNHEALTHY = Decision(8, "ReplacingUnhealthy", "target 6 + 2 lagging for 60 s = 8")
LIMITED = Decision(8, "LimitedBySurge", "target 6 + 3 lagging for 61 s = 9, 8 for now")
UNGROUNDED = Decision(None, "NetworkHalted", "No ledger has closed for 61 s.")


@pytest.mark.parametrize(
    ("decisions", "lines"),
    [
        pytest.param([ON_TARGET] * 3, [(None, 6, "OnTarget")], id="the first, and no repetition"),
        pytest.param(
            [ON_TARGET, REPLACING_UNHEALTHY], [(None, 6, "OnTarget"), (6, 8, "ReplacingUnhealthy")], id="another number"
        ),
        pytest.param(
            [REPLACING_UNHEALTHY, LIMITED, LIMITED],
            [(None, 8, "ReplacingUnhealthy"), (8, 8, "LimitedBySurge")],
            id="the same number for another reason",
        ),
        pytest.param(
            [LIMITED, Decision(8, "LimitedBySurge", "… for 62 s")],
            [(None, 8, "LimitedBySurge")],
            id="not the seconds that pass",
        ),
        pytest.param(
            [ON_TARGET, UNGROUNDED, ON_TARGET],
            [(None, 6, "OnTarget"), (6, None, "NetworkHalted"), (None, 6, "OnTarget")],
            id="no ground, and ground again",
        ),
    ],
)
def test_each_change_of_the_number_or_of_its_reason_is_logged_once(
    decisions: list[Decision], lines: list[Line]
) -> None:
    assert note(decisions) == lines
