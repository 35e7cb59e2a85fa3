"""The metrics that a trigger can name. scaler.fleet.keda_metrics computes them."""

from enum import StrEnum


class Metric(StrEnum):
    """The metrics that a trigger can name."""

    DESIRED_REPLICAS = "desiredReplicas"
    FRESH_REPLICAS = "freshReplicas"
    LAGGING_REPLICAS = "laggingReplicas"
    LAGGING_PERCENT = "laggingPercent"
    MAX_LAG = "maxLag"
    P90_LAG = "p90Lag"
    AVERAGE_LAG = "averageLag"
    REQUESTS_PER_SECOND = "requestsPerSecond"
    REQUEST_LATENCY_P90 = "requestLatencyP90Milliseconds"
    REQUEST_ERROR_PERCENT = "requestErrorPercent"


REQUEST_METRICS = frozenset((Metric.REQUESTS_PER_SECOND, Metric.REQUEST_LATENCY_P90, Metric.REQUEST_ERROR_PERCENT))
"""What only gates report."""
