"""The explanation of a pool's size as a document for programs: docs/cli.md names the fields."""

from collections.abc import Mapping
from typing import Any

from readpool.cli.pools.explanation import Explanation
from readpool.cli.terminal.output import build_document
from readpool.pool.spec import ReadOnlyPool


def describe_explanation(
    manifest: Mapping[str, Any], pool: ReadOnlyPool, told: Explanation, remark: str, *, is_from_scaler: bool
) -> dict[str, Any]:
    """Describe an explanation; conditions and replicas are as the pool's status has them."""
    status = manifest.get("status") or {}
    return build_document(
        "PoolExplanation",
        metadata={"namespace": pool.namespace, "name": pool.name},
        network=pool.spec.network,
        version=pool.spec.version,
        latestLedger=pool.status.network_latest_ledger,
        source="scaler" if is_from_scaler else "status",
        remark=remark,
        sentences=list(told.sentences),
        steps=[{"name": step.name, "value": step.value, "text": step.text} for step in told.steps],
        conditions=status.get("conditions") or [],
        replicas=status.get("replicaWeights") or [],
    )
