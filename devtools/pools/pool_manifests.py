"""Manifests of pools that several tests share: the least, the seed's, and all that is refused with its sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devtools.pools.workload_manifests import WORKLOADS_ACCEPTED, WORKLOADS_REFUSED

Manifest = dict[str, Any]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "compatibility" / "proposal.yaml"
MINIMAL_SPEC: Manifest = {"network": "Testnet", "version": "v21.0.0"}
ARCHIVE = "https://history.example.com/core"
DIGEST = "sha256:" + "0123456789abcdef" * 4


def build_manifest(name: str = "pool", namespace: str = "default", **spec: Any) -> Manifest:
    """Build a manifest of the least pool, with these fields of the spec beside or instead; None takes one away."""
    whole = {key: value for key, value in (MINIMAL_SPEC | spec).items() if value is not None}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "stellar.org/v1alpha1", "kind": "ReadOnlyPool", "metadata": metadata, "spec": whole}


def read_example() -> Manifest:
    """Read the example that stands in the repository: the manifest of the original proposal."""
    manifest: Manifest = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    return manifest


@dataclass(frozen=True, slots=True)
class Refused:
    """A pool that neither the API server nor parse_pool takes.

    Attributes:
        spec: what stands in the spec beside or instead of the least.
        field: what is at fault.
        sentence: part of what both say.
        server: part of what the API server says where it has words of its own.
        model: the same of parse_pool.
    """

    spec: Mapping[str, Any]
    field: str
    sentence: str = ""
    server: str = ""
    model: str = ""
    name: str = "pool"

    @property
    def said_by_server(self) -> str:
        """What kubectl's error contains."""
        return self.server or self.sentence

    @property
    def said_by_model(self) -> str:
        """What the PoolError contains."""
        return self.model or self.sentence


def _below(least: float, path: str, spec: Mapping[str, Any]) -> Refused:
    sentence = f"greater than or equal to {least}"
    return Refused(spec, path, sentence)


def _above(most: float, path: str, spec: Mapping[str, Any]) -> Refused:
    return Refused(spec, path, f"less than or equal to {most}")


def _not_of(path: str, spec: Mapping[str, Any]) -> Refused:
    return Refused(spec, path, server="Unsupported value", model="must be '")


def _missing(path: str, spec: Mapping[str, Any]) -> Refused:
    return Refused(spec, path, server="Required value", model="is required")


def _sharded(**balancing: Any) -> Manifest:
    return {"shardBalancing": {"enabled": True, **balancing}, "historyArchiveUrls": [ARCHIVE]}


_NO_URL = "must be an http or https URL"
_NO_QUANTITY = "must be a quantity such as 500m, 2 or 4Gi"
_BETWEEN = "must be between minReplicas and maxReplicas"
_FOR_CUSTOM = "is required for network: Custom"

