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
_STANDS_SECONDS = 50.0
"""An ingester that takes longer for a ledger has stopped, or as good as."""
_STANDS_POLLS = 3


def find_stopped_database(
    standings: Mapping[str, ReplicaState], interval_seconds: float, now: float
) -> HoldReason | None:
    """Find whether all Horizons that answer with a ledger stand at the same one, and their Core, or others, go on.

    None while any of them is fresh, while fewer than two have stood there for long, or while there is but one: it does
    not show what another one would do. Those that have just joined are no fresher.
    """
    answering = [one for one in standings.values() if one.report is not None and one.replica_class in _BEHIND]
    if any(one.replica_class is ReplicaClass.FRESH for one in standings.values()):
        return None
    ledgers = {one.report.ledger for one in answering if one.report is not None and one.report.ledger}
    told = [one for one in answering if one.report is not None and one.report.ledger]
    oldest = now - max(_STANDS_SECONDS, _STANDS_POLLS * interval_seconds)
    standing = sum(one.closed_at is not None and one.closed_at <= oldest for one in told)
    if standing < 2 or len(ledgers) > 1 or any(not one.lag_ledgers for one in told):  # noqa: PLR2004 - one has no second
        return None
    behind = max(one.lag_ledgers or 0 for one in told)
    return HoldReason(
        DATABASE_STOPPED,
        f"All {len(told)} Horizons that respond are at ledger {ledgers.pop()}, {behind} behind the network. They seem"
        " to share a database that is no longer updated; another replica would be no fresher.",
    )
