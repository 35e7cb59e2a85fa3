"""Are fewer replicas known than were asked for, and for how long? Then the Service may not name them all. Pure.

A Service without publishNotReadyAddresses leaves out every pod that is not ready: a replica that lags is then not seen
to lag. Kept by the fleet between snapshots.
"""

from dataclasses import dataclass

REPLICAS_MISSING = "ReplicasMissing"
"""DNS has named fewer replicas than were asked for, for minutes: pods that are not ready may be left out."""
_GRACE_SECONDS = 300.0
"""A pod has an address within moments; a node for it may take minutes."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """How many replicas were known and wanted, and since when these have been fewer, in seconds; None while not."""

    known: int = 0
    wanted: int = 0
    since: float | None = None


def follow_shortage(shortage: Shortage, known: int, wanted: int | None, now: float) -> Shortage:
    """Fold one snapshot: another number of known replicas, or a higher desired number, restarts the time."""
    if wanted is None:
        return shortage
    if known >= wanted:
        return Shortage(known, wanted)
    is_same = shortage.since is not None and known == shortage.known and wanted <= shortage.wanted
    return Shortage(known, wanted, shortage.since if is_same else now)


def explain_shortage(shortage: Shortage, service: str, now: float) -> str:
    """Explain a shortage that has lasted for minutes; empty before, and without one."""
    if shortage.since is None or now - shortage.since < _GRACE_SECONDS:
        return ""
    exists = "exists and has" if not shortage.known else "has"
    return (
        f"Only {shortage.known} of {shortage.wanted} replicas have been found for"
        f" {int((now - shortage.since) // 60)} minutes. Check that Service {service} {exists} clusterIP: None and"
        " publishNotReadyAddresses: true, and that the missing pods can be scheduled."
    )
