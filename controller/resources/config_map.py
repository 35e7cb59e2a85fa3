"""ConfigMap NAME-config: the configuration of each replica, a file a pod, which picks its own by its name.

The texts come from controller.core_config.core_config.
"""

from collections.abc import Mapping
from typing import Any

from controller.observed.labels import build_metadata, config_map_name
from readpool.kubernetes.kinds import CONFIG_MAP
from readpool.pool.spec import ReadOnlyPool

MAX_BYTES = 1_000_000
"""A ConfigMap holds 1 MiB with all that is about it."""


def config_key(pod: str) -> str:
    """Name the file of a replica."""
    return f"{pod}.cfg"


def count_bytes(configs: Mapping[str, str]) -> int:
    """Count what the configurations take up in a ConfigMap."""
    return sum(len(config_key(pod)) + len(text.encode()) for pod, text in configs.items())


def build_config_map(pool: ReadOnlyPool, configs: Mapping[str, str]) -> dict[str, Any]:
    """Build the ConfigMap from each replica's configuration by pod name."""
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": build_metadata(pool, config_map_name(pool.name)),
        "data": {config_key(pod): text for pod, text in configs.items()},
    }
