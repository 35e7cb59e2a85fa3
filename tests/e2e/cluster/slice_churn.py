"""How often the slices of a pool are written while its ledgers advance and its replicas change their classes.

Counted from watches of the slices and of the pool, and from the audit log, which has requests without effect as well.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from devtools.cluster.provided import ProvidedCluster
from tests.e2e.cluster.object_watch import ObjectWatch, watch_objects
from tests.e2e.cluster.read_only_pool import Manifest, PoolView

DISCOVERY = "discovery.k8s.io/v1"
POOLS = "stellar.org/v1alpha1"
MARK = "mark"
WRITING = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True, slots=True)
class Churn:
    """What was written within some time, and what for.

    Attributes:
        slices: each write of a slice of the read Service, in order.
        requests: how many asked for one, as the audit log has it; None where the cluster keeps none.
        changes: how often a replica changed its class.
        ledgers: by how many the network's newest advanced.
        statuses: how often the pool was written.
    """

    slices: tuple[str, ...]
    requests: int | None
    changes: int
    ledgers: int
    statuses: int

    def __str__(self) -> str:
        """Describe it in a line."""
        return (
            f"{self.ledgers} ledgers, {self.changes} changes of class, status written {self.statuses} times,"
            f" slices {len(self.slices)} times, by {self.requests} requests"
        )


@dataclass(frozen=True, slots=True)
class ChurnRecord:
    """What has been written of a pool since the record began."""

    cluster: ProvidedCluster
    pool: PoolView
    slices: ObjectWatch
    pools: ObjectWatch
    audited_before: int

    def count(self) -> Churn:
        """Count all that was written until now, known by a write of our own that the watch tells of after it."""
        mark = {"apiVersion": DISCOVERY, "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": []}
        turn = str(len(self.slices.writes))
        metadata = {"name": MARK, "annotations": {"readpool.test/turn": turn}}
        self.cluster.access.apply(mark | {"metadata": metadata}, namespace=self.pool.namespace)
        self.slices.catch_up(MARK)
        self.pools.catch_up(self.pool.name)
        there = (one for one in self.pools.first if one["metadata"]["name"] == self.pool.name)
        seen = [*there, *(write.manifest for write in self.pools.writes)]
        written = (
            f"{one.kind} {one.name}" for one in self.slices.writes if is_of_service(one.manifest, self.pool.name)
        )
        return Churn(
            tuple(written),
            None if self.cluster.audit_log is None else count_audited(self.cluster, self.pool) - self.audited_before,
            count_changes(seen),
            seen[-1]["status"]["networkLatestLedger"] - seen[0]["status"]["networkLatestLedger"],
            len(seen) - 1,
        )


@contextlib.contextmanager
def record_churn(cluster: ProvidedCluster, pool: PoolView) -> Iterator[ChurnRecord]:
    """Record what is written of a pool that has a status while the block runs."""
    access = cluster.access
    with (
        watch_objects(access, DISCOVERY, "endpointslices", pool.namespace) as slices,
        watch_objects(access, POOLS, "readonlypools", pool.namespace) as pools,
    ):
        yield ChurnRecord(cluster, pool, slices, pools, count_audited(cluster, pool))


def is_of_service(manifest: Manifest, service: str) -> bool:
    """Return whether a slice is one of this Service."""
    labels = manifest["metadata"].get("labels") or {}
    return bool(labels.get("kubernetes.io/service-name") == service)


def count_changes(seen: Iterable[Manifest]) -> int:
    """Count how often a replica that was there before changed its class, from a pool as it was after each write."""
    told = ((one.get("status") or {}).get("replicaWeights") or () for one in seen)
    classes = [{one["replicaName"]: one["replicaClass"] for one in replicas} for replicas in told]
    return sum(after[pod] != was for before, after in pairwise(classes) for pod, was in before.items() if pod in after)


def count_audited(cluster: ProvidedCluster, pool: PoolView) -> int:
    """Count the controllers' requests to write slices of a pool's namespace, as the audit log has them."""
    if cluster.audit_log is None:
        return 0
    count = 0
    for line in cluster.audit_log.read_text().splitlines():
        if '"endpointslices"' not in line or f'"{pool.namespace}"' not in line:
            continue
        event = json.loads(line)
        count += event["verb"] in WRITING and event["objectRef"].get("namespace") == pool.namespace
    return count
