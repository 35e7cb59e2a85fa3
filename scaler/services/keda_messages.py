"""Values in KEDA's words: activation and metric specs from the trigger alone, metric values from a number.

KEDA takes a float only where it is greater than 0, else the deprecated integer beside it; old KEDA knows no floats.
Source: KEDA 2.21, pkg/scalers/external_scaler.go.
"""

import math

from readpool.keda.externalscaler_pb2 import GetMetricSpecResponse, GetMetricsResponse, MetricSpec, MetricValue
from scaler.triggers.fleet_spec import PoolSource
from scaler.triggers.metric import Metric
from scaler.triggers.trigger import Trigger

_INT64_MAXIMUM = 2**63 - 1


def is_active(trigger: Trigger) -> bool:
    """Return whether the pool should have replicas at all, whatever the nodes do: KEDA scales inactive targets to zero.

    A ReadOnlyPool should, whatever it says: its minReplicas is at least 1.
    """
    if isinstance(trigger.fleet.source, PoolSource):
        return True
    bounds = trigger.fleet.bounds
    return bounds.maximum > 0 and max(bounds.minimum, bounds.target) > 0


def build_metric_specs(trigger: Trigger) -> GetMetricSpecResponse:
    """Build the one metric that the trigger asks for, with its target per replica."""
    return _build_specs(trigger.metric, trigger.target_value)


def build_default_specs() -> GetMetricSpecResponse:
    """Build what a trigger asks for that names neither metric nor target."""
    return _build_specs(Metric.DESIRED_REPLICAS, 1.0)


def build_metric_values(name: str, value: float) -> GetMetricsResponse:
    """Build the value of the metric `name`; the integer is rounded up, so that a need never becomes none.

    Raises:
        ValueError: for NaN, infinity and negative values, all of which KEDA would read as something else.
    """
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value}, which is not a valid metric value")
    return GetMetricsResponse(
        metricValues=[MetricValue(metricName=name, metricValue=_round_up(value), metricValueFloat=value)]
    )


def build_activation() -> GetMetricsResponse:
    """Build an answer without a value: KEDA scales from zero by IsActive, and the HPA, which finds no metric, holds.

    Source: KEDA 2.21, GetScaledObjectMetrics and getScalerState in pkg/scaling/scale_handler.go.
    """
    return GetMetricsResponse()


def _build_specs(metric: Metric, target: float) -> GetMetricSpecResponse:
    spec = MetricSpec(metricName=metric.value, targetSize=_round_up(target) or 1, targetSizeFloat=target)
    return GetMetricSpecResponse(metricSpecs=[spec])


def _round_up(value: float) -> int:
    return min(math.ceil(value), _INT64_MAXIMUM)
