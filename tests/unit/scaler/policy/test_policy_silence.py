"""What is said where no replica answers: who is to be suspected, and what the pods say themselves."""

from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.policy.policy import PolicyMemory, decide
from scaler.policy.policy_release import Surplus
from scaler.probes.report import NodeReport
from scaler.standing.freshness import ReplicaState
from scaler.standing.tip import Tip
from tests.unit.policy_turns import NOW, SETTINGS, pool

HEARD = ReplicaState(ReplicaClass.UNREACHABLE, since=NOW - 3600, report=NodeReport(ledger=5000, is_synced=True))
"""It has answered, and does so no more."""
NEVER_HEARD = replace(HEARD, report=None)
CRASHING = "0 of 2 ready: 2 crash (stellar-core: Got an exception: No such file)"


@pytest.mark.parametrize(
    ("standings", "unready", "message"),
    [
        pytest.param(
            [HEARD] * 2,
            "",
            "None of 2 replicas responds. The scaler itself is probably disconnected.",
            id="all were heard",
        ),
        pytest.param(
            [HEARD] * 2,
            CRASHING,
            f"None of 2 replicas responds. The pool is not ready: {CRASHING}.",
            id="all were heard, and their pods say why not now",
        ),
        pytest.param(
            [NEVER_HEARD] * 2,
            "",
            "None of 2 replicas has responded yet. They may be starting, or the scaler cannot reach them.",
            id="none was heard",
        ),
        pytest.param(
            [HEARD, NEVER_HEARD],
            "",
            "None of 2 replicas responds; 1 of them never did.",
            id="one was heard",
        ),
        pytest.param(
            [NEVER_HEARD] * 2,
            "0 of 2 ready: 2 cannot pull stellar/stellar-core:v21.0.0 (ErrImagePull)",
            "None of 2 replicas responds. The pool is not ready: 0 of 2 ready: 2 cannot pull"
            " stellar/stellar-core:v21.0.0 (ErrImagePull).",
            id="none was heard, and their pods say why",
        ),
    ],
)
def test_that_the_scaler_is_cut_off_is_said_only_of_replicas_that_were_heard_and_whose_pods_are_well(
    standings: list[ReplicaState], unready: str, message: str
) -> None:
    decision, _ = decide(
        pool(*standings),
        Tip(ledger=5000, moved_at=NOW - 2),
        observed_since=NOW - 7200,
        memory=PolicyMemory(surplus=Surplus(last_desired=2)),
        settings=replace(SETTINGS, unready=unready),
        now=NOW,
    )
    assert (decision.reason, decision.message) == ("AllUnreachable", message)
