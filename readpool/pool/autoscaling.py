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
    """TriggerAuthentication, which is the default, or where the controller allows it ClusterTriggerAuthentication."""


class ScaleTrigger(Part):
    """A trigger of KEDA, as a ScaledObject has it."""

    type: Annotated[str, Field(min_length=1, max_length=63)]
    """KEDA's name of the scaler: cpu, prometheus, cron and so on."""
    name: Annotated[str, Field(max_length=63)] | None = None
    """A name for the trigger, unique within the pool."""
    metadata: Annotated[dict[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """What the scaler is told; see its page in KEDA's documentation."""
    metric_type: Annotated[str, Field(max_length=63)] | None = None
    """AverageValue, Value or Utilization."""
    use_cached_metrics: bool | None = None
    """Let KEDA answer from the value of its last poll."""
    authentication_ref: Authentication | None = None
    """Where the scaler's credentials come from."""


class Autoscaling(Part):
    """How the pool is scaled by KEDA: between minReplicas and maxReplicas, towards targetReplicas fresh ones."""

    enabled: bool = True
    """Keep a ScaledObject for the pool. Without one, `kubectl scale` and any HPA work on the pool as they do on a
    Deployment."""
    sustain_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    """How long a replica has to lag, or not to answer, before another one is wanted in its place."""
    scale_down_stabilization_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """The HPA lets a replica go only after fewer were wanted for this long."""
    scaler_address: Address | None = None
    """HOST:PORT of the scaler that KEDA asks, where it is not the one of this installation. Where KEDA shows that one a
    certificate, the controller has to allow another."""
    triggers: Annotated[tuple[ScaleTrigger, ...], Field(max_length=20, json_schema_extra=list_of(kind="atomic"))] = ()
    """Further triggers of KEDA beside the one on freshness, to scale on load as well; the HPA takes the highest."""


class Replacement(Part):
    """What is done about a replica that lags for long without gaining: it gets a new volume."""

    enabled: bool = False
    """Replace such replicas, one at a time and never the last fresh one. The volume's content is lost and is
    fetched again from storage.dataSource or the history archives."""
    after_seconds: Annotated[int, Field(ge=60, le=604_800)] = 1800
    """How long a replica has to lag without gaining on the network."""
