"""What is logged of a fleet: each change of class, of the tip's health, of the desired number or why, once each.

Called with every snapshot; a poll in which nothing changed writes nothing.
"""

import structlog

from readpool.replica_class import ReplicaClass
from scaler.fleet.evidence import NO_ANSWER, USED
from scaler.fleet.snapshot import FleetSnapshot
from scaler.policy.policy import Decision
from scaler.standing.tip import Tip

_log = structlog.get_logger()


class ChangeLog:
    """Remembers what was logged last of one fleet."""

    __slots__ = (
        "_classes",
        "_decision",
        "_discovery_trouble",
        "_has_shortage",
        "_references",
        "_reset_at",
        "_tip_health",
        "fleet",
    )

    def __init__(self, fleet: str) -> None:
        self.fleet = fleet
        self._classes: dict[str, ReplicaClass] = {}
        self._decision: tuple[int | None, str] = (None, "")
        self._tip_health = "unknown"
        self._discovery_trouble = ""
        self._has_shortage = False
        self._references: dict[tuple[str, str], str] = {}
        self._reset_at: float | None = None

    def note_snapshot(self, snapshot: FleetSnapshot) -> None:
        """Log what differs from the snapshot before."""
        self._note_classes(snapshot)
        health = name_tip_health(snapshot.tip)
        if health != self._tip_health:
            ledger = snapshot.tip.ledger if snapshot.tip else None
            _log.info("tipChanged", fleet=self.fleet, previous=self._tip_health, current=health, ledger=ledger)
            self._tip_health = health
        self._note_reset(snapshot.tip)
        self._note_references(snapshot)
        self._note_decision(snapshot.decision)
        if bool(snapshot.shortage) != self._has_shortage:
            self._has_shortage = bool(snapshot.shortage)
            if snapshot.shortage:
                _log.warning("replicasMissing", fleet=self.fleet, message=snapshot.shortage)

    def note_discovery(self, trouble: str, reason: str = "") -> None:
        """Log that discovery fails, once for each `reason`, and that it works again: neither is given."""
        if reason and reason != self._discovery_trouble:
            _log.warning("discoveryFailed", fleet=self.fleet, reason=reason, message=trouble)
        elif self._discovery_trouble and not reason:
            _log.info("discoveryRecovered", fleet=self.fleet)
        self._discovery_trouble = reason

    def _note_reset(self, tip: Tip | None) -> None:
        if tip is not None and tip.reset_at is not None and tip.reset_at != self._reset_at:
            _log.warning("networkReset", fleet=self.fleet, previous=tip.reset_from, current=tip.ledger)
            self._reset_at = tip.reset_at

    def _note_references(self, snapshot: FleetSnapshot) -> None:
        """Log whose word does not count, and why; those that do not answer are logged where they are asked."""
        for verdict in snapshot.references:
            kind, url = key = verdict.reference.kind.value, verdict.reference.url
            if verdict.state in (NO_ANSWER, self._references.get(key, USED)):
                continue
            if verdict.state == USED:
                _log.info("referenceUsed", fleet=self.fleet, kind=kind, url=url)
            else:
                why = verdict.message
                _log.warning(
                    "referenceIgnored", fleet=self.fleet, kind=kind, url=url, reason=verdict.state, message=why
                )
            self._references[key] = verdict.state
        if len(self._references) > len(snapshot.references):
            known = {(one.reference.kind.value, one.reference.url) for one in snapshot.references}
            self._references = {key: state for key, state in self._references.items() if key in known}

    def _note_decision(self, decision: Decision) -> None:
        """Log a new number, or that it stays for another reason: more are wanted than may come at once, say."""
        if (decision.desired, decision.reason) == self._decision:
            return
        _log.info(
            "desiredChanged",
            fleet=self.fleet,
            previous=self._decision[0],
            current=decision.desired,
            reason=decision.reason,
            message=decision.message,
        )
        self._decision = (decision.desired, decision.reason)

    def _note_classes(self, snapshot: FleetSnapshot) -> None:
        classes = self._classes
        for replica in snapshot.replicas:
            was, standing = classes.get(replica.name, ReplicaClass.UNKNOWN), replica.standing
            if was is standing.replica_class:
                continue
            classes[replica.name] = standing.replica_class
            _log.info(
                "classChanged",
                fleet=self.fleet,
                replica=replica.name,
                previous=was.value,
                current=standing.replica_class.value,
                lagLedgers=standing.lag_ledgers,
                detail=standing.detail,
            )
        if len(classes) > len(snapshot.replicas):
            known = {replica.name for replica in snapshot.replicas}
            self._classes = {name: replica_class for name, replica_class in classes.items() if name in known}


def name_tip_health(tip: Tip | None) -> str:
    """Name the tip's health: unknown, moving, stalled or halted."""
    if tip is None:
        return "unknown"
    if tip.is_halted:
        return "halted"
    return "stalled" if tip.is_stalled else "moving"
