"""Pools with a status, as the controller writes it, for the tests of what people are shown of them."""

from typing import Any

from devtools.pools.pool_manifests import build_manifest
from readpool.pool.spec import ReadOnlyPool, parse_pool

SEEN = "2026-11-25T12:00:00Z"
TIP = 61_234_567
GOOD = {"Ready": "True", "Reconciling": "False", "Stalled": "False", "Fresh": "True", "Routing": "True"}


def build_condition(kind: str, status: str, reason: str = "Because", message: str = "it is so") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": SEEN}


def build_conditions(*others: dict[str, Any]) -> list[dict[str, Any]]:
    """Build the conditions of a pool in order, with these instead of those of their type."""
    said = {kind: build_condition(kind, status) for kind, status in GOOD.items()}
    return list((said | {other["type"]: other for other in others}).values())


def build_replica(name: str, replica_class: str = "fresh", lag: int | None = 0, **others: Any) -> dict[str, Any]:
    known = {} if lag is None else {"lag": lag, "ledgerSequence": TIP - lag}
    return {"replicaName": name, "weight": 100, "replicaClass": replica_class, **known, **others}


def build_pool_manifest(*replicas: dict[str, Any], spec: Any = None, **status: Any) -> dict[str, Any]:
    """Build the manifest of a pool `stellar/readers` with these replicas, in order unless the status says otherwise."""
    classes = [replica["replicaClass"] for replica in replicas]
    counted = {
        "observedAt": SEEN,
        "desiredReplicas": len(replicas),
        "currentReplicas": len(replicas),
        "readyReplicas": len(replicas),
        "freshReplicas": classes.count("fresh"),
        "laggingReplicas": classes.count("lagging"),
        "networkLatestLedger": TIP,
        "conditions": build_conditions(),
        "replicaWeights": list(replicas),
    }
    whole = {key: value for key, value in (counted | status).items() if value is not None}
    return build_manifest("readers", "stellar", **{"replicas": len(replicas), **(spec or {})}) | {"status": whole}


def build_pool(*replicas: dict[str, Any], spec: Any = None, **status: Any) -> ReadOnlyPool:
    """Build the same, parsed."""
    return parse_pool(build_pool_manifest(*replicas, spec=spec, **status))


FIVE = tuple(build_replica(f"readers-{ordinal}") for ordinal in range(5))
