"""Watches a scaler through its Observer: an endless stream of snapshots, outages and returns, for views to show.

The caller decides nothing about retries: an outage is reported once and, whatever its cause, retried.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

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


# Marks in the details that gRPC gives a call whose connection has failed.
_TLS_PROBLEMS = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not signed by a CA of --tls-ca, or is not valid at this time",
    "Hostname Verification Check failed": "its certificate has another name; --tls-server-name says which to expect",
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
    "Socket closed": "it closes the connection; it may require a client certificate: --tls-cert and --tls-key",
}
_PLAIN_PROBLEMS = {"Socket closed": "it closes connections without TLS; --tls-ca enables TLS"}
_PROBLEM_SECONDS = 1.0


class ObserverError(Exception):
    """The scaler refuses this watch, and would again."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The scaler answers; a snapshot of every fleet follows at once."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The scaler does not answer; the watch is retried. The sentence is for people."""

    sentence: str


Event = Connected | Outage | pb.Snapshot


async def watch(endpoint: Endpoint, request: pb.WatchRequest) -> AsyncIterator[Event]:
    """Watch until the caller stops, through every loss of the scaler.

    An outage is reported once, however many tries it lasts; Connected reports its end.

    Raises:
        ObserverError: the scaler refuses this watch, and would again.
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
        except _TlsError as error:
            sentence = f"No TLS connection to the scaler at {endpoint.address}: {error}."
        except grpc.aio.AioRpcError as error:
            if error.code() in FINAL_CODES:
                raise ObserverError(f"{endpoint.address}: {error.details()}") from error
            sentence = f"The scaler at {endpoint.address} was lost."
        if sentence != told:
            yield Outage(f"{sentence} Trying again.")
            told = sentence
        await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
        tries += 1


class _TlsError(Exception):
    """The connection stands, and TLS does not; the text says why."""


@asynccontextmanager
async def _connect(endpoint: Endpoint) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of its own each time: gRPC's own back-off would wait for minutes where a person watches."""
    async with open_channel(endpoint) as channel:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await _wait_until_ready(channel)
        except TimeoutError:
            problems = _TLS_PROBLEMS if endpoint.is_secure else _PLAIN_PROBLEMS
            if problem := await _find_problem(channel, problems):
                raise _TlsError(problem) from None
            raise
        yield channel


async def _find_problem(channel: grpc.aio.Channel, problems: Mapping[str, str]) -> str:
    """Return which of the problems a connection has, empty if none: gRPC gives the reason to calls alone."""
    call: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
    try:
        await call(b"", timeout=_PROBLEM_SECONDS)
    except grpc.aio.AioRpcError as error:
        details = error.details() or ""
        return next((words for mark, words in problems.items() if mark in details), "")
    return ""


async def _wait_until_ready(channel: grpc.aio.Channel) -> None:
    """Wait for the connection; unlike `channel_ready`, give up at the first refusal."""
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            raise TimeoutError
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
