"""What is seen of the workload that a pool stands before: the workload itself, who else has it, and who scales it.

Gathered by controller.cluster.workloads. Types, and what can be read from a workload's manifest alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from readpool.kubernetes.kinds import DEPLOYMENT, POOL, STATEFUL_SET, Kind, Manifest
from readpool.pool.spec import WorkloadKind, WorkloadRef

_KINDS: Mapping[WorkloadKind, Kind] = {WorkloadKind.DEPLOYMENT: DEPLOYMENT, WorkloadKind.STATEFUL_SET: STATEFUL_SET}
_OPERATORS = {"In": "in", "NotIn": "notin"}


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """What is seen of a workload.

    Attributes:
        manifest: the workload; None if it does not exist, or is not seen.
        is_seen: the workload, its ReplicaSets and its pods are listed; until then nothing is decided for the pool.
        unseen: why they cannot be listed; empty if they can, or if that is not known yet.
        taken_by: the pool that has the workload, if it is not this one; empty if it is.
        scaled_by: an HPA or ScaledObject that scales the workload and is not this pool's; empty if there is none.
    """

    manifest: Manifest | None = None
    is_seen: bool = True
    unseen: str = ""
    taken_by: str = ""
    scaled_by: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether the workload exists and no other pool has it."""
        return self.manifest is not None and not self.taken_by

    @property
    def replicas(self) -> int:
        """How many replicas it is to have; 0 for none."""
        if self.manifest is None:
            return 0
        told = (self.manifest.get("spec") or {}).get("replicas")
        return 1 if told is None else int(told)

    @property
    def selector(self) -> str:
        """The label selector of its pods; empty if there is no workload."""
        return "" if self.manifest is None else write_selector(self.manifest)


def find_kind(ref: WorkloadRef) -> Kind:
    """Return the kind of a workload."""
    return _KINDS[ref.kind]


def write_selector(workload: Manifest) -> str:
    """Write a workload's label selector as the API server reads it; empty if it has none."""
    selector: Mapping[str, Any] = (workload.get("spec") or {}).get("selector") or {}
    terms = [f"{name}={value}" for name, value in sorted((selector.get("matchLabels") or {}).items())]
    return ",".join([*terms, *map(_write_term, selector.get("matchExpressions") or ())])


def _write_term(term: Mapping[str, Any]) -> str:
    name, operator = term["key"], term["operator"]
    if operator in _OPERATORS:
        return f"{name} {_OPERATORS[operator]} ({','.join(sorted(term.get('values') or ()))})"
    return str(name) if operator == "Exists" else f"!{name}"


def find_owning_pool(workload: Manifest) -> str:
    """Find the pool that owns a workload, as each of ours does its StatefulSet; empty if none does."""
    owners = workload["metadata"].get("ownerReferences") or ()
    group = f"{POOL.group}/"
    pools = [one["name"] for one in owners if one["kind"] == POOL.name and one["apiVersion"].startswith(group)]
    return pools[0] if pools else ""
