"""Specs of pools before workloads that are there already: those that are taken, and those that are refused with why.

Rows of the tables in devtools.pools.pool_manifests.
"""

from collections.abc import Mapping
from typing import Any

Manifest = dict[str, Any]

DEPLOYMENT: Manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "stellar-rpc"}
STATEFUL_SET: Manifest = {"kind": "StatefulSet", "name": "core"}
RPC: Manifest = {"version": None, "workloadRef": DEPLOYMENT, "probe": {"type": "rpc", "port": 8000}}
HORIZON: Manifest = {"version": None, "workloadRef": DEPLOYMENT, "probe": {"type": "horizon", "port": "http"}}
CORE: Manifest = {
    "version": None,
    "workloadRef": STATEFUL_SET,
    "probe": {"type": "core", "port": 11626},
    "loadBalancing": {"port": 11627},
}


def _beside(field: str, why: str, **spec: Any) -> tuple[Manifest, str, str]:
    return RPC | spec, f"spec.{field}", f"must be omitted with workloadRef: {why}"


_COMMAND_PORT = "must not be probe.port, which is Core's command port"
WORKLOADS_REFUSED: Mapping[str, tuple[Manifest, str, str]] = {
    "a workload without a probe": (RPC | {"probe": None}, "spec.probe", "is required with workloadRef"),
    "a probe without a workload": ({"probe": {"type": "rpc", "port": 8000}}, "spec.probe", "not allowed without"),
    "a port without a workload": ({"loadBalancing": {"port": 8000}}, "spec.loadBalancing.port", "is allowed only with"),
    "readers at Core's command port": (CORE | {"loadBalancing": {}}, "spec.loadBalancing.port", _COMMAND_PORT),
    "readers at Core's command port by name": (
        CORE | {"probe": {"type": "core", "port": "http"}, "loadBalancing": {"port": "http"}},
        "spec.loadBalancing.port",
        _COMMAND_PORT,
    ),
    "a port of none": (RPC | {"probe": {"type": "rpc", "port": 0}}, "spec.probe.port", "must be a port from 1 to"),
    "a port beyond all": (RPC | {"probe": {"type": "rpc", "port": 65_536}}, "spec.probe.port", "must be a port from 1"),
    "a port of a bad name": (RPC | {"probe": {"type": "rpc", "port": "-a"}}, "spec.probe.port", "must be a port from"),
    "a version of a workload": _beside("version", "set it in the workload's own", version="30"),
    "an image of a workload": _beside("image", "set it in the workload's own", image="acme/stellar-core"),
    "a pull policy of a workload": _beside("imagePullPolicy", "set it in the workload's own", imagePullPolicy="Always"),
    "a pull secret of a workload": _beside(
        "imagePullSecrets", "set it in the workload's own", imagePullSecrets=[{"name": "a"}]
    ),
    "replicas of a workload": _beside("replicas", "scale the workload itself", replicas=3),
    "a configuration of a workload": _beside("coreConfigOverride", "the workload has", coreConfigOverride="A=1"),
    "a template of a workload": _beside("template", "the workload has its own", template={"spec": {"a": True}}),
    "a replacement in a workload": _beside("replacement.enabled", "the controller", replacement={"enabled": True}),
    "no gate in a workload": _beside("gate", "the controller adds nothing", gate={"enabled": False}),
    "a gate in a workload": _beside("gate", "the controller adds nothing", gate={"image": "envoy:v1"}),
    "shards of a workload": _beside(
        "shardBalancing.enabled",
        "the workload's own configuration",
        shardBalancing={"enabled": True},
        historyArchiveUrls=["https://history.example.com/core"],
    ),
    "archives of a workload": _beside(
        "historyArchiveUrls", "the workload's own configuration", historyArchiveUrls=["https://history.example.com"]
    ),
    "resources of a workload": _beside(
        "resources", "set it in the workload's own", resources={"requests": {"cpu": "1"}}
    ),
    "a size of a workload's volumes": _beside("storage", "the workload's volumes", storage={"size": "200Gi"}),
    "snapshots of a workload": _beside("storage", "the workload's volumes", storage={"snapshots": {"enabled": True}}),
}
"""By what it is: the spec, the field at fault, part of the sentence."""

WORKLOADS_ACCEPTED: Mapping[str, Manifest] = {
    "a Deployment of Stellar RPC": RPC,
    "a Deployment of Horizon, by the name of its port": HORIZON,
    "a StatefulSet of Stellar Core": CORE,
    "a workload with autoscaling off, a route and references": RPC
    | {
        "autoscaling": {"enabled": False},
        "loadBalancing": {"enabled": True, "port": "8000", "httpRoute": {"parentRefs": [{"name": "gateway"}]}},
        "references": [{"type": "rpc", "url": "https://rpc.example.com"}],
    },
}
