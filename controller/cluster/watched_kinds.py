"""Which kinds are watched, by which labels, and which of them may not be served. Under controller.cluster.watches."""

from collections.abc import Mapping

from controller.resources.endpoint_slices import MANAGED_BY
from readpool.kubernetes.kinds import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    NETWORK_POLICY,
    PDB,
    POD,
    POOL,
    PROMETHEUS_RULE,
    PVC,
    SCALED_OBJECT,
    SERVICE,
    STATEFUL_SET,
    VOLUME_SNAPSHOT,
    Kind,
)
from readpool.pool.labels import POOL_LABEL

OPTIONAL: Mapping[Kind, str | None] = {
    SCALED_OBJECT: None,  # a user's own may point at a pool
    HTTP_ROUTE: POOL_LABEL,
    PROMETHEUS_RULE: POOL_LABEL,
    VOLUME_SNAPSHOT: POOL_LABEL,
}
"""Kinds that a cluster may not serve, with their selectors. Plans find those served in ObservedPool.optional_kinds."""
SELECTORS: Mapping[Kind, str | None] = {
    POOL: None,
    **dict.fromkeys((STATEFUL_SET, POD, PVC, SERVICE, CONFIG_MAP, NETWORK_POLICY, PDB), POOL_LABEL),
    # Kubernetes makes slices of the headless Service, with the Service's labels.
    ENDPOINT_SLICE: f"{POOL_LABEL},endpointslice.kubernetes.io/managed-by={MANAGED_BY}",
    **OPTIONAL,
}
