"""A StatefulSet at 0, as KEDA and DNS see it: it comes up, whichever way DNS says that nobody is there.

CoreDNS answers NXDOMAIN for a headless Service without endpoints, as for one that does not exist; others have no
records. A StatefulSet whose trigger names another Service keeps its size all the same.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import dns.rcode
import grpc
import pytest

from readpool.keda.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from tests.component.core_nodes import run_core_nodes
from tests.component.fake_dns import FakeDns, run_dns
from tests.component.scaler_process import run_scaler

SERVICE = "core.stellar.svc.cluster.local."
PORT_NAME = f"_http._tcp.{SERVICE}"
SECONDS = 30.0
LOOKUP_SECONDS = 0.2


@pytest.fixture
async def names() -> AsyncIterator[FakeDns]:
    async with run_dns() as server:
        yield server


@contextlib.contextmanager
def run_keda(names: FakeDns) -> Iterator[str]:
    """Run the scaler beside this DNS; yield where KEDA asks it."""
    flags = ("--dns-server", f"127.0.0.1:{names.port}", "--poll-interval", str(LOOKUP_SECONDS))
    with run_scaler("--allow-loopback-nodes", *flags) as scaler:
        yield scaler.grpc


async def ask(address: str, port: str = "http", metric: str = "desiredReplicas") -> list[float] | str:
    """Ask as KEDA does: the values, or what the error says."""
    metadata = {"service": "core", "port": port, "targetReplicas": "3", "maxReplicas": "10"}
    ref = ScaledObjectRef(name="core", namespace="stellar", scalerMetadata=metadata)
    async with grpc.aio.insecure_channel(address) as channel:
        keda = ExternalScalerStub(channel)
        assert (await keda.IsActive(ref)).result
        try:
            answer = await keda.GetMetrics(GetMetricsRequest(scaledObjectRef=ref, metricName=metric))
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017 - the words are looked at by the caller
            return error.details() or ""
        return [value.metricValueFloat for value in answer.metricValues]


async def until(address: str, wanted: list[float] | str, port: str = "http") -> None:
    """Wait for an answer, or for an error that says something."""
    last: object = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while True:
                last = await ask(address, port)
                if last == wanted or (isinstance(wanted, str) and isinstance(last, str) and wanted in last):
                    return
                await asyncio.sleep(LOOKUP_SECONDS)
    raise AssertionError(f"not within {SECONDS} s: {wanted}; the last was {last}")


@pytest.mark.parametrize("exists", [True, False], ids=["no records", "NXDOMAIN"])
@pytest.mark.parametrize("port", ["http", "11626"])
async def test_a_service_that_has_nobody_wakes_keda_and_gives_the_hpa_no_number(
    names: FakeDns, port: str, exists: bool
) -> None:
    if exists:
        names.records |= {(SERVICE, "TXT"): ['"there"'], (PORT_NAME, "TXT"): ['"there"']}
    with run_keda(names) as address:
        await until(address, [], port)
        for metric in ("freshReplicas", "laggingPercent", "desiredReplicas"):
            assert await ask(address, port, metric) == []


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
@pytest.mark.parametrize("port", ["http", "11626"])
async def test_a_look_up_that_fails_says_nothing_of_who_is_there(
    names: FakeDns, port: str, rcode: dns.rcode.Rcode
) -> None:
    names.rcodes |= {SERVICE: rcode, PORT_NAME: rcode}
    with run_keda(names) as address:
        await until(address, "failed", port)
        for _ in range(10):
            answer = await ask(address, port)
            assert isinstance(answer, str)
            assert answer.startswith("NoReplicas: ")
            await asyncio.sleep(LOOKUP_SECONDS)


async def test_a_service_that_is_not_headless_is_said_in_the_error_that_keda_makes_an_event_of(names: FakeDns) -> None:
    names.records |= {(PORT_NAME, "SRV"): [f"0 100 11626 {SERVICE}"], (SERVICE, "A"): ["10.96.0.7"]}
    with run_keda(names) as address:
        await until(address, "Service stellar/core is not headless")


async def test_once_pods_are_there_they_are_counted_and_a_service_that_loses_its_pods_keeps_their_number(
    names: FakeDns,
) -> None:
    async with run_core_nodes(4) as nodes:
        with run_keda(names) as address:
            await until(address, [])
            ports = [node.url.rpartition(":")[2] for node in nodes]
            names.records[PORT_NAME, "SRV"] = [f"0 25 {port} core-{i}.{SERVICE}" for i, port in enumerate(ports)]
            names.additional = [(f"core-{i}.{SERVICE}", "A", "127.0.0.1") for i in range(4)]
            await until(address, [4.0])
            names.records.clear()
            asked = sum(names.asked.values())
            while sum(names.asked.values()) < asked + 8:
                answer = await ask(address)
                assert answer == [4.0] or isinstance(answer, str), answer
                await asyncio.sleep(LOOKUP_SECONDS)


async def test_a_service_that_is_made_anew_without_being_headless_is_said_though_its_pods_are_known(
    names: FakeDns,
) -> None:
    async with run_core_nodes(3) as nodes:
        ports = [node.url.rpartition(":")[2] for node in nodes]
        names.records[PORT_NAME, "SRV"] = [f"0 25 {port} core-{i}.{SERVICE}" for i, port in enumerate(ports)]
        names.additional = [(f"core-{i}.{SERVICE}", "A", "127.0.0.1") for i in range(3)]
        with run_keda(names) as address:
            await until(address, [3.0])
            names.records[PORT_NAME, "SRV"] = [f"0 100 11626 {SERVICE}"]
            await until(address, "ServiceNotHeadless: Service stellar/core is not headless")
            assert await ask(address) == [3.0]  # said once in a while; meanwhile those that are known count
