"""Certificates of the installation's own authority in use: renewed on disk under a server and its callers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest_asyncio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from readpool.certificates import issuing
from readpool.certificates.issuing import Pair, build_bundle, issue_authority, issue_leaf
from readpool.client_names import list_guards
from readpool.clock import steady_clock
from readpool.server_tls import build_server_credentials
from readpool.tls_files import TlsFiles
from tests.component import certificates

HOST, CALLER, OTHER = "scaler.readpool.svc", "keda.readpool", "router.readpool"
WEEK = 7 * 86400.0
clock = steady_clock()


class Installation:
    """An authority, the files of a server and of a caller, and who would renew them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = issue_authority("readpool.readpool", clock(), 10 * WEEK)
        self.bundle = self.authority.certificate
        self.spread()

    def spread(self) -> None:
        """Issue what both sides have anew, and bring it into their folders."""
        for name, dns_name, is_server in (("server", HOST, True), ("caller", CALLER, False)):
            self.write(name, dns_name, is_server=is_server)

    def write(self, folder: str, name: str, *, is_server: bool) -> None:
        pair = issue_leaf(self.authority, (name,), clock(), WEEK, is_server=is_server)
        given = certificates.Pair(pair.certificate, pair.key)
        certificates.write_secret(self.folder / folder, given, self.bundle)

    def read(self, folder: str) -> tuple[bytes, bytes, bytes]:
        """Return authorities, key and certificate as a caller takes them."""
        ca, key, certificate = ((self.folder / folder / name).read_bytes() for name in ("ca.crt", "tls.key", "tls.crt"))
        return ca, key, certificate


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Installation, int]]:
    installation, folder = Installation(tmp_path), tmp_path / "server"
    tls = TlsFiles(folder / "tls.crt", folder / "tls.key", folder / "ca.crt", client_names=(CALLER,))
    server = grpc.aio.server(interceptors=list_guards(tls))
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    port = server.add_secure_port("127.0.0.1:0", build_server_credentials(tls))
    await server.start()
    yield installation, port
    await server.stop(None)


async def call(port: int, files: tuple[bytes, bytes | None, bytes | None]) -> str:
    """Dial anew and ask; return what came of it."""
    ca, key, certificate = files
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    options = [("grpc.ssl_target_name_override", HOST), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return "OK"


async def test_no_call_fails_while_certificates_and_then_the_authority_are_renewed(
    served: tuple[Installation, int],
) -> None:
    installation, port = served
    outcomes = list[str]()
    stale = installation.read("caller")

    async def call_throughout() -> None:
        while True:
            outcomes.append(await call(port, installation.read("caller")))

    calling = asyncio.create_task(call_throughout())
    for _ in range(3):
        installation.spread()
        outcomes.append(await call(port, stale))  # a caller that has not read its files again
    new = issue_authority("readpool.readpool", clock(), 10 * WEEK)
    installation.bundle = build_bundle([installation.bundle, new.certificate], clock())
    installation.spread()
    announced = installation.read("caller")
    outcomes.append(await call(port, stale))
    installation.authority = new
    installation.spread()
    outcomes.extend([await call(port, announced), await call(port, installation.read("caller"))])
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert len(outcomes) > 10
    assert set(outcomes) == {"OK"}


async def test_only_a_caller_of_that_name_and_authority_who_may_be_one_is_served(
    served: tuple[Installation, int],
) -> None:
    installation, port = served
    ca, key, certificate = installation.read("caller")
    assert await call(port, (ca, key, certificate)) == "OK"
    assert await call(port, (ca, None, None)) == "UNAVAILABLE"
    installation.write("other", OTHER, is_server=False)
    assert await call(port, installation.read("other")) == "PERMISSION_DENIED"
    installation.write("server-as-caller", CALLER, is_server=True)
    assert await call(port, installation.read("server-as-caller")) == "UNAVAILABLE", "it is to serve with, not to call"
    stranger = issue_authority("readpool.readpool", clock(), WEEK)
    pair = issue_leaf(stranger, (CALLER,), clock(), WEEK, is_server=False)
    assert await call(port, (ca, pair.key, pair.certificate)) == "UNAVAILABLE"


async def test_nobody_but_the_authority_can_sign(served: tuple[Installation, int]) -> None:
    installation, port = served
    ca, key, certificate = installation.read("caller")
    forged = issue_leaf(Pair(certificate, key), (CALLER,), clock(), WEEK, is_server=False)
    assert await call(port, (ca, forged.key, forged.certificate + certificate)) == "UNAVAILABLE"
    assert issuing.read_authority(certificate, key) is None
    assert issuing.read_pair(forged.certificate, key) is None
