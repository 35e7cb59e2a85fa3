"""Asks the scaler as KEDA does: the far side of `type: external`, for the demo's stand-in and for tests.

Follows github.com/kedacore/keda/v2 v2.21.0, pkg/scalers/external_scaler.go: GetMetricSpec for the HPA's metrics, then
on each sync GetMetrics and after it IsActive; no deadline; a float counts only when over 0, else the integer.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc

from readpool.keda import externalscaler_pb2 as pb
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub


class KedaError(Exception):
    """The scaler did not answer as KEDA needs it: `code` is the gRPC status, the message its own words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


@dataclass(frozen=True, slots=True)
class MetricTarget:
    """One metric of the HPA: its name with KEDA's sN- prefix, and the average value per replica it aims at."""

    name: str
    average_value: float


@dataclass(frozen=True, slots=True)
class MetricReading:
    """What one sync brought: the sum of the metric's values, and whether the scaler calls itself active."""

    value: float
    is_active: bool


class KedaClient:
    """One `external` trigger of one ScaledObject, as KEDA's operator holds it; a context manager that hangs up."""

    def __init__(
        self,
        namespace: str,
        name: str,
        metadata: Mapping[str, str],
        *,
        trigger_index: int = 0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        address = metadata["scalerAddress"]
        # KEDA balances over all addresses of the scaler's Service (grpcConfig).
        options = [("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}')]
        self._channel = (
            grpc.aio.secure_channel(address, credentials, options)
            if credentials
            else grpc.aio.insecure_channel(address, options)
        )
        self._stub = ExternalScalerStub(self._channel)
        self._reference = pb.ScaledObjectRef(name=name, namespace=namespace, scalerMetadata=dict(metadata))
        self._prefix = f"s{trigger_index}-"

    async def __aenter__(self) -> Self:
        """Connect on the first call, as KEDA does."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self._channel.close()

    async def fetch_metric_targets(self) -> tuple[MetricTarget, ...]:
        """Ask GetMetricSpec.

        Raises:
            KedaError: it failed; KEDA then has no metric to give the HPA.
        """
        try:
            answer = await self._stub.GetMetricSpec(self._reference)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from error
        return tuple(
            MetricTarget(self._prefix + spec.metricName, _choose(spec.targetSizeFloat, spec.targetSize))
            for spec in answer.metricSpecs
        )

    async def fetch_metric(self, name: str) -> MetricReading:
        """Ask GetMetrics for the metric of this name (with its prefix), then IsActive.

        Raises:
            KedaError: either call failed; the HPA gets no value and holds.
            ValueError: the name lacks this trigger's prefix.
        """
        if not name.startswith(self._prefix):
            raise ValueError(f"metric name {name!r}: must start with {self._prefix!r}")
        request = pb.GetMetricsRequest(scaledObjectRef=self._reference, metricName=name.removeprefix(self._prefix))
        try:
            answer = await self._stub.GetMetrics(request)
            activity = await self._stub.IsActive(self._reference)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from error
        if not answer.metricValues:
            raise KedaError("NOT_FOUND", f"no matching metrics found for {name}")
        # The HPA adds up what the external metrics API gives it.
        value = sum(_choose(metric.metricValueFloat, metric.metricValue) for metric in answer.metricValues)
        return MetricReading(value, activity.result)


def _choose(exact: float, rounded: int) -> float:
    """The float where it is over 0, else the deprecated integer; written with three decimals, nonsense read as 0."""
    value = exact if exact > 0 else float(rounded)
    return round(value, 3) if math.isfinite(value) and value > 0 else 0.0


def _refusal(error: grpc.aio.AioRpcError) -> KedaError:
    return KedaError(error.code().name, error.details() or "")
