"""Which protocol is the network at, and whose Stellar Core is too old for it? Between the fleet and the policy. Pure.

A Core supports the protocols up to its own major version (docs/compatibility.md). One that is too old closes no ledger
after its network's upgrade, whatever time it gets, and a replica more of the same version would do no better.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from readpool.replica_class import ReplicaClass
from scaler.probes.report import NodeReport
from scaler.standing.standing import ReplicaState

_WITNESSES = 2
"""So many fresh replicas must have closed a ledger of a protocol: one alone may lie."""


def find_network_protocol(
    standings: Iterable[ReplicaState], trusted: Iterable[NodeReport], known: int | None
) -> int | None:
    """Find the protocol that the network is at, at the least; None if no node reports it.

    Args:
        standings: of the replicas; those count that are fresh.
        trusted: what references say whose word counts.
        known: what networks.toml has of this network. A fresh replica that does not support it shows that it is not so.
    """
    fresh = [one.report for one in standings if one.replica_class is ReplicaClass.FRESH and one.report is not None]
    told = sorted([protocol for one in fresh if (protocol := _read_ledger_protocol(one)) is not None], reverse=True)
    witnessed = told[_WITNESSES - 1 : _WITNESSES]  # the highest that so many have reached
    vouched = [protocol for one in trusted if (protocol := _read_ledger_protocol(one)) is not None]
    supported = [one.protocol for one in fresh if one.protocol is not None]
    is_refuted = known is not None and any(protocol < known for protocol in supported)
    found = [*witnessed, *vouched, *([] if known is None or is_refuted else [known])]
    return max(found, default=None)


def _read_ledger_protocol(report: NodeReport) -> int | None:
    """Read the protocol of a node's last ledger; one that the node itself does not support is none."""
    if report.ledger_protocol is None or (report.protocol is not None and report.protocol < report.ledger_protocol):
        return None
    return report.ledger_protocol


def note_too_old(standings: dict[str, ReplicaState], protocol: int | None) -> dict[str, ReplicaState]:
    """Note which protocol is needed of each replica whose Core is too old for it; a fresh one shows that it is not."""
    noted = {}
    for name, one in standings.items():
        supported = None if one.report is None else one.report.protocol
        is_old = protocol is not None and supported is not None and supported < protocol
        needs = protocol if is_old and one.replica_class is not ReplicaClass.FRESH else None
        if needs != one.needs_protocol:
            noted[name] = replace(one, needs_protocol=needs)
    return standings | noted if noted else standings


def leave_out_too_old(standings: Mapping[str, ReplicaState]) -> Mapping[str, ReplicaState]:
    """Leave out replicas whose Core is too old: that they fall behind says nothing of the load."""
    if not any([one.needs_protocol is not None for one in standings.values()]):  # noqa: C419 - few, and asked often
        return standings
    return {name: one for name, one in standings.items() if one.needs_protocol is None}
