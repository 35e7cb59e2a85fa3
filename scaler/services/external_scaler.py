"""KEDA's contract: parse, look up, reply. Every answer comes from the trigger or the fleet's snapshot, never a fetch.

Whatever KEDA asks first, the fleet is observed from then on, so that its first GetMetrics mostly finds ground already.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc

from readpool.budget import OverBudget
from readpool.callers import read_caller
from readpool.keda.externalscaler_pb2 import (
    GetMetricSpecResponse,
    GetMetricsRequest,
    GetMetricsResponse,
    IsActiveResponse,
    ScaledObjectRef,
)
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerServicer
from readpool.refusals import Refusals
from scaler.fleet.keda_metrics import MetricUnavailable, compute_metric
from scaler.fleets.fleets import Fleets
from scaler.services.admission import Admission
from scaler.services.keda_messages import (
    build_activation,
    build_default_specs,
    build_metric_specs,
    build_metric_values,
    is_active,
)
from scaler.services.streams import Streams
from scaler.triggers.fleet_spec import ServiceSource
from scaler.triggers.metric import Metric
from scaler.triggers.trigger import Trigger
from scaler.triggers.trigger_values import TriggerError

_TRIGGER_NUMBER = re.compile(r"^s[0-9]{1,4}-")
_SHOWN_CHARACTERS = 253
_Context = grpc.aio.ServicerContext[Any, Any]


class ExternalScaler(ExternalScalerServicer):
    """Answers KEDA."""

    def __init__(self, fleets: Fleets, admission: Admission, streams: Streams, refusals: Refusals) -> None:
        self._fleets = fleets
        self._admission = admission
        self._streams = streams
        self._refusals = refusals

    async def IsActive(self, request: ScaledObjectRef, context: _Context) -> IsActiveResponse:
        """Return whether the pool should have replicas, from the trigger alone."""
        return IsActiveResponse(result=is_active(await self._admit(request, context)))

    async def GetMetricSpec(
        self,
        request: ScaledObjectRef,
        context: _Context,
    ) -> GetMetricSpecResponse:
        """Name the metric and its target, from the trigger alone: while this fails there is no HPA (keda#8056).

        A trigger that is refused has the default metric: KEDA drops what an error says here, and what GetMetrics is
        refused with it puts into the ScaledObject's events. No value ever comes, so nothing scales.
        """
        caller = read_caller(context.peer())
        try:
            trigger = self._admission.parse(request.namespace, request.name, request.scalerMetadata, caller)
        except TriggerError:
            return build_default_specs()
        self._observe(trigger, caller)
        return build_metric_specs(trigger)

    async def GetMetrics(self, request: GetMetricsRequest, context: _Context) -> GetMetricsResponse:
        """Value the metric by the newest snapshot; UNAVAILABLE with the reason where there is no ground.

        Where the trigger's Service has never had anybody, there is no value and no error: DNS says of a Service without
        endpoints what it says of one that does not exist. A StatefulSet at zero comes up, and one that is called
        otherwise keeps its size.
        """
        caller = read_caller(context.peer())
        ref = request.scaledObjectRef
        trigger = await self._admission.admit(ref.namespace, ref.name, ref.scalerMetadata, context)
        metric = await _find_metric(request.metricName, context)
        try:
            fleet = self._fleets.watch(trigger.fleet, caller)
            value = compute_metric(fleet.snapshot, metric)
            fleet.remind()
            if fleet.snapshot.decision.is_for_nobody and isinstance(trigger.fleet.source, ServiceSource):
                return build_activation()
            return build_metric_values(request.metricName, value)
        except MetricUnavailable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"{error.reason}: {error.message}")
        except OverBudget as error:
            self._refusals.note(error, caller)
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
        self._observe(trigger, read_caller(context.peer()))
        return trigger

    def _observe(self, trigger: Trigger, caller: str) -> None:
        try:
            self._fleets.watch(trigger.fleet, caller)
        except OverBudget as error:  # the trigger alone is enough here; GetMetrics says what is missing
            self._refusals.note(error, caller)

    async def _stay_open(self, trigger: Trigger, context: _Context) -> AsyncIterator[None]:
        """Step once, then hold the fleet observed until the scaler drains."""
        caller = read_caller(context.peer())  # now: gRPC crashes when it is asked at the end
        try:
            namespace = trigger.fleet.namespace
            with self._streams.admit(caller, namespace) as stream, self._fleets.lease(trigger.fleet, caller):
                yield
                await stream.until_end()
        except OverBudget as error:
            self._refusals.note(error, caller)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))


async def _find_metric(name: str, context: _Context) -> Metric:
    """Find the metric of a name; KEDA 2.5 and 2.6 put the trigger's number before it."""
    try:
        return Metric(_TRIGGER_NUMBER.sub("", name))
    except ValueError:
        known = ", ".join(Metric)
        await context.abort(grpc.StatusCode.NOT_FOUND, f"metricName {name[:_SHOWN_CHARACTERS]!r} is not one of {known}")
