"""NetworkPolicy NAME: peers and readers come in from anywhere, what the scaler asks is for its pods alone.

The statistics of gates are for scrapers too, where the installation names their namespaces.

Without a gate the port of /info is Core's command port, an admin port, and this policy is the only guard before it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from controller.gate.gate import PodPorts
from controller.observed.grants import leave_out_refused
from controller.observed.labels import build_metadata, build_selector
from controller.observed.plan_settings import PlanSettings
from readpool.kubernetes.kinds import NETWORK_POLICY
from readpool.pool.spec import ReadOnlyPool

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_LEAST_PARTS = 2


def build_network_policy(
    pool: ReadOnlyPool, ports: PodPorts, settings: PlanSettings, in_use: Sequence[Mapping[str, int]] = ()
) -> dict[str, Any]:
    """Build the policy; what goes out is not its matter: peers and archives are anywhere.

    `in_use` are the ports of the pods that there are: until the last one of before is gone, its own stay open too.
    """
    pool = leave_out_refused(pool, settings)
    scalers = [
        {
            "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: namespace}},
            "podSelector": {"matchLabels": dict(settings.scaler_labels)},
        }
        for namespace in _find_scaler_namespaces(pool, settings)
    ]
    read = dict.fromkeys((ports.peer, ports.read, *_list_used(in_use, "read")))
    scraped = [port for port in dict.fromkeys((ports.stats, *_list_used(in_use, "stats"))) if port is not None]
    asked = dict.fromkeys((ports.info, ports.stats, *_list_used(in_use, "info"), *_list_used(in_use, "stats")))
    return {
        "apiVersion": NETWORK_POLICY.api_version,
        "kind": NETWORK_POLICY.name,
        "metadata": build_metadata(pool, pool.name),
        "spec": {
            "podSelector": {"matchLabels": build_selector(pool.name)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"ports": [{"port": port, "protocol": "TCP"} for port in read]},
                {"from": scalers, "ports": [{"port": port, "protocol": "TCP"} for port in asked if port is not None]},
                *_admit_scrapers(settings.scraper_namespaces, scraped),
            ],
        },
    }


def _admit_scrapers(namespaces: Sequence[str], ports: Sequence[int]) -> list[dict[str, Any]]:
    """Admit scrapers to the gates' statistics, which contain no personal data; a pool without gates has none."""
    if not namespaces or not ports:
        return []
    peers = [{"namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: name}}} for name in namespaces]
    return [{"from": peers, "ports": [{"port": port, "protocol": "TCP"} for port in ports]}]


def _list_used(in_use: Sequence[Mapping[str, int]], name: str) -> list[int]:
    return sorted({ports[name] for ports in in_use if name in ports})


def _find_scaler_namespaces(pool: ReadOnlyPool, settings: PlanSettings) -> list[str]:
    """Find where scalers may ask from: this installation's, and that of the pool's own scalerAddress if it says."""
    own = pool.spec.autoscaling.scaler_address or ""
    parts = own.rpartition("/")[2].rpartition(":")[0].split(".")
    is_service = len(parts) == _LEAST_PARTS or parts[_LEAST_PARTS : _LEAST_PARTS + 1] == ["svc"]
    return sorted({settings.scaler_namespace} | ({parts[1]} if is_service else set()))
