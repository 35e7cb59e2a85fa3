"""Which kinds are watched, by which labels, and which of them may not be served. Under controller.cluster.watches."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from controller.observed.observed import Capabilities
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

SELECTORS: Mapping[Kind, str | None] = {
    POOL: None,
    **dict.fromkeys((STATEFUL_SET, POD, PVC, SERVICE, CONFIG_MAP, NETWORK_POLICY, PDB), POOL_LABEL),
    # Kubernetes makes slices of the headless Service, with the Service's labels.
    ENDPOINT_SLICE: f"{POOL_LABEL},endpointslice.kubernetes.io/managed-by={MANAGED_BY}",
    SCALED_OBJECT: None,  # a user's own may point at a pool
    HTTP_ROUTE: POOL_LABEL,
    PROMETHEUS_RULE: POOL_LABEL,
    VOLUME_SNAPSHOT: POOL_LABEL,
}
OPTIONAL = (SCALED_OBJECT, HTTP_ROUTE, PROMETHEUS_RULE, VOLUME_SNAPSHOT)


def to_capabilities(seen: AbstractSet[Kind]) -> Capabilities:
    """Turn the kinds that are seen into what plans know of them."""
    return Capabilities(
        keda=SCALED_OBJECT in seen,
        gateway_api=HTTP_ROUTE in seen,
        prometheus=PROMETHEUS_RULE in seen,
        snapshots=VOLUME_SNAPSHOT in seen,
    )
