"""Watches a scaler through its Observer: an endless stream of snapshots, outages and returns, for whoever shows them.

Who watches decides nothing about retries: an outage is told once, and whatever its cause, it is tried again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

from readpool.cli.clients.endpoint import Endpoint, open_channel
from readpool.v1 import observer_pb2 as pb
from readpool.v1.observer_pb2_grpc import ObserverStub

CONNECT_SECONDS = 5.0
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
# Asking again would bring the same answer.
FINAL_CODES = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)


class ObserverError(Exception):
    """The scaler refuses this watch, whenever it is asked."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The scaler answers; its fleets follow, each at once."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The scaler does not answer; it is tried again. The sentence is for people."""

    sentence: str


Event = Connected | Outage | pb.Snapshot


async def watch(endpoint: Endpoint, request: pb.WatchRequest) -> AsyncIterator[Event]:
    """Watch until the caller stops, through every loss of the scaler.

    An outage is told once, whatever number of tries it lasts; its end is told by Connected.

    Raises:
        ObserverError: the scaler refuses this watch for good.
        OSError: a certificate's file cannot be read.
    """
    tries, told = 0, ""
    while True:
        try:
            async with _connect(endpoint) as channel:
                yield Connected()
                tries, told = 0, ""
                async for snapshot in ObserverStub(channel).Watch(request):
                    yield snapshot
            sentence = f"The scaler at {endpoint.address} ended the watch."
        except TimeoutError:
            sentence = f"No scaler answers at {endpoint.address}."
        except grpc.aio.AioRpcError as error:
            if error.code() in FINAL_CODES:
                raise ObserverError(f"{endpoint.address}: {error.details()}") from error
            sentence = f"The scaler at {endpoint.address} was lost."
        if sentence != told:
            yield Outage(f"{sentence} Trying again.")
            told = sentence
        await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
        tries += 1


@asynccontextmanager
async def _connect(endpoint: Endpoint) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of its own each time: gRPC's own back-off would wait for minutes where a person watches."""
    async with open_channel(endpoint) as channel:
        async with asyncio.timeout(CONNECT_SECONDS):
            await _wait_until_ready(channel)
        yield channel


async def _wait_until_ready(channel: grpc.aio.Channel) -> None:
    """Wait for the connection; unlike `channel_ready`, give up at the first refusal."""
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            raise TimeoutError
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