REFUSED: Mapping[str, Refused] = {
    "no network": _missing("spec.network", {"network": None}),
    "no version": Refused({"version": None}, "spec.version", "is required without workloadRef"),
    "a network that is none": _not_of("spec.network", {"network": "Pubnet"}),
    "an empty version": Refused({"version": ""}, "spec.version", "is required without workloadRef"),
    "a version with a blank": Refused({"version": "v 21"}, "spec.version", "must be an image tag"),
    "a version of a line more": Refused({"version": "v21\n"}, "spec.version", "must be an image tag"),
    "an image with its tag": Refused({"image": "stellar/stellar-core:v21"}, "spec.image", "without a tag"),
    "fewer than no replicas": _below(0, "spec.replicas", {"replicas": -1}),
    "more replicas than are observed": _above(5000, "spec.replicas", {"replicas": 5001}),
    "a minimum of none": _below(1, "spec.minReplicas", {"minReplicas": 0}),
    "replicas as text": Refused(
        {"replicas": "5"}, "spec.replicas", server="must be of type integer", model="must be a valid integer"
    ),
    "minimum above maximum": Refused(
        {"minReplicas": 9, "maxReplicas": 8, "targetReplicas": 8},
        "spec.minReplicas",
        "must be at most maxReplicas",
    ),
    "target below minimum": Refused({"minReplicas": 6}, "spec.targetReplicas", _BETWEEN),
    "target above maximum": Refused({"maxReplicas": 4}, "spec.targetReplicas", _BETWEEN),
    "Custom without its passphrase": Refused({"network": "Custom"}, "spec.networkPassphrase", _FOR_CUSTOM),
    "Custom with an empty passphrase": Refused(
        {"network": "Custom", "networkPassphrase": ""}, "spec.networkPassphrase", _FOR_CUSTOM
    ),
    "a passphrase for a public network": Refused(
        {"networkPassphrase": "Standalone"}, "spec.networkPassphrase", _FOR_CUSTOM
    ),
    "shards of no archive": Refused(
        {"shardBalancing": {"enabled": True}}, "spec.historyArchiveUrls", "must list at least one archive"
    ),
    "shards of an empty list of archives": Refused(
        {"shardBalancing": {"enabled": True}, "historyArchiveUrls": []},
        "spec.historyArchiveUrls",
        "must list at least one archive",
    ),
    "no shards": _below(1, "spec.shardBalancing.shardCount", _sharded(shardCount=0)),
    "a strategy that is none": _not_of("spec.shardBalancing.strategy", _sharded(strategy="Random")),
    "a strategy in capitals": _not_of("spec.shardBalancing.strategy", _sharded(strategy="ROUNDROBIN")),
    "more ledger ranges than replicas": Refused(
        _sharded(strategy="LedgerRange", shardCount=21),
        "spec.shardBalancing.shardCount",
        "each range needs its own replica",
    ),
    "more ledger ranges than replicas, spelled otherwise": Refused(
        _sharded(strategy="ledgerRange", shardCount=21),
        "spec.shardBalancing.shardCount",
        "each range needs its own replica",
    ),
    "a weight below nothing": _below(
        0, "spec.loadBalancing.laggingNodeWeight", {"loadBalancing": {"laggingNodeWeight": -1}}
    ),
    "a weight above a thousand": _above(
        1000, "spec.loadBalancing.freshNodeWeight", {"loadBalancing": {"freshNodeWeight": 1001}}
    ),
    "lagging replicas read more than fresh ones": Refused(
        {"loadBalancing": {"freshNodeWeight": 10, "laggingNodeWeight": 100}},
        "spec.loadBalancing.laggingNodeWeight",
        "lagging replicas must not get more reads than fresh ones",
    ),
    "a lag threshold of nothing": _below(1, "spec.loadBalancing.lagThreshold", {"loadBalancing": {"lagThreshold": 0}}),
    "no time between updates": _below(
        1, "spec.loadBalancing.updateIntervalSeconds", {"loadBalancing": {"updateIntervalSeconds": 0}}
    ),
    "a mode that is none": _not_of("spec.loadBalancing.mode", {"loadBalancing": {"mode": "Fastest"}}),
    "a route to nowhere": Refused(
        {"loadBalancing": {"httpRoute": {"parentRefs": []}}},
        "spec.loadBalancing.httpRoute.parentRefs",
        server="should have at least 1 items",
        model="at least 1 item",
    ),
    "an archive by ftp": Refused({"historyArchiveUrls": ["ftp://a.example"]}, "spec.historyArchiveUrls[0]", _NO_URL),
    "an archive that ends the shell's word": Refused(
        {"historyArchiveUrls": [ARCHIVE, "https://a.example/$(reboot)"]}, "spec.historyArchiveUrls[1]", _NO_URL
    ),
    "an archive with a password": Refused(
        {"historyArchiveUrls": ["https://user:secret@a.example"]}, "spec.historyArchiveUrls[0]", _NO_URL
    ),
    "an archive of a line more": Refused(
        {"historyArchiveUrls": [f"{ARCHIVE}\n"]}, "spec.historyArchiveUrls[0]", _NO_URL
    ),
    "a reference of no kind": _missing("spec.references[0].type", {"references": [{"url": ARCHIVE}]}),
    "a reference of another kind": _not_of(
        "spec.references[0].type", {"references": [{"type": "oracle", "url": ARCHIVE}]}
    ),
    "a reference with a query": Refused(
        {"references": [{"type": "rpc", "url": "https://rpc.example?key=1"}]}, "spec.references[0].url", _NO_URL
    ),
    "a size in apples": Refused({"storage": {"size": "10 apples"}}, "spec.storage.size", _NO_QUANTITY),
    "a size of nothing": Refused({"storage": {"size": "0"}}, "spec.storage.size", "must be greater than zero"),
    "a size below nothing": Refused({"storage": {"size": "-5Gi"}}, "spec.storage.size", "must be greater than zero"),
    "an interval of no unit": Refused(
        {"storage": {"snapshots": {"interval": "90"}}}, "spec.storage.snapshots.interval", "must be a duration from"
    ),
    "an interval that is too short": Refused(
        {"storage": {"snapshots": {"interval": "9m"}}}, "spec.storage.snapshots.interval", "must be a duration from"
    ),
    "growth to less than the size": Refused(
        {"storage": {"autoGrow": {"maxSize": "1Gi"}}}, "spec.storage.autoGrow.maxSize", "must be at least storage.size"
    ),
    "growth by nothing": Refused(
        {"storage": {"autoGrow": {"maxSize": "1Ti", "increase": "0%"}}},
        "spec.storage.autoGrow.increase",
        "must be a percentage",
    ),
    "growth that is not measured": Refused(
        {"storage": {"autoGrow": {"maxSize": "1Ti"}}, "gate": {"enabled": False}},
        "spec.storage.autoGrow",
        "requires gate.enabled",
    ),
    "a retention policy that is none": _not_of(
        "spec.storage.retentionPolicy", {"storage": {"retentionPolicy": "Keep"}}
    ),
    "a volume from a ConfigMap": _not_of(
        "spec.storage.dataSource.kind", {"storage": {"dataSource": {"kind": "ConfigMap", "name": "seed"}}}
    ),
    "a snapshot of another group": Refused(
        {"storage": {"dataSource": {"kind": "VolumeSnapshot", "name": "seed", "apiGroup": "example.com"}}},
        "spec.storage.dataSource.apiGroup",
        "must be omitted, or be snapshot.storage.k8s.io",
    ),
    "a claim of a group": Refused(
        {"storage": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "seed", "apiGroup": "v1"}}},
        "spec.storage.dataSource.apiGroup",
        "must be omitted, or be snapshot.storage.k8s.io",
    ),
    "a request that is no quantity": Refused(
        {"resources": {"requests": {"cpu": "much"}}}, "spec.resources.requests", _NO_QUANTITY
    ),
    "a request above its limit": Refused(
        {"resources": {"requests": {"memory": "4Gi"}, "limits": {"memory": "4G"}}},
        "spec.resources.requests",
        "must be at most the limits",
    ),
    "no time to sustain a lag": _below(1, "spec.autoscaling.sustainSeconds", {"autoscaling": {"sustainSeconds": 0}}),
    "a stabilization that the HPA refuses": _above(
        3600,
        "spec.autoscaling.scaleDownStabilizationSeconds",
        {"autoscaling": {"scaleDownStabilizationSeconds": 3601}},
    ),
    "a scaler without a port": Refused(
        {"autoscaling": {"scalerAddress": "scaler"}}, "spec.autoscaling.scalerAddress", "must be HOST:PORT"
    ),
    "a trigger of no type": _missing("spec.autoscaling.triggers[0].type", {"autoscaling": {"triggers": [{}]}}),
    "a replacement in haste": _below(60, "spec.replacement.afterSeconds", {"replacement": {"afterSeconds": 1}}),
    "a gate of no image": Refused({"gate": {"image": ""}}, "spec.gate.image", "must be an image such as"),
    "a name that no Service can have": Refused({}, "metadata.name", "start with a letter", name="1-pool"),
    "a name too long for pods": Refused({}, "metadata.name", "at most 50", name="p" * 51),
    **{name: Refused(*row) for name, row in WORKLOADS_REFUSED.items()},
}
"""What is refused, by a sentence each; both surfaces are tested against it."""

