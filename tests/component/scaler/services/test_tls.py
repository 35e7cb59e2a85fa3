"""TLS on the wire, with certificates shaped as cert-manager's: dialled as KEDA does, refused, and rotated."""

import asyncio
import datetime as dt
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2

from readpool.clock import steady_clock
from readpool.host_port import HostPort
from readpool.keda.externalscaler_pb2 import ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.tls_files import TlsFiles
from readpool.v1.observer_pb2 import Trigger, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub
from scaler.server import GrpcServer
from scaler.settings import ScalerSettings
from scaler.telemetry.stats import ScalerStats
from tests.component.certificates import Authority, Pair, write_secret
from tests.component.scaler.polling.polling import run_fleets
from tests.component.scaler_process import ScalerProcess, run_scaler

METADATA = {"service": "core", "port": "11626", "targetReplicas": "1", "enableTLS": "true"}
REF = ScaledObjectRef(name="core", namespace="stellar", scalerMetadata=METADATA)
SETTLED_SECONDS = 30.0


def build_credentials(ca: bytes, pair: Pair | None = None) -> grpc.ChannelCredentials:
    """Build what KEDA builds of caCert, tlsClientCert and tlsClientKey."""
    return grpc.ssl_channel_credentials(ca, pair.key if pair else None, pair.certificate if pair else None)


async def call(scaler: ScalerProcess, credentials: grpc.ChannelCredentials) -> None:
    """Ask once, over a connection of its own."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.secure_channel(scaler.grpc, credentials, options) as channel:
        assert (await ExternalScalerStub(channel).IsActive(REF, timeout=10)).result is True


async def is_served(scaler: ScalerProcess, credentials: grpc.ChannelCredentials) -> bool:
    """Return whether a new connection with these credentials is served."""
    try:
        await call(scaler, credentials)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


async def wait_until_served(scaler: ScalerProcess, credentials: grpc.ChannelCredentials) -> None:
    deadline = time.monotonic() + SETTLED_SECONDS
    while not await is_served(scaler, credentials):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "issue",
    [
        pytest.param(lambda root: root.issue(), id="elliptic curve"),
        pytest.param(lambda root: root.issue(is_rsa=True), id="RSA in PKCS 1"),
        pytest.param(lambda root: Authority("between", root).issue(), id="with an intermediate authority"),
    ],
)
async def test_a_client_that_trusts_the_authority_is_served_and_others_turn_away(
    tmp_path: Path, issue: Callable[[Authority], Pair]
) -> None:
    root = Authority("root")
    with run_scaler(*write_secret(tmp_path, issue(root), root.root)) as scaler:
        assert scaler.events[0]["tls"] == "on"
        assert await is_served(scaler, build_credentials(root.root))
        assert not await is_served(scaler, build_credentials(Authority("another").root))
        with pytest.raises(grpc.aio.AioRpcError):
            async with grpc.aio.insecure_channel(scaler.grpc) as plain:
                await ExternalScalerStub(plain).IsActive(REF, timeout=5)


async def test_with_a_client_ca_only_its_clients_are_served(tmp_path: Path) -> None:
    servers, clients = Authority("servers"), Authority("clients")
    flags = write_secret(tmp_path, servers.issue(), clients.root)
    with run_scaler(*flags, "--tls-client-ca", str(tmp_path / "ca.crt")) as scaler:
        assert scaler.events[0]["tls"] == "mutual"
        assert await is_served(scaler, build_credentials(servers.root, clients.issue("keda")))
        assert not await is_served(scaler, build_credentials(servers.root))
        assert not await is_served(scaler, build_credentials(servers.root, Authority("another").issue("keda")))
        assert not await is_served(scaler, build_credentials(servers.root, servers.issue("keda")))


@pytest.mark.parametrize(
    ("name", "host", "code"),
    [
        pytest.param("keda", "localhost", "OK", id="by its common name"),
        pytest.param("whoever", "operator.keda.svc", "OK", id="by a subject alternative name"),
        pytest.param("grafana", "grafana.other.svc", "PERMISSION_DENIED", id="another of the same authority"),
        pytest.param("keda-", "operator.keda.svc.evil.example", "PERMISSION_DENIED", id="a name that only begins so"),
        pytest.param("Keda", "*.keda.svc", "PERMISSION_DENIED", id="in capitals, and a wildcard"),
    ],
)
async def test_of_an_authority_that_signs_for_others_too_only_named_clients_are_let_in(
    tmp_path: Path, name: str, host: str, code: str
) -> None:
    root = Authority("root")
    flags = write_secret(tmp_path, root.issue(), root.root)
    names = ("--tls-client-ca", str(tmp_path / "ca.crt"), "--tls-client-names", "keda, operator.keda.svc")
    with run_scaler(*flags, *names) as scaler:
        credentials = build_credentials(root.root, root.issue(name, host=host))
        async with grpc.aio.secure_channel(scaler.grpc, credentials) as channel:
            assert {await ask(call) for call in open_calls(channel)} == {code}


def open_calls(channel: grpc.aio.Channel) -> list[Any]:
    """Open a call of each kind of method, of each service."""
    watched = WatchRequest(trigger=Trigger(namespace="stellar", metadata=METADATA))
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    health = cast("Any", HealthStub)(channel)
    # As one request: grpcio tells a stream of requests that is refused while it is written as INTERNAL, now and then.
    reflect: Any = channel.unary_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    return [
        ExternalScalerStub(channel).IsActive(REF, timeout=10),
        ExternalScalerStub(channel).StreamIsActive(REF, timeout=10),
        ObserverStub(channel).Watch(watched, timeout=10),
        health.Check(HealthCheckRequest(), timeout=10),
        health.Watch(HealthCheckRequest(), timeout=10),
        reflect(asked.SerializeToString(), timeout=10),
    ]


async def ask(call: Any) -> str:
    """Wait for a call's first answer, and return its code."""
    try:
        await (call.read() if hasattr(call, "read") else call)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    call.cancel()
    return "OK"


