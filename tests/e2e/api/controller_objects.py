"""Varied pools whose objects a real API server is to take, and what else it needs to know for them."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devtools.pools.pool_manifests import ARCHIVE, read_example

_KEDA = "github.com/kedacore/keda/v2"
_SCALED_OBJECTS = "config/crd/bases/keda.sh_scaledobjects.yaml"
KEY = "GDKXE2OZMJIPOSLNA6N6F2BVCI3O777I2OOC4BV7VOYUEHYX7RTRYA7Y"
OWN_QUORUM = f'[QUORUM_SET]\nTHRESHOLD_PERCENT = 100\nVALIDATORS = ["{KEY}"]\n'
SHARDED = {"historyArchiveUrls": [ARCHIVE, "https://archive2.example.com"]}
TEMPLATE: Mapping[str, Any] = {
    "metadata": {"labels": {"team": "a"}, "annotations": {"example.com/note": "b"}},
    "spec": {
        "hostNetwork": False,
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"disk": "fast"},
        "affinity": {"podAntiAffinity": {}},
        "terminationGracePeriodSeconds": 120,
        "imagePullSecrets": [{"name": "another"}],
        "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["archive"]}],
        "securityContext": {"fsGroup": 1000, "sysctls": []},
        "topologySpreadConstraints": [
            {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
        ],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": "1024Mi"}},
            {"name": "both", "projected": {"sources": [{"secret": {"name": "a"}}, {"configMap": {"name": "b"}}]}},
        ],
        "containers": [
            {
                "name": "stellar-core",
                "env": [
                    {"name": "A", "value": ""},
                    {"name": "B", "value": "1"},
                    {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
                ],
                "envFrom": [{"secretRef": {"name": "more", "optional": False}}],
                "readinessProbe": {"initialDelaySeconds": 0, "periodSeconds": 10},
                "startupProbe": {"tcpSocket": {"port": "peer"}, "failureThreshold": 30},
                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                "volumeMounts": [{"name": "scratch", "mountPath": "/scratch", "readOnly": False}],
                "stdin": False,
            },
            {
                "name": "beside",
                "image": "busybox",
                "ports": [{"containerPort": 9100, "hostPort": 0}],
                "resources": {"limits": {"cpu": 0.5, "memory": "1e9", "ephemeral-storage": "0.5Gi"}},
            },
        ],
    },
}

POOLS: Mapping[str, Mapping[str, Any]] = {
    "the least": {},
    "the proposal's example": read_example()["spec"],
    "a network of one's own": {
        "network": "Custom",
        "networkPassphrase": "Private Network ; 2026",
        "coreConfigOverride": OWN_QUORUM,
        "historyArchiveUrls": [ARCHIVE],
    },
    "shards by ledger range": SHARDED
    | {"shardBalancing": {"enabled": True, "strategy": "LedgerRange", "shardCount": 2}, "minReplicas": 2},
    "a template": {"template": TEMPLATE},
    "no gate": {"gate": {"enabled": False}},
    "a gate": {"gate": {"image": "envoyproxy/envoy:distroless-v1.40.0"}},
    "resources as people write them": {
        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": 2, "memory": "4G"}}
    },
    "a volume to start from": {
        "storage": {
            "storageClass": "standard",
            "size": "1024Gi",
            "retentionPolicy": "Retain",
            "dataSource": {"kind": "VolumeSnapshot", "name": "weekly"},
        }
    },
    "an image of one's own": {
        "image": "registry.example.com:5000/core",
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "registry"}],
    },
    "weights": {"loadBalancing": {"enabled": True, "laggingNodeWeight": 20}},
    "routes of a Gateway and of a mesh": {
        "loadBalancing": {
            "enabled": True,
            "httpRoute": {
                "parentRefs": [
                    {"name": "edge", "namespace": "gateways", "sectionName": "https"},
                    {"name": "pool", "kind": "Service", "port": 11628},
                ]
            },
        }
    },
    "scaled on load as well": {
        "autoscaling": {
            "scaleDownStabilizationSeconds": 0,
            "triggers": [
                {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}},
                {"type": "prometheus", "metadata": {"query": "up"}, "useCachedMetrics": False},
            ],
        }
    },
    "paused, with alerts": {"paused": True, "alerting": True},
}


def find_scaled_object_definition() -> str | None:
    """Find KEDA's definition of ScaledObject among the sources that the cluster's KEDA is built from."""
    try:
        command = ["go", "env", "GOMODCACHE"]
        cache = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    versions = sorted(Path(cache).glob(f"{_KEDA}@v*/{_SCALED_OBJECTS}"))
    return versions[-1].read_text(encoding="utf-8") if versions else None


PROMETHEUS_RULES: Mapping[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "prometheusrules.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {"kind": "PrometheusRule", "plural": "prometheusrules", "singular": "prometheusrule"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}
"""PrometheusRules as far as the tests need them; the operator's own definition is not among our sources."""
