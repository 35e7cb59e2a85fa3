"""The guard of calls on a server of its own: requests that do not come, and answers that no caller takes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from readpool.bans import Bans
from readpool.budget import Budget, Limits
from readpool.call_guard import CallGuard
from readpool.pace import Pace
from readpool.refusals import Refusals
from readpool.v1.observer_pb2 import Fleets
from scaler.services.health import Health
from scaler.services.streams import Streams
from tests.component.other_caller import calling_from
from tests.component.scaler.services.call_codes import ANSWER_SECONDS, EXHAUSTED, INVALID, find_code
from tests.http2_frames import PREFACE, SETTINGS, WINDOW_UPDATE, write_frame, write_request

health: Any = health_pb2_grpc.HealthStub  # whose types are those of channels that block


async def test_calls_whose_request_never_comes_leave_others_room() -> None:
    guard = CallGuard(Budget("calls", Limits(6, 3)), {}, Pace(100, 100.0), Refusals(), Bans())
    server = grpc.aio.server(interceptors=[guard])
    health_pb2_grpc.add_HealthServicer_to_server(Health((), Streams(Budget("streams", Limits(1, 1)))), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def send_nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(ANSWER_SECONDS)
        yield b""

    async with (
        calling_from("127.0.0.2", f"127.0.0.1:{port}") as address,
        grpc.aio.insecure_channel(address) as other,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        begin: Any = channel.stream_unary("/grpc.health.v1.Health/Check")
        calls = [begin(send_nothing()) for _ in range(4)]
        codes = [asyncio.ensure_future(find_code(call)) for call in calls]
        ended, waiting = await asyncio.wait(codes, return_when=asyncio.FIRST_COMPLETED)
        assert [one.result() for one in ended] == [EXHAUSTED]
        assert await find_code(health(other).Check(health_pb2.HealthCheckRequest())) is grpc.StatusCode.OK
        for call in calls:
            call.cancel()
        await asyncio.wait(waiting)
    await server.stop(grace=None)


async def test_calls_whose_answer_nobody_takes_are_counted_until_it_is_taken() -> None:
    guard = CallGuard(Budget("calls", Limits(6, 3)), {}, Pace(100, 100.0), Refusals(), Bans())
    server = grpc.aio.server(interceptors=[guard])
    health_pb2_grpc.add_HealthServicer_to_server(Health((), Streams(Budget("streams", Limits(1, 1)))), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    path = [(b":path", b"/grpc.health.v1.Health/Check"), (b"content-type", b"application/grpc"), (b"te", b"trailers")]
    headers = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), *path]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PREFACE + write_frame(SETTINGS, (4).to_bytes(2, "big") + bytes(4)))  # a window of nothing
    for number in range(5):
        writer.write(write_request(1 + 2 * number, headers, bytes(5)))
    received = b""
    async with asyncio.timeout(ANSWER_SECONDS):
        while received.count(b"are allowed") < 2:
            received += await reader.read(1 << 16)
    async with (
        calling_from("127.0.0.2", f"127.0.0.1:{port}") as address,
        grpc.aio.insecure_channel(address) as other,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as own,
    ):
        assert await find_code(health(other).Check(health_pb2.HealthCheckRequest())) is grpc.StatusCode.OK
        assert await find_code(health(own).Check(health_pb2.HealthCheckRequest())) is EXHAUSTED
        writer.write(write_frame(WINDOW_UPDATE, (1000).to_bytes(4, "big"), stream=1))  # takes one of them
        async with asyncio.timeout(ANSWER_SECONDS):
            while await find_code(health(own).Check(health_pb2.HealthCheckRequest())) is EXHAUSTED:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # until the server has heard of it
    writer.close()
    await server.stop(grace=None)


async def test_long_answers_that_nobody_takes_are_not_even_written() -> None:
    written = 0

    def write(message: Fleets) -> bytes:
        nonlocal written
        written += 1
        return message.SerializeToString()

    async def talk(_request: bytes, _context: Any) -> AsyncIterator[Fleets]:
        for _ in range(3):
            yield Fleets(namespace="x" * 1_000_000)

    handler = grpc.unary_stream_rpc_method_handler(talk, bytes, write)
    guard = CallGuard(Budget("calls", Limits(99, 99)), {}, Pace(999, 999.0), Refusals(), Bans())
    server = grpc.aio.server(interceptors=[guard])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a", {"B": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    path = [(b":path", b"/a/B"), (b"content-type", b"application/grpc"), (b"te", b"trailers")]
    headers = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), *path]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PREFACE + write_frame(SETTINGS, (4).to_bytes(2, "big") + bytes(4)))  # a window of nothing
    for number in range(40):
        writer.write(write_request(1 + 2 * number, headers, bytes(5)))
    async with asyncio.timeout(ANSWER_SECONDS):
        while written < 16:  # noqa: ASYNC110 - by gRPC, as far as it goes
            await asyncio.sleep(0.05)
    async with (
        calling_from("127.0.0.2", f"127.0.0.1:{port}") as address,
        grpc.aio.insecure_channel(address) as other,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as own,
    ):
        asked: Any = other.unary_stream("/a/B")
        assert len([message async for message in asked(b"")]) == 3
        await asyncio.sleep(0.5)
        assert written == 16 + 3
        writer.transport.abort()
        again: Any = own.unary_stream("/a/B")
        assert len([message async for message in again(b"")]) == 3
    await server.stop(grace=None)


async def test_a_request_that_does_not_come_ends_the_call_and_one_that_ends_early_is_no_request() -> None:
    guard = CallGuard(Budget("calls", Limits(2, 2)), {}, Pace(100, 100.0), Refusals(), Bans(), request_seconds=0.2)
    server = grpc.aio.server(interceptors=[guard])
    health_pb2_grpc.add_HealthServicer_to_server(Health((), Streams(Budget("streams", Limits(1, 1)))), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def send(*, after_seconds: float) -> AsyncIterator[bytes]:
        await asyncio.sleep(after_seconds)
        for _ in ():
            yield b""

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        begin: Any = channel.stream_unary("/grpc.health.v1.Health/Check")
        assert await find_code(begin(send(after_seconds=ANSWER_SECONDS))) is grpc.StatusCode.DEADLINE_EXCEEDED
        assert await find_code(begin(send(after_seconds=0.0))) is INVALID
        assert await find_code(health(channel).Check(health_pb2.HealthCheckRequest())) is grpc.StatusCode.OK
    await server.stop(grace=None)


async def test_long_requests_of_streams_that_stay_open_are_counted_by_their_length() -> None:
    guard = CallGuard(Budget("calls", Limits(99, 99)), {}, Pace(10_000, 1000.0), Refusals(), Bans())
    server = grpc.aio.server(interceptors=[guard])
    health_pb2_grpc.add_HealthServicer_to_server(Health((), Streams(Budget("streams", Limits(999, 999)))), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        most = 16 * 1024 * 1024 // 1_000_000
        calls = [health(channel).Watch(health_pb2.HealthCheckRequest(service="x" * 1_000_000)) for _ in range(most + 3)]
        codes = await asyncio.gather(*map(find_code, calls))
        assert codes.count(EXHAUSTED) == 3
        for call in calls:
            call.cancel()
    await server.stop(grace=None)
