"""Watchers of the scaler's health hear of the drain, whenever it begins."""

from typing import TYPE_CHECKING, Any, cast

import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from readpool.budget import Budget, Limits
from scaler.services.health import Health
from scaler.services.streams import Streams

if TYPE_CHECKING:
    import grpc


class Caller:
    """What is asked of a call that ends well."""

    def peer(self) -> str:
        return "ipv4:10.0.0.7:51234"


NOBODY = cast("grpc.aio.ServicerContext[Any, Any]", Caller())
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize(
    ("drains_after", "told"),
    [
        pytest.param(0, [NOT_SERVING], id="before anybody watches"),
        pytest.param(1, [SERVING, NOT_SERVING], id="while the first word is on its way"),
    ],
)
async def test_a_watcher_hears_of_a_drain_that_begins(drains_after: int, told: list[int]) -> None:
    streams = Streams(Budget("streams", Limits(10, 10)))
    health = Health((), streams)
    watched = health.Watch(HealthCheckRequest(), NOBODY)
    heard = [(await anext(watched)).status for _ in range(drains_after)]
    health.drain()
    streams.end_all()
    heard += [answer.status async for answer in watched]
    assert heard == told
