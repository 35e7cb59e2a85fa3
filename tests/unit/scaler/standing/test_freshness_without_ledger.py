"""A node that answers without a ledger: an unhealthy Stellar RPC, a Core that boots."""

from readpool.replica_class import ReplicaClass
from scaler.probes.report import NodeReport
from scaler.standing.freshness import ReplicaState, Thresholds, advance
from scaler.standing.tip import Tip

TIP = Tip(60_000_000, moved_at=0.0)
HEALTHY = NodeReport(ledger=60_000_000, is_synced=True, state="healthy")
UNHEALTHY = NodeReport(ledger=0, is_synced=False, state="unhealthy: data stores are not initialized")


def _follow(*reports: NodeReport) -> ReplicaState:
    standing = ReplicaState()
    for poll, report in enumerate(reports):
        standing = advance(standing, report, TIP, None, Thresholds(), 5.0 * poll)
    return standing


def test_an_unhealthy_rpc_lags_but_not_by_the_whole_chain() -> None:
    standing = _follow(HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY)
    assert standing.replica_class is ReplicaClass.LAGGING
    assert standing.lag_ledgers is None
    assert standing.rate == 0.0


def test_one_unhealthy_answer_changes_nothing() -> None:
    assert _follow(HEALTHY, HEALTHY, UNHEALTHY).replica_class is ReplicaClass.FRESH


def test_its_return_is_no_leap_of_millions_of_ledgers() -> None:
    standing = _follow(HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY, HEALTHY)
    assert standing.replica_class is ReplicaClass.LAGGING
    assert (standing.rate, standing.lag_ledgers) == (0.0, 0)
    assert _follow(HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY, HEALTHY, HEALTHY).replica_class is ReplicaClass.FRESH
