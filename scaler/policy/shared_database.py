"""Do the Horizons of a fleet share a database that is no longer updated? Then more of them would be no fresher. Pure.

The usual way to scale Horizon's reads is servers with INGEST=false on one database: once its only ingester stops, all
of them lag alike, and a new one is as stale as the others and one more load on the database.
"""

from collections.abc import Mapping

from readpool.replica_class import ReplicaClass
from scaler.policy.hold_reasons import HoldReason
from scaler.standing.freshness import ReplicaState

DATABASE_STOPPED = "DatabaseStopped"
"""All Horizons stand at one ledger while the network goes on: they share a database that is no longer filled."""
_BEHIND = (ReplicaClass.LAGGING, ReplicaClass.CATCHING_UP)
_MOVES_LEDGERS_PER_SECOND = 0.02


def find_stopped_database(standings: Mapping[str, ReplicaState]) -> HoldReason | None:
    """Find whether all Horizons that answer with a ledger stand at the same one, and their Core, or others, go on.

    None while any of them is fresh or moves, or while there is but one: it does not show what another one would do.
    """
    answering = [one for one in standings.values() if one.report is not None and one.replica_class in _BEHIND]
    if any(one.replica_class is ReplicaClass.FRESH for one in standings.values()):
        return None
    ledgers = {one.report.ledger for one in answering if one.report is not None and one.report.ledger}
    told = [one for one in answering if one.report is not None and one.report.ledger]
    if len(told) < 2 or len(ledgers) > 1 or not all(_stands_behind(one) for one in told):  # noqa: PLR2004 - one has no second
        return None
    behind = max(one.lag_ledgers or 0 for one in told)
    return HoldReason(
        DATABASE_STOPPED,
        f"All {len(told)} Horizons that respond are at ledger {ledgers.pop()}, {behind} behind the network. They seem"
        " to share a database that is no longer updated; another replica would be no fresher.",
    )


def _stands_behind(standing: ReplicaState) -> bool:
    return (standing.lag_ledgers or 0) > 0 and (standing.rate is None or standing.rate < _MOVES_LEDGERS_PER_SECOND)
