"""The model's quick sight against the scaler's own fold, over a day of every fault."""

from readpool.simulator.day.replica import ModelReplica
from readpool.simulator.day.scenario import Fault, FaultKind
from readpool.simulator.day.sight import Sight
from readpool.simulator.day.traffic import STEP_SECONDS, STEPS_PER_DAY
from scaler.probes.report import NodeReport, PollFailure
from scaler.standing.freshness import ReplicaState, Thresholds, advance
from scaler.standing.tip import Tip

FAULTS = [
    Fault(3600.0 * hour, 0, kind, seconds)
    for hour, kind, seconds in (
        (1, FaultKind.STUCK, 1800.0),
        (3, FaultKind.CRASH, 40.0),
        (5, FaultKind.SLOW, 3600.0),
        (8, FaultKind.LOST, 2400.0),
        (11, FaultKind.STUCK, 300.0),
        (13, FaultKind.CRASH, 20.0),
    )
]
THRESHOLDS = Thresholds(lag_ledgers=12)


def test_the_models_sight_classes_a_replica_as_the_scaler_does() -> None:
    replica, sight, standing = ModelReplica(0, pace=1.0), Sight(0.0), ReplicaState()
    replica.ledger = 100_000.0
    faults, differing, late, doubted = list(FAULTS), 0, 0, 0
    in_sync = 0  # Core says that it is in sync only once it was, since it started
    for step in range(STEPS_PER_DAY):
        now, tip = float(step * STEP_SECONDS), 100_000 + step
        replica.load = 400.0 if 6 < now / 3600 < 9 else 750.0
        if faults and faults[0].at <= now:
            replica.befall(faults.pop(0))
        if replica.fault is not None and replica.fault_until <= now:
            replica.recover()
        replica.advance(tip, now, STEP_SECONDS)
        if now < replica.answers_at:
            sight.miss(now)
            outcome: NodeReport | PollFailure = PollFailure("ConnectionRefused", "refused")
        else:
            sight.see(replica, tip, THRESHOLDS.lag_ledgers, now, STEP_SECONDS)
            in_sync = replica.restarts if tip - replica.ledger <= 1 and now >= replica.resumes_at else in_sync
            is_synced = in_sync == replica.restarts
            outcome = NodeReport(int(replica.ledger), is_synced=is_synced, started_on=float(replica.restarts))
        standing = advance(standing, outcome, Tip(tip, now), None, THRESHOLDS, now)
        differing += standing.replica_class is not sight.replica_class
        doubted += standing.is_suspect
        differing += standing.is_suspect is not sight.is_doubted
        late += standing.replica_class is sight.replica_class and standing.degraded_since != sight.degraded_since
    assert not faults
    assert differing <= 30, "a poll or two at each change, no more"
    assert late == 0
    assert doubted
