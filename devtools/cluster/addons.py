"""What a bare cluster is given: DNS, the StorageClass, KEDA; and how each is seen to be ready."""

from pathlib import Path
from string import Template
from typing import Any

import yaml

from devtools.cluster.access import Access, KubectlError
from devtools.cluster.addresses import CLUSTER_DOMAIN, Addresses
from devtools.cluster.storage import PROVISIONER

MANIFESTS = Path(__file__).with_name("manifests")
KEDA_NAMESPACE = "keda"
KEDA_DEPLOYMENTS = ("keda-operator", "keda-metrics-apiserver", "keda-admission")
METRICS_API = "v1beta1.external.metrics.k8s.io"


def apply_dns_and_storage(access: Access, coredns_image: str, addresses: Addresses) -> None:
    """Apply CoreDNS and the StorageClass `standard`."""
    access.apply(
        _fill("coredns.yaml", image=coredns_image, address=addresses.first.dns, domain=CLUSTER_DOMAIN),
        _fill("storage-class.yaml", provisioner=PROVISIONER),
    )


def apply_keda(access: Access, manifests: str, secret: dict[str, Any]) -> None:
    """Apply KEDA's own manifests and its Secret of certificates; readiness is asked for at once, not after 20 s."""
    documents: list[dict[str, Any]] = [document for document in yaml.safe_load_all(manifests) if document]
    documents.sort(key=lambda document: document["kind"] != "Namespace")
    documents.insert(1, secret)
    for document in documents:
        if document["kind"] == "Deployment":
            for container in document["spec"]["template"]["spec"]["containers"]:
                container.get("readinessProbe", {}).update(initialDelaySeconds=1, periodSeconds=2)
    access.apply(*documents)


def is_node_ready(access: Access) -> bool:
    """Return whether the node is Ready."""
    return any(_has_condition(node, "Ready") for node in access.list("nodes"))


def is_dns_ready(access: Access) -> bool:
    """Return whether CoreDNS answers."""
    return is_available(access, "kube-system", "coredns")


def is_keda_ready(access: Access) -> bool:
    """Return whether KEDA's three Deployments are there and the metrics API is served behind the API server."""
    service = access.get("apiservice", METRICS_API)
    return (
        service is not None
        and _has_condition(service, "Available")
        and all(is_available(access, KEDA_NAMESPACE, name) for name in KEDA_DEPLOYMENTS)
    )


def is_available(access: Access, namespace: str, deployment: str) -> bool:
    """Return whether all replicas of a Deployment are available."""
    try:
        found = access.get("deployment", deployment, namespace) or {}
    except KubectlError:
        return False
    wanted: int = found.get("spec", {}).get("replicas", 1)
    available: int = found.get("status", {}).get("availableReplicas", 0)
    return available >= wanted


def _has_condition(found: dict[str, Any], kind: str) -> bool:
    conditions = found.get("status", {}).get("conditions") or []
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def _fill(name: str, **values: str) -> str:
    return Template((MANIFESTS / name).read_text(encoding="utf-8")).substitute(values)
