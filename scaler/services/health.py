"""grpc.health.v1 for the scaler: SERVING from the first moment, NOT_SERVING from the moment it drains.

Written here because the stock service writes to watchers under the lock that draining needs: one watcher that does not
read would hold the drain up.
"""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from readpool.budget import OverBudget
from readpool.callers import read_caller
from readpool.refusals import Refusals
from scaler.services.streams import Streams

_Status = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):
    """Health of the whole ("") and of each named service; they live and drain together."""

    def __init__(self, services: tuple[str, ...], streams: Streams, refusals: Refusals | None = None) -> None:
        self._services = frozenset(("", *services))
        self._streams = streams
        self._refusals = refusals or Refusals()
        self._is_serving = True

    def drain(self) -> None:
        """Report NOT_SERVING from now on; watchers get it when their streams end."""
        self._is_serving = False

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> health_pb2.HealthCheckResponse:
        """Answer at once; NOT_FOUND for a service that is not served here."""
        if request.service not in self._services:
            known = ", ".join(sorted(filter(None, self._services)))
            message = f"{request.service[:253]!r} is not served; served are {known}"
            await context.abort(grpc.StatusCode.NOT_FOUND, message)
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Send the status at once and NOT_SERVING at the drain, then end."""
        caller = read_caller(context.peer())
        try:
            with self._streams.admit(caller) as stream:
                was_serving = self._is_serving  # before it is told: the drain may begin while that is on its way
                yield health_pb2.HealthCheckResponse(status=self._status(request.service))
                if was_serving:
                    await stream.until_end()
                    yield health_pb2.HealthCheckResponse(status=self._status(request.service))
        except OverBudget as error:
            self._refusals.note(error, caller)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))

    def _status(self, service: str) -> int:
        if service not in self._services:
            return _Status.SERVICE_UNKNOWN
        return _Status.SERVING if self._is_serving else _Status.NOT_SERVING
