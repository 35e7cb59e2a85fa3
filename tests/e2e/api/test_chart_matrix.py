"""Whether a real API server takes what the chart renders of each value set: nothing is unknown to it or invalid."""

import json
from typing import Any

import pytest

from devtools.api.api_server import ApiServer
from tests.e2e.rendered_chart import NAMESPACE, Helm, Object

pytestmark = pytest.mark.timeout(900, func_only=True)  # Helm may have to be built

PROGRAMS = ("scaler", "controller", "router", "certificates")
ROUTER = {"enabled": True, "pools": [{"namespace": "stellar", "name": "readers"}]}
MATCH = {"key": "disk", "operator": "In", "values": ["ssd"]}
AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [MATCH]}]}
    }
}
SIDECAR = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}
VOLUME = {"name": "authority", "configMap": {"name": "authority"}}
MOUNT = {"name": "authority", "mountPath": "/authority", "readOnly": True}
FROM_FIELD = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
SECRET = {"mode": "secret"}
TLS = {
    "tls": SECRET,
    "scaler": {"tls": {"secretName": "tls", "clientCA": {"enabled": True}, "testClientSecretName": "client"}},
    "controller": {"scalerAuthentication": "keda", "eds": {"enabled": True, "tls": {"secretName": "eds"}}},
}
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-mine"}}
WITHOUT = {"podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}}


def for_all(**values: Any) -> dict[str, Any]:
    """Set values of every program."""
    return dict.fromkeys(PROGRAMS, values)


MATRIX: dict[str, dict[str, Any]] = {
    "defaults": {},
    "the scaler alone": {"controller": {"enabled": False}},
    "plain text": {"tls": {"mode": "off"}},
    "TLS by Secrets": TLS,
    "some namespaces": {"controller": {"namespaces": ["default", "kube-public"]}},
    "a mirror": {"global": {"imageRegistry": "mirror.example:5000/hub", "imagePullSecrets": [{"name": "mirror"}]}},
    "global placement": {
        "global": {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "readpool", "operator": "Exists"}],
            "affinity": AFFINITY,
        }
    },
    "placement of each": for_all(affinity=AFFINITY, tolerations=[{"operator": "Exists"}], nodeSelector={"disk": "ssd"}),
    "common metadata": {"commonLabels": {"team": "stellar"}, "commonAnnotations": {"team": "stellar"}},
    "variables": for_all(extraEnv=[{"name": "A", "value": "1"}, FROM_FIELD], envFrom=[{"secretRef": {"name": "s"}}]),
    "variables of maps": for_all(envFrom=[{"prefix": "P_", "configMapRef": {"name": "m", "optional": True}}]),
    "volumes": for_all(extraVolumes=[VOLUME], extraVolumeMounts=[MOUNT]),
    "volumes in plain text": {**for_all(extraVolumes=[VOLUME], extraVolumeMounts=[MOUNT]), "tls": {"mode": "off"}},
    "sidecars": for_all(
        extraContainers=[{"name": "proxy", "image": "proxy:1"}], initContainers=[{**SIDECAR, "name": "i"}]
    ),
    "slow probes": for_all(
        startupProbe={"failureThreshold": 600}, readinessProbe={"periodSeconds": 9}, livenessProbe={"timeoutSeconds": 9}
    ),
    "other probes": for_all(
        startupProbe={"tcpSocket": {"port": "telemetry"}},
        readinessProbe={"exec": {"command": ["true"]}},
        livenessProbe={"httpGet": {"path": "/", "port": 8080}, "terminationGracePeriodSeconds": 5},
    ),
    "all at once": for_all(
        strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}},
        revisionHistoryLimit=0,
    ),
    "one after another": for_all(strategy={"type": "Recreate"}),
    "names of one's own": for_all(
        dnsPolicy="None",
        dnsConfig={
            "nameservers": ["10.0.0.10"],
            "searches": ["a.example"],
            "options": [{"name": "ndots", "value": "2"}],
        },
        hostAliases=[{"ip": "10.0.0.9", "hostnames": ["a.example"]}],
    ),
    "annotations of each": for_all(deploymentAnnotations={"a": "b"}, podAnnotations={"a": "b"}, podLabels={"a": "b"}),
    "OpenShift": for_all(**WITHOUT),
    "objects": {"extraObjects": [OBJECT, "apiVersion: v1\nkind: Secret\nmetadata: {name: theirs}"]},
    "no roles for people": {"rbac": {"aggregate": False}},
    "policies": {
        p: {"networkPolicy": {"enabled": True, "egress": {"enabled": True}}} for p in ("scaler", "controller", "router")
    },
    "a router for many": {"router": {"service": {"type": "LoadBalancer"}, "extraArgs": ["--log-path=/dev/stderr"]}},
    "no spread, no budget": {
        p: {"topologySpread": [], "podDisruptionBudget": {"enabled": False}} for p in ("scaler", "controller", "router")
    },
    "another name": {"fullnameOverride": "eyes", "nameOverride": "reads"},
    "digests": {"image": {"digest": "sha256:" + "0a" * 32}, "gate": {"image": {"digest": "sha256:" + "0b" * 32}}},
    "dashboards": {"monitoring": {"dashboards": {"enabled": True}}},
    "dashboards of a folder": {
        "monitoring": {"dashboards": {"enabled": True, "labels": {"dash": "yes"}, "annotations": {"folder": "Stellar"}}}
    },
    "one of each": {p: {"replicas": 1} for p in ("scaler", "controller", "router")},
    "priorities": {"global": {"priorityClassName": "system-cluster-critical"}, "scaler": {"priorityClassName": ""}},
    "logs for people": {
        **{p: {"logLevel": "debug", "logFormat": "console"} for p in ("scaler", "controller", "certificates")},
        "router": {"logLevel": "debug"},
    },
    "accounts that are there": {
        "serviceAccount": {"create": False, "name": "mine"},
        "controller": {"serviceAccount": {"create": False, "name": "theirs"}},
    },
    "accounts in a cloud": {"serviceAccount": {"annotations": {"iam.example/role": "readpool"}}},
    "other ports": {
        "scaler": {"service": {"port": 9443, "annotations": {"a": "b"}}, "telemetry": {"port": 8081}},
        "controller": {"telemetry": {"port": 8082}},
        "router": {"service": {"port": 8000, "annotations": {"a": "b"}}, "telemetry": {"port": 8083}},
    },
    "references of one's own": {
        "scaler": {
            "references": ["core=https://core.example:11626"],
            "pollInterval": 2,
            "clusterDomain": "corp.example",
        }
    },
    "networks of addresses": {"scaler": {"networks": {"allow": ["10.0.0.0/8"]}}},
    "KEDA elsewhere": {"keda": {"namespace": "scaling"}},
    "always pulled": {"image": {"repository": "readpool", "tag": "0.1.0", "pullPolicy": "Always"}},
    "limits on processors": for_all(
        resources={"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": 1, "memory": "1Gi"}}
    ),
    "patient ends": {
        "scaler": {"drainSeconds": 60, "preStopSleepSeconds": 15, "terminationGracePeriodSeconds": 120},
        "router": {"drainSeconds": 120},
    },
}

WITH_DEFINITION = {"defaults", "common metadata"}
"""It is long, and the same with all the others."""


def with_router(values: dict[str, Any]) -> str:
    """Write a value set, with the router wherever there is a controller."""
    if values.get("controller", {}).get("enabled") is False:
        return json.dumps(values)
    return json.dumps({**values, "router": {**ROUTER, **values.get("router", {})}})


def test_an_api_server_takes_what_is_rendered_of_every_value_set(api_server: ApiServer, helm: Helm) -> None:
    access = api_server.access
    if access.get("namespace", NAMESPACE) is None:
        access.kubectl("create", "namespace", NAMESPACE)
    found: dict[str, Object] = {}
    for name, values in MATRIX.items():
        definition = f"crds.install={'true' if name in WITH_DEFINITION else 'false'}"
        for one in helm.render(with_router(values), "keda.setUp=false", definition):
            found.setdefault(json.dumps(one, sort_keys=True), one)
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(found.values())})
    flags = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-o", "name")
    taken = access.kubectl("apply", *flags, "-f", "-", stdin=listed).split()
    assert len(MATRIX) >= 40
    assert len(taken) == len(found) > 100