async def test_less_than_tls_1_2_is_refused(tmp_path: Path) -> None:
    root = Authority("root")
    with run_scaler(*write_secret(tmp_path, root.issue(), root.root)) as scaler:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=root.root.decode())
        context.set_alpn_protocols(["h2"])
        assert await handshake(scaler, context) in {"TLSv1.2", "TLSv1.3"}
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await handshake(scaler, context) == "TLSv1.2"
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await handshake(scaler, context)


async def handshake(scaler: ScalerProcess, context: ssl.SSLContext) -> str | None:
    """Return the TLS version that is agreed on."""
    host, port = scaler.grpc.split(":")

    def connect() -> str | None:
        with (
            socket.create_connection((host, int(port)), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            return secured.version()

    return await asyncio.to_thread(connect)


async def test_a_rotation_is_taken_up_without_a_failed_call_and_without_dropping_connections(tmp_path: Path) -> None:
    old, new = Authority("old"), Authority("new")
    both = old.root + new.root
    flags = write_secret(tmp_path, old.issue(), both)
    with run_scaler(*flags, "--tls-client-ca", str(tmp_path / "ca.crt")) as scaler:
        calls = 0
        async with grpc.aio.secure_channel(scaler.grpc, build_credentials(both, old.issue("keda"))) as kept:
            keda = ExternalScalerStub(kept)
            stream = keda.StreamIsActive(REF)
            await stream.read()

            async def ask_on() -> None:
                nonlocal calls
                while True:
                    await keda.IsActive(REF, timeout=10)
                    await call(scaler, build_credentials(both, old.issue("keda")))
                    calls += 1

            asking = asyncio.create_task(ask_on())
            write_secret(tmp_path, new.issue(), both)
            await wait_until_served(scaler, build_credentials(new.root, new.issue("keda")))
            seen = calls
            deadline = time.monotonic() + SETTLED_SECONDS
            while calls < seen + 5:
                assert time.monotonic() < deadline
                assert not asking.done()
                await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.wait({asking})
            assert asking.cancelled()
            write_secret(tmp_path, new.issue(), new.root)
            await wait_until_served(scaler, build_credentials(new.root, new.issue("keda")))
            assert (await keda.IsActive(REF, timeout=10)).result is True
            assert not stream.done()
            stream.cancel()
        assert not await is_served(scaler, build_credentials(both, old.issue("keda")))
    assert calls >= 5


async def test_a_pair_half_written_or_mismatched_leaves_the_old_one_and_is_logged_once(tmp_path: Path) -> None:
    root, other = Authority("root"), Authority("other")
    with run_scaler(*write_secret(tmp_path, root.issue(), root.root)) as scaler:
        trusted = build_credentials(root.root)
        wrong = root.issue()
        contents = tmp_path / "..data"
        (contents / "tls.key").write_bytes(wrong.key)
        for _ in range(3):
            assert await is_served(scaler, trusted)
        (contents / "tls.crt").write_bytes(wrong.certificate[: len(wrong.certificate) // 2])
        for _ in range(3):
            assert await is_served(scaler, trusted)
        (contents / "tls.crt").unlink()
        for _ in range(3):
            assert await is_served(scaler, trusted)
        write_secret(tmp_path, other.issue(), other.root)
        await wait_until_served(scaler, build_credentials(other.root))
        assert not await is_served(scaler, trusted)
        scaler.wait_for("tlsReloaded")  # the log is read by then up to here
        whys = [event["message"] for event in scaler.events_named("tlsReloadFailed")]
        assert len(whys) == 3
        assert "does not belong to" in whys[0]
        assert "holds no readable PEM certificate" in whys[1]
        assert "No such file" in whys[2]
        assert len(scaler.events_named("tlsReloaded")) == 1


async def test_where_clients_show_certificates_no_stream_lasts_for_ever(tmp_path: Path) -> None:
    root = Authority("root")
    write_secret(tmp_path, root.issue(), root.root)
    files = [tmp_path / name for name in ("tls.crt", "tls.key", "ca.crt")]
    for client_ca, lasts in ((files[2], False), (None, True)):
        settings = ScalerSettings(listen=HostPort("127.0.0.1", 0), tls=TlsFiles(files[0], files[1], client_ca))
        async with run_fleets() as running:
            seconds = {"connection_seconds": 0.3, "stream_seconds": 0.5}
            server = GrpcServer(settings, running.fleets, ScalerStats(), steady_clock(), **seconds)
            await server.start()
            credentials = build_credentials(root.root, root.issue("keda"))
            async with grpc.aio.secure_channel(f"localhost:{server.port}", credentials) as channel:
                stream = ExternalScalerStub(channel).StreamIsActive(REF)
                await stream.read()
                ended = asyncio.create_task(stream.read())
                done, _ = await asyncio.wait({ended}, timeout=SETTLED_SECONDS if not lasts else 2.0)
                assert bool(done) is not lasts
                if done:
                    assert isinstance(ended.exception(), grpc.aio.AioRpcError)
                stream.cancel()
                await asyncio.wait({ended})
            await server.drain(1.0)


async def test_a_certificate_that_ends_soon_or_has_ended_is_told_and_measured(tmp_path: Path) -> None:
    root, now = Authority("root"), dt.datetime.now(dt.UTC).replace(microsecond=0)
    year, hour = dt.timedelta(days=365), dt.timedelta(hours=1)
    soon, ended, fine = now + hour, now - hour, now + year
    flags = write_secret(tmp_path, root.issue(dates=(now - year, soon)), root.root)
    with run_scaler(*flags) as scaler:
        told = [event for event in scaler.events if event["event"] == "tlsExpiresSoon"]
        assert [event["notAfter"] for event in told] == [soon.isoformat()]
        assert await read_end(scaler) == soon.timestamp()
        write_secret(tmp_path, root.issue(dates=(now - year, fine)), root.root)
        await wait_until_served(scaler, build_credentials(root.root))
        assert await read_end(scaler) == fine.timestamp()
        write_secret(tmp_path, root.issue(dates=(now - year, ended)), root.root)
        for _ in range(3):
            assert not await is_served(scaler, build_credentials(root.root)), "the client refuses it"
        assert await asyncio.to_thread(scaler.wait_for, "tlsExpired")
    kinds = [event["event"] for event in scaler.events if event["event"].startswith("tls")]
    assert kinds == ["tlsExpiresSoon", "tlsReloaded", "tlsReloaded", "tlsExpired"]


async def read_end(scaler: ScalerProcess) -> float:
    """Read from the metrics when the certificate ends."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://{scaler.telemetry}/metrics")).text
    (line,) = [line for line in text.splitlines() if line.startswith("readpool_tls_not_after_timestamp_seconds{")]
    return float(line.rpartition(" ")[2])
