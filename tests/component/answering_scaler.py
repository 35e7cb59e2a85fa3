"""A small external scaler at the far end of real gRPC: answers what it is told to, and keeps what it was asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import grpc

from readpool.keda import externalscaler_pb2 as pb
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerServicer, add_ExternalScalerServicer_to_server

Context = grpc.aio.ServicerContext[object, object]


@dataclass
class AnsweringScaler(ExternalScalerServicer):
    """Answers with what the test put in; keeps what it was asked."""

    specs: list[pb.MetricSpec] = field(default_factory=list)
    values: list[pb.MetricValue] = field(default_factory=list)
    active: bool = True
    refusal: tuple[grpc.StatusCode, str] | None = None
    calls: list[tuple[str, object]] = field(default_factory=list)
    port: int = 0

    async def _answer(self, name: str, request: object, context: Context) -> None:
        self.calls.append((name, request))
        if self.refusal:
            await self._refuse(context)

    async def _refuse(self, context: Context) -> NoReturn:
        assert self.refusal
        await context.abort(*self.refusal)

    async def GetMetricSpec(self, request: pb.ScaledObjectRef, context: Context) -> pb.GetMetricSpecResponse:  # noqa: N802  # KEDA's
        await self._answer("GetMetricSpec", request, context)
        return pb.GetMetricSpecResponse(metricSpecs=self.specs)

    async def GetMetrics(self, request: pb.GetMetricsRequest, context: Context) -> pb.GetMetricsResponse:  # noqa: N802  # KEDA's
        await self._answer("GetMetrics", request, context)
        return pb.GetMetricsResponse(metricValues=self.values)

    async def IsActive(self, request: pb.ScaledObjectRef, context: Context) -> pb.IsActiveResponse:  # noqa: N802  # KEDA's
        await self._answer("IsActive", request, context)
        return pb.IsActiveResponse(result=self.active)


@asynccontextmanager
async def serve_answers() -> AsyncIterator[AnsweringScaler]:
    """Serve on a free loopback port during the block."""
    servicer = AnsweringScaler()  # type: ignore[abstract]  # the streams stay unimplemented
    server = grpc.aio.server()
    add_ExternalScalerServicer_to_server(servicer, server)
    servicer.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer
    await server.stop(None)
