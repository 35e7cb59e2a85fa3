"""KEDA's contract: parse, look up, reply. Every answer comes from the trigger or the fleet's snapshot, never a fetch.

Whatever KEDA asks first, the fleet is observed from then on, so that its first GetMetrics mostly finds ground already.
"""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc

from readpool.keda.externalscaler_pb2 import (
    GetMetricSpecResponse,
    GetMetricsRequest,
    GetMetricsResponse,
    IsActiveResponse,
    ScaledObjectRef,
)
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerServicer
from scaler.admission import Admission
from scaler.fleets import Fleets, FleetsFullError
from scaler.keda_messages import (
    build_activation,
    build_default_specs,
    build_metric_specs,
    build_metric_values,
    is_active,
)
from scaler.metrics import NoGround, compute_metric
from scaler.streams import Streams, TooManyStreams
from scaler.trigger import Metric, ServiceSource, Trigger, TriggerError

_TRIGGER_NUMBER = re.compile(r"^s[0-9]{1,4}-")
_Context = grpc.aio.ServicerContext[Any, Any]


class ExternalScaler(ExternalScalerServicer):
    """Answers KEDA."""

    def __init__(self, fleets: Fleets, admission: Admission, streams: Streams) -> None:
        self._fleets = fleets
        self._admission = admission
        self._streams = streams

    async def IsActive(self, request: ScaledObjectRef, context: _Context) -> IsActiveResponse:
        """Say whether the pool should have replicas, from the trigger alone."""
        return IsActiveResponse(result=is_active(await self._admit(request, context)))

    async def GetMetricSpec(
        self,
        request: ScaledObjectRef,
        context: _Context,  # noqa: ARG002 - gRPC gives it to each method
    ) -> GetMetricSpecResponse:
        """Name the metric and its target, from the trigger alone: while this fails there is no HPA (keda#8056).

        A trigger that is refused has the default metric: KEDA drops what an error says here, and what GetMetrics is
        refused with it puts into the ScaledObject's events. No value ever comes, so nothing scales.
        """
        try:
            trigger = self._admission.parse(request.namespace, request.name, request.scalerMetadata)
        except TriggerError:
            return build_default_specs()
        self._observe(trigger)
        return build_metric_specs(trigger)

    async def GetMetrics(self, request: GetMetricsRequest, context: _Context) -> GetMetricsResponse:
        """Value the metric by the newest snapshot; UNAVAILABLE with the reason where there is no ground.

        Where the trigger's Service has never had anybody, there is no value and no error: DNS says of a Service without
        endpoints what it says of one that does not exist. A StatefulSet at zero comes up, and one that is called
        otherwise keeps its size.
        """
        ref = request.scaledObjectRef
        trigger = await self._admission.admit(ref.namespace, ref.name, ref.scalerMetadata, context)
        metric = await _find_metric(request.metricName, context)
        try:
            fleet = self._fleets.watch(trigger.fleet)
            value = compute_metric(fleet.snapshot, metric)
            fleet.remind()
            if fleet.snapshot.decision.is_for_nobody and isinstance(trigger.fleet.source, ServiceSource):
                return build_activation()
            return build_metric_values(request.metricName, value)
        except NoGround as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"{error.reason}: {error.message}")
        except FleetsFullError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))

    async def StreamIsActive(self, request: ScaledObjectRef, context: _Context) -> AsyncIterator[IsActiveResponse]:
        """Send activation at once. It never changes within a stream: for a new trigger KEDA opens a new one."""
        trigger = await self._admit(request, context)
        async for _ in self._stay_open(trigger, context):
            yield IsActiveResponse(result=is_active(trigger))

    async def StreamMetricSpec(
        self, request: ScaledObjectRef, context: _Context
    ) -> AsyncIterator[GetMetricSpecResponse]:
        """Send what GetMetricSpec answers at once; as with activation, a new trigger comes with a new stream."""
        trigger = await self._admit(request, context)
        async for _ in self._stay_open(trigger, context):
            yield build_metric_specs(trigger)

    async def _admit(self, ref: ScaledObjectRef, context: _Context) -> Trigger:
        trigger = await self._admission.admit(ref.namespace, ref.name, ref.scalerMetadata, context)
        self._observe(trigger)
        return trigger

    def _observe(self, trigger: Trigger) -> None:
        with suppress(FleetsFullError):  # the trigger alone is enough here; GetMetrics says what is missing
            self._fleets.watch(trigger.fleet)

    async def _stay_open(self, trigger: Trigger, context: _Context) -> AsyncIterator[None]:
        """Step once, then hold the fleet observed until the scaler drains."""
        try:
            with self._streams.admit() as stream, self._fleets.hold(trigger.fleet):
                yield
                await stream.until_end()
        except (TooManyStreams, FleetsFullError) as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))


async def _find_metric(name: str, context: _Context) -> Metric:
    """Find the metric of a name; KEDA 2.5 and 2.6 put the trigger's number before it."""
    try:
        return Metric(_TRIGGER_NUMBER.sub("", name))
    except ValueError:
        known = ", ".join(Metric)
        await context.abort(grpc.StatusCode.NOT_FOUND, f"metricName {name!r} is not one of {known}")
