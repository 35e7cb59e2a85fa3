"""What a pool says of its size and of replicas that never recover: spec.autoscaling and spec.replacement.

Under readpool.pool.spec.
"""

from typing import Annotated

from pydantic import Field

from readpool.pool.rules import Part
from readpool.pool.scalars import Address, list_of


class Authentication(Part):
    """A KEDA TriggerAuthentication."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the TriggerAuthentication."""
    kind: Annotated[str, Field(max_length=63)] | None = None
    """TriggerAuthentication (the default), or ClusterTriggerAuthentication if the controller allows it."""


class ScaleTrigger(Part):
    """A KEDA trigger, as in a ScaledObject."""

    type: Annotated[str, Field(min_length=1, max_length=63)]
    """Type of the KEDA scaler, such as cpu, prometheus or cron."""
    name: Annotated[str, Field(max_length=63)] | None = None
    """Name of the trigger, unique in the pool."""
    metadata: Annotated[dict[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Parameters of this KEDA scaler; see its page in KEDA's documentation."""
    metric_type: Annotated[str, Field(max_length=63)] | None = None
    """AverageValue, Value or Utilization."""
    use_cached_metrics: bool | None = None
    """Use the value of KEDA's last poll."""
    authentication_ref: Authentication | None = None
    """The TriggerAuthentication with the credentials of this KEDA scaler."""


class Autoscaling(Part):
    """How the pool is scaled by KEDA: between minReplicas and maxReplicas, towards targetReplicas fresh ones."""

    enabled: bool = True
    """Create a ScaledObject for the pool. If false, scale the pool with `kubectl scale` or an HPA, as you would a
    Deployment."""
    sustain_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """Seconds that a replica must lag, or not respond, before another replica is added for it."""
    scale_down_stabilization_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """The HPA's scaleDown.stabilizationWindowSeconds, in addition to the scaler's own wait before a scale-in."""
    scaler_address: Address | None = None
    """HOST:PORT of the scaler that KEDA calls, if not this installation's scaler. If KEDA authenticates to that scaler
    with a certificate, this requires the controller's flag --allow-other-scalers."""
    triggers: Annotated[tuple[ScaleTrigger, ...], Field(max_length=20, json_schema_extra=list_of(kind="atomic"))] = ()
    """More KEDA triggers, to scale on load as well as on freshness; the HPA uses the highest result."""


class Replacement(Part):
    """Replacement of a replica that lags for long without catching up: it gets a new volume."""

    enabled: bool = False
    """Replace such replicas, one at a time, while at least one other replica is fresh. The volume is deleted, and its
    content is restored from a snapshot, storage.dataSource or the history archives."""
    after_seconds: Annotated[int, Field(ge=60, le=604_800)] = 1800
    """Seconds that a replica must lag without catching up."""
