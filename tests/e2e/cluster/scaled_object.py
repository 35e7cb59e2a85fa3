"""A ScaledObject for one fleet, as the documentation tells people to write it, with windows short enough for tests."""

from collections.abc import Mapping
from typing import Any

STABILIZATION_SECONDS = 5
"""For how long the HPA takes the highest of what it heard before it lets replicas go; 300 s where nobody sets it."""
POLLING_SECONDS = 5


def build_metadata(
    service: str,
    *,
    target: int,
    minimum: int = 1,
    maximum: int,
    lag_threshold: int = 12,
    sustain_seconds: int = 10,
    port: str = "http",
) -> dict[str, str]:
    """Build a trigger's metadata for the headless Service of a fleet; add or replace keys with `|`."""
    return {
        "service": service,
        "port": port,
        "targetReplicas": str(target),
        "minReplicas": str(minimum),
        "maxReplicas": str(maximum),
        "lagThreshold": str(lag_threshold),
        "sustainSeconds": str(sustain_seconds),
    }


def build_scaled_object(
    name: str,
    metadata: Mapping[str, str],
    *,
    scaler_address: str,
    trigger_type: str = "external",
    authentication: str | None = None,
    stabilization_seconds: int = STABILIZATION_SECONDS,
) -> dict[str, Any]:
    """Build a ScaledObject called as the StatefulSet that it scales; its bounds are those of the trigger's metadata."""
    trigger: dict[str, Any] = {
        "type": trigger_type,
        "metricType": "AverageValue",
        "metadata": {"scalerAddress": scaler_address, **metadata},
    }
    if authentication is not None:
        trigger["authenticationRef"] = {"name": authentication}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name},
            "minReplicaCount": _read_count(metadata, "minReplicas", 1),
            "maxReplicaCount": _read_count(metadata, "maxReplicas", 100),
            "pollingInterval": POLLING_SECONDS,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleUp": {"tolerance": "0"},
                        "scaleDown": {"tolerance": "0", "stabilizationWindowSeconds": stabilization_seconds},
                    }
                }
            },
            "triggers": [trigger],
        },
    }


def _read_count(metadata: Mapping[str, str], key: str, otherwise: int) -> int:
    """Read a bound; a trigger that is bad on purpose has none to read."""
    value = metadata.get(key, "")
    return int(value) if value.isdecimal() else otherwise
