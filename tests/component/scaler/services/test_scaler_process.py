"""The scaler's process from its first line to its last: what it says, how it refuses to start, how it drains."""

import asyncio
import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from readpool.keda.externalscaler_pb2 import ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.v1.observer_pb2 import Fleets, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub
from tests.component.certificates import Authority, write_secret
from tests.component.scaler_process import ScalerProcess, run_scaler, start_scaler

REF = ScaledObjectRef(
    name="core", namespace="stellar", scalerMetadata={"nodes": "http://127.0.0.1:9", "targetReplicas": "1"}
)
NODES_ALLOWED = ("--allow-static-nodes", "--allow-loopback-nodes")
SERVICES = ["", "externalscaler.ExternalScaler", "readpool.v1.Observer"]


def build_health_stub(channel: grpc.aio.Channel) -> Any:
    """Build a client; the library's types know of no methods."""
    return health_pb2_grpc.HealthStub(channel)


def build_reflection_stub(channel: Any) -> Any:
    """Build a client, as above."""
    return reflection_pb2_grpc.ServerReflectionStub(channel)


def get(address: str, path: str) -> int:
    """Return the status of one GET."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest_asyncio.fixture
async def lingering(scaler: ScalerProcess) -> AsyncIterator[None]:
    """Keep a call in flight that its client does not end."""
    async with grpc.aio.insecure_channel(scaler.grpc) as channel:
        call = build_reflection_stub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await call.read()
        yield
        call.cancel()


@pytest.fixture
def scaler(request: pytest.FixtureRequest) -> Iterator[ScalerProcess]:
    with run_scaler(*NODES_ALLOWED, *getattr(request, "param", ())) as process:
        yield process


def test_the_first_line_tells_the_version_and_every_setting_that_matters(scaler: ScalerProcess) -> None:
    starting, serving = scaler.events[:2]
    assert starting["event"] == "starting"
    assert starting["version"]
    assert starting["allowStaticNodes"] is True
    assert starting["pollIntervalSeconds"] == 5.0
    assert starting["tls"] == "off"
    assert serving["event"] == "serving"


def test_it_starts_within_seconds(scaler: ScalerProcess) -> None:
    assert scaler.wait_for("serving")["cpuSeconds"] < 3.0  # about 1 on an idle machine


def test_without_pools_it_imports_nothing_that_reads_the_api_server() -> None:
    """The client of the API server and the model of the pool cost half as much again as all the rest."""
    listed = "import sys, scaler.server; print(*{name.partition('.')[0] for name in sys.modules})"
    modules = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True).stdout.split()
    assert not {"kubernetes", "pydantic"} & set(modules)


async def test_health_and_reflection_tell_what_is_served(scaler: ScalerProcess) -> None:
    async with grpc.aio.insecure_channel(scaler.grpc) as channel:
        health = build_health_stub(channel)
        for service in SERVICES:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await health.Check(health_pb2.HealthCheckRequest(service="externalscaler.Externalscaler"))
        reflection = build_reflection_stub(channel)
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        (listed,) = [answer async for answer in reflection.ServerReflectionInfo(iter(asked))]
        names = {service.name for service in listed.list_services_response.service}
        assert {*SERVICES[1:], "grpc.health.v1.Health"} <= names


async def test_sigterm_ends_every_stream_cleanly_and_the_process_with_0(scaler: ScalerProcess) -> None:
    async with grpc.aio.insecure_channel(scaler.grpc) as channel:
        keda = ExternalScalerStub(channel)
        watched = build_health_stub(channel).Watch(health_pb2.HealthCheckRequest())
        streams = [
            keda.StreamIsActive(REF),
            keda.StreamMetricSpec(REF),
            ObserverStub(channel).Watch(WatchRequest(fleets=Fleets())),
        ]
        for stream in (*streams, watched):
            await stream.read()
        started = time.monotonic()
        code = await asyncio.to_thread(scaler.stop)
        assert code == 0
        assert time.monotonic() - started < 5.0  # nothing was in flight, so the drain's bound was not needed
        assert (await watched.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        for stream in (*streams, watched):
            while await stream.read() is not grpc.aio.EOF:
                pass
            assert await stream.code() is grpc.StatusCode.OK
    assert scaler.events[-1]["event"] == "stopped"


async def test_calls_while_it_stops_are_answered_or_sent_away(scaler: ScalerProcess) -> None:
    codes: list[grpc.StatusCode] = []

    async def ask_on(channel: grpc.aio.Channel) -> None:
        keda = ExternalScalerStub(channel)
        while grpc.StatusCode.UNAVAILABLE not in codes:
            try:
                await keda.GetMetricSpec(REF, timeout=10)
                codes.append(grpc.StatusCode.OK)
            except grpc.aio.AioRpcError as error:
                codes.append(error.code())

    async with grpc.aio.insecure_channel(scaler.grpc) as channel:
        asking = [asyncio.create_task(ask_on(channel)) for _ in range(8)]
        deadline = time.monotonic() + 10.0
        while len(codes) < 100:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(scaler.stop, signal.SIGINT) == 0
        await asyncio.gather(*asking)
    # gRPC itself cancels what had come over the wire and not been begun; KEDA holds on either.
    assert {*codes, grpc.StatusCode.CANCELLED} == {
        grpc.StatusCode.OK,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
    }


@pytest.mark.usefixtures("lingering")
@pytest.mark.parametrize("scaler", [("--drain-seconds", "0.5")], indirect=True)
async def test_the_drain_waits_for_what_is_in_flight_but_not_longer_than_told(
    scaler: ScalerProcess,
) -> None:
    started = time.monotonic()
    assert await asyncio.to_thread(scaler.stop) == 0
    assert time.monotonic() - started >= 0.5


@pytest.mark.usefixtures("lingering")
@pytest.mark.parametrize("scaler", [("--drain-seconds", "60")], indirect=True)
async def test_a_draining_scaler_is_alive_but_not_ready_and_a_second_signal_ends_it_at_once(
    scaler: ScalerProcess,
) -> None:
    assert await asyncio.to_thread(get, scaler.telemetry, "/readyz") == 200
    scaler.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(scaler.wait_for, "draining", signal="SIGTERM")
    assert await asyncio.to_thread(get, scaler.telemetry, "/readyz") == 503
    assert await asyncio.to_thread(get, scaler.telemetry, "/healthz") == 200
    assert await asyncio.to_thread(scaler.stop) == 128 + signal.SIGTERM


@pytest.mark.parametrize("flag", ["--listen", "--telemetry-listen"])
def test_a_port_in_use_is_an_error_that_names_the_flag(flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with start_scaler(flag, address) as scaler:
            assert scaler.wait_until_ended() == 1
    said = " ".join(event.get("message", "") for event in scaler.events)
    assert f"{flag} {address} cannot be bound" in said
    assert "Traceback" not in said


AUTHORITY = Authority("clients")
PAIR, OTHER = AUTHORITY.issue(), AUTHORITY.issue()


@pytest.mark.parametrize(
    ("files", "flag", "why"),
    [
        pytest.param({"tls.crt": None}, "--tls-cert", "No such file", id="no certificate file"),
        pytest.param({"tls.key": None}, "--tls-key", "No such file", id="no key file"),
        pytest.param({"ca.crt": None}, "--tls-client-ca", "No such file", id="no client CA file"),
        pytest.param({"tls.crt": b""}, "--tls-cert", "holds no readable PEM certificate", id="empty certificate"),
        pytest.param({"tls.crt": PAIR.key}, "--tls-cert", "holds no readable PEM certificate", id="a key instead"),
        pytest.param(
            {"tls.key": PAIR.certificate}, "--tls-key", "is not a PEM private key", id="a certificate instead"
        ),
        pytest.param({"tls.key": OTHER.key}, "--tls-key", "does not belong to --tls-cert", id="another's key"),
        pytest.param({"ca.crt": b"hello"}, "--tls-client-ca", "holds no readable PEM certificate", id="no CA"),
    ],
)
def test_tls_files_that_cannot_be_served_with_are_named_at_the_start(
    tmp_path: Path, files: dict[str, bytes | None], flag: str, why: str
) -> None:
    flags = [*write_secret(tmp_path, PAIR, AUTHORITY.root), "--tls-client-ca", str(tmp_path / "ca.crt")]
    for name, content in files.items():
        (tmp_path / name).unlink()
        if content is not None:
            (tmp_path / name).write_bytes(content)
    with start_scaler(*flags) as scaler:
        assert scaler.wait_until_ended() == 1
    said = " ".join(" ".join(event.get("message", "") for event in scaler.events).split())
    assert f"{flag} {tmp_path / next(iter(files))}" in said
    assert why in said
    assert "Traceback" not in said
