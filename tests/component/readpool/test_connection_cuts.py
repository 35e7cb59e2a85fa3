"""Connections to a gRPC port are ended by caller: real sockets, a real server, and nobody else's is touched."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from readpool.budget import Budget, Limits
from readpool.connection_cuts import cut_connections
from readpool.port_sockets import can_list
from scaler.services.health import Health
from scaler.services.streams import Streams
from tests.component.other_caller import calling_from

pytestmark = pytest.mark.skipif(not can_list(), reason="no /proc/self/fd here: nothing is cut")
OTHER, HONEST = "127.0.0.3", "127.0.0.4"


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(Health((), Streams(Budget("streams", Limits(9, 9)))), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(grace=None)


@contextmanager
def connect(port: int, source: str) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", port), 10, (source, 0))) as connection:
        connection.recv(1)  # gRPC's settings: it has been accepted
        connection.setblocking(False)
        yield connection


async def read_to_end(connection: socket.socket, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while await asyncio.get_running_loop().sock_recv(connection, 65536):
            pass


async def is_open(connection: socket.socket) -> bool:
    try:
        await read_to_end(connection, 0.3)
    except TimeoutError:
        return True
    return False


async def test_all_connections_of_a_banned_caller_end_and_others_are_served(port: int) -> None:
    with connect(port, OTHER) as one, connect(port, OTHER) as two, connect(port, HONEST) as honest:
        assert cut_connections(port, {OTHER}) == {OTHER: 2}
        await read_to_end(one)
        await read_to_end(two)
        assert await is_open(honest)
    async with calling_from(HONEST, f"127.0.0.1:{port}") as address, grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_of_a_caller_with_too_many_connections_the_rest_end(port: int) -> None:
    with connect(port, OTHER) as one, connect(port, OTHER) as two, connect(port, OTHER) as three:
        assert cut_connections(port, frozenset({"203.0.113.1"}), most=2) == {OTHER: 1}
        assert [await is_open(each) for each in (one, two, three)].count(True) == 2


async def test_a_connection_to_another_port_is_left_alone(port: int) -> None:
    other = socket.create_server(("127.0.0.1", 0))
    with closing(other), closing(socket.create_connection(other.getsockname(), 10, (OTHER, 0))) as connection:
        accepted, _ = other.accept()
        with closing(accepted):
            assert not cut_connections(port, {OTHER, "127.0.0.1"})
            connection.sendall(b"x")
            assert accepted.recv(1) == b"x"