ACCEPTED: Mapping[str, Manifest] = {
    "the least": {},
    "bounds that meet": {"minReplicas": 5, "maxReplicas": 5, "targetReplicas": 5},
    "a single replica": {"minReplicas": 1, "maxReplicas": 1, "targetReplicas": 1},
    "more replicas than the maximum, for the moment": {"replicas": 30},
    "a network of one's own": {"network": "Custom", "networkPassphrase": "Standalone Network ; February 2017"},
    "a version with its digest": {"version": f"v21.0.0@{DIGEST}"},
    "an image of a registry with a port": {"image": "localhost:5000/stellar/stellar-core"},
    "shards spelled as in the proposal's example": _sharded(strategy="roundRobin"),
    "shards by hash, spelled otherwise": _sharded(strategy="hashBased"),
    "shards by hand, spelled otherwise": _sharded(strategy="manual"),
    "shards by range, as many as there may be replicas": _sharded(strategy="LedgerRange", shardCount=20),
    "more shards than replicas, by ordinal": _sharded(shardCount=21),
    "weights of nothing": {"loadBalancing": {"freshNodeWeight": 0, "laggingNodeWeight": 0}},
    "a route": {"loadBalancing": {"httpRoute": {"parentRefs": [{"name": "gateway", "sectionName": "http"}]}}},
    "quantities as numbers": {"storage": {"size": 1000}, "resources": {"limits": {"cpu": 2}, "requests": {"cpu": "2"}}},
    "a snapshot to start from": {"storage": {"dataSource": {"kind": "VolumeSnapshot", "name": "weekly"}}},
    "a claim to start from": {
        "storage": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "weekly", "apiGroup": ""}}
    },
    "an archive by address": {"historyArchiveUrls": ["http://[fd00::1]:1570/a_b/", "http://10.0.0.1"]},
    "a scaler elsewhere": {"autoscaling": {"scalerAddress": "scaler.eyes.svc.cluster.local:9090"}},
    "a trigger on load": {"autoscaling": {"triggers": [{"type": "cpu", "metadata": {"value": "70"}}]}},
    "a pod template": {
        "template": {"metadata": {"labels": {"team": "a"}}, "spec": {"tolerations": [{"operator": "Exists"}]}}
    },
    "every trusted kind": {
        "references": [{"type": kind, "url": ARCHIVE} for kind in ("core", "horizon", "rpc", "archive")]
    },
    **WORKLOADS_ACCEPTED,
}
"""What is accepted, though it lies on an edge."""
