"""Which lists does the API server merge by key, and by which? What differs and what is merged goes by the same keys.

From the list-map-keys of Kubernetes' own API (k8s.io/api, +listMapKey); every other list is one value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_EVERYWHERE: dict[str, tuple[str, ...]] = {"ownerReferences": ("uid",)}
POD_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "schedulingGates": ("name",),
    "resourceClaims": ("name",),
    "claims": ("name",),
}
"""Of a pod and its containers."""
_BY_KIND: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "StatefulSet": POD_LIST_KEYS | _EVERYWHERE,
    "Service": {"ports": ("port", "protocol"), **_EVERYWHERE},
}
_DEFAULTS = {"protocol": "TCP"}
ItemKey = tuple[Any, ...]


def keys_of_kind(kind: str) -> Mapping[str, tuple[str, ...]]:
    """Return the keys of each list-map in objects of a kind, by the name of the field."""
    return _BY_KIND.get(kind, _EVERYWHERE)


def index_items(items: Sequence[Any], keys: tuple[str, ...]) -> dict[ItemKey, Any] | None:
    """Index the items of a list-map; None where they are not what a list-map holds: objects with all their keys."""
    indexed: dict[ItemKey, Any] = {}
    for item in items:
        if not isinstance(item, Mapping):
            return None
        key = tuple(item.get(name, _DEFAULTS.get(name)) for name in keys)
        if any(not isinstance(part, str | int) for part in key) or key in indexed:
            return None
        indexed[key] = item
    return indexed
