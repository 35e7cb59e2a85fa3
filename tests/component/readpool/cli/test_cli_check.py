"""`readpool check` against real scalers, over TLS as well, and against what is none."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from grpc_health.v1 import health_pb2, health_pb2_grpc

from devtools.machine.ports import take_port
from readpool.cli.clients.endpoint import Endpoint
from readpool.cli.fleets.answers import Answer, find_addresses
from readpool.cli.fleets.check import ask, ask_until_answered, describe
from readpool.keda import externalscaler_pb2 as pb
from readpool.keda.externalscaler_pb2_grpc import add_ExternalScalerServicer_to_server
from tests.component.answering_scaler import AnsweringScaler
from tests.component.certificates import Authority, Pair, write_secret
from tests.component.scaler_process import run_scaler

AS_KEDA_ASKS = "as KEDA asks: SERVING, desiredReplicas with a target of 1, active."
DESIRED = pb.MetricSpec(metricName="desiredReplicas", targetSize=1, targetSizeFloat=1.0)
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class FixedHealth(health_pb2_grpc.HealthServicer):
    """Gives the same status to all who ask."""

    def __init__(self, status: int) -> None:
        self._status = status

    async def Check(self, _request: Any, _context: Any) -> health_pb2.HealthCheckResponse:  # noqa: N802  # the contract's name
        return health_pb2.HealthCheckResponse(status=self._status)


@asynccontextmanager
async def serve(scaler: AnsweringScaler, status: int, address: str = "127.0.0.1:0") -> AsyncIterator[int]:
    server = grpc.aio.server()
    add_ExternalScalerServicer_to_server(scaler, server)
    health_pb2_grpc.add_HealthServicer_to_server(FixedHealth(status), server)
    port = server.add_insecure_port(address)
    await server.start()
    yield port
    await server.stop(None)


def build_scaler(*specs: pb.MetricSpec, active: bool = True) -> AnsweringScaler:
    return AnsweringScaler(specs=list(specs), active=active)  # type: ignore[abstract]  # the streams stay unimplemented


def write_client(folder: Path, ca: bytes, pair: Pair | None = None) -> list[str]:
    folder.mkdir()
    flags = write_secret(folder, pair, ca) if pair else []
    (folder / "ca.crt").write_bytes(ca)
    return ["--tls-ca", str(folder / "ca.crt"), *flags]


async def run_check(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "readpool.cli",
        "check",
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environment},
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("flags", [pytest.param((), id="one"), pytest.param(("--each",), id="each")])
async def test_a_scaler_is_told_to_answer_in_one_line(flags: tuple[str, ...]) -> None:
    with run_scaler() as scaler:
        assert await run_check(scaler.grpc, *flags) == (0, f"{scaler.grpc} answers {AS_KEDA_ASKS}\n", "")


async def test_the_address_may_come_from_the_environment() -> None:
    with run_scaler() as scaler:
        code, out, _ = await run_check(READPOOL_SCALER=scaler.grpc)
    assert (code, out) == (0, f"{scaler.grpc} answers {AS_KEDA_ASKS}\n")


async def test_where_nobody_listens_the_verdict_says_so_on_stderr() -> None:
    code, out, err = await run_check(f"127.0.0.1:{take_port()}", "--timeout", "0.6")
    assert (code, out) == (1, "")
    assert "does not answer as KEDA asks" in err
    assert "Connection refused" in err
    assert err.count("\n") == 1


async def test_it_waits_for_a_scaler_that_is_still_starting() -> None:
    port = take_port()
    waiting = asyncio.create_task(ask_until_answered(Endpoint(f"127.0.0.1:{port}"), "readpool", 20, 1))
    assert (await ask(Endpoint(f"127.0.0.1:{port}"), "it", "readpool", 5)).failure
    async with serve(build_scaler(DESIRED), SERVING, f"127.0.0.1:{port}"):
        assert await waiting == [Answer(f"127.0.0.1:{port}")]


@pytest.mark.parametrize(
    ("scaler", "status", "failure", "is_final"),
    [
        pytest.param(build_scaler(DESIRED), NOT_SERVING, "its health is NOT_SERVING", False, id="draining"),
        pytest.param(build_scaler(), SERVING, "it names no metric instead of desiredReplicas", True, id="no metric"),
        pytest.param(
            build_scaler(pb.MetricSpec(metricName="queue", targetSizeFloat=5.5)),
            SERVING,
            "it names queue with a target of 5.5 instead of desiredReplicas",
            True,
            id="another scaler",
        ),
        pytest.param(build_scaler(DESIRED, active=False), SERVING, "inactive", True, id="inactive"),
    ],
)
async def test_an_answer_that_is_not_ours_fails(
    scaler: AnsweringScaler, status: int, failure: str, is_final: bool
) -> None:
    async with serve(scaler, status) as port:
        answer = await ask(Endpoint(f"127.0.0.1:{port}"), "it", "readpool", 5)
    assert failure in answer.failure
    assert answer.is_final == is_final


async def test_what_speaks_grpc_and_is_no_scaler_fails_at_once() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    (answer,) = await ask_until_answered(Endpoint(f"127.0.0.1:{port}"), "readpool", 60, None)
    await server.stop(None)
    assert answer.failure.startswith("UNIMPLEMENTED")


async def test_it_asks_in_the_namespace_that_it_is_given() -> None:
    scaler = build_scaler(DESIRED)
    async with serve(scaler, SERVING) as port:
        await ask(Endpoint(f"127.0.0.1:{port}"), "it", "stellar", 5)
    assert [name for name, _ in scaler.calls] == ["GetMetricSpec", "IsActive"]
    assert {request.namespace for _, request in scaler.calls if isinstance(request, pb.ScaledObjectRef)} == {"stellar"}


async def test_over_tls_the_name_is_checked_even_where_addresses_are_asked_one_by_one(tmp_path: Path) -> None:
    root = Authority("root")
    with run_scaler("--listen", "[::]:0", *write_secret(tmp_path / "server", root.issue(), root.root)) as scaler:
        address = f"localhost:{scaler.grpc.rpartition(':')[2]}"
        trusting = write_client(tmp_path / "client", root.root)
        code, _, err = await run_check(address, "--each", *trusting)
        assert (code, err) == (0, "")
        code, _, err = await run_check(address, "--each", "--timeout", "1", *trusting, "--tls-server-name", "another")
        assert code == 1
        distrusting = write_client(tmp_path / "other", Authority("another").root)
        code, _, err = await run_check(address, "--timeout", "1", *distrusting)
        assert (code, "CERTIFICATE_VERIFY_FAILED" in err) == (1, True)


async def test_a_client_certificate_is_shown_where_one_is_demanded(tmp_path: Path) -> None:
    root = Authority("root")
    flags = write_secret(tmp_path / "server", root.issue(), root.root)
    with run_scaler(*flags, "--tls-client-ca", str(tmp_path / "server" / "ca.crt")) as scaler:
        shown = write_client(tmp_path / "shown", root.root, root.issue("keda"))
        assert (await run_check(scaler.grpc, *shown))[0] == 0
        nothing = write_client(tmp_path / "nothing", root.root)
        assert (await run_check(scaler.grpc, "--timeout", "1", *nothing))[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("scaler",), "'scaler' is not HOST:PORT", id="no port"),
        pytest.param((":9090",), "':9090' is not HOST:PORT", id="no host"),
        pytest.param(("scaler:grpc",), "'scaler:grpc' is not HOST:PORT", id="a port's name"),
        pytest.param(("scaler:9090", "--timeout", "0"), "0.0 is not in the range x>0", id="no time"),
        pytest.param(("scaler:9090", "--tls-cert", __file__), "--tls-cert and --tls-key go together", id="half a pair"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_the_reason(arguments: tuple[str, ...], message: str) -> None:
    code, _, err = await run_check(*arguments)
    assert code == 2
    assert message in err


async def test_every_address_of_a_name_is_found_once() -> None:
    found = await find_addresses("localhost:9090", 1)
    assert found
    assert set(found) <= {"127.0.0.1:9090", "[::1]:9090"}
    assert len(found) == len(set(found))


async def test_a_name_that_nobody_knows_is_said_to_have_no_address() -> None:
    (answer,) = await ask_until_answered(Endpoint("nobody.invalid:9090"), "readpool", 0.1, 1)
    assert answer.failure.startswith("its address cannot be looked up")


async def test_a_name_with_fewer_addresses_than_expected_fails_as_long_as_it_has() -> None:
    with run_scaler() as scaler:
        code, out, err = await run_check(scaler.grpc, "--at-least", "2", "--timeout", "0.6")
        assert (code, out) == (1, "")
        assert f"{scaler.grpc}: DNS has 1 of 2 addresses for it" in err
        assert (await run_check(scaler.grpc, "--at-least", "1"))[0] == 0


async def test_a_url_with_fewer_addresses_than_expected_is_not_ready() -> None:
    async with serve_readiness(200) as url:
        code, _, err = await run_check(url, "--at-least", "2", "--timeout", "0.6")
    assert (code, err) == (1, f"{url} is not ready. {url.split('/')[2]}: DNS has 1 of 2 addresses for it\n")


async def test_an_address_that_becomes_known_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    look_up, known = loop.getaddrinfo, [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]]

    async def look_up_late(_host: str, port: int, **options: Any) -> list[Any]:
        hosts = known.pop(0) if len(known) > 1 else known[0]
        return [one for host in hosts for one in await look_up(host, port, **options)]

    monkeypatch.setattr(loop, "getaddrinfo", look_up_late)
    async with serve(build_scaler(DESIRED), SERVING, "0.0.0.0:0") as port:
        answers = await ask_until_answered(Endpoint(f"late.example:{port}"), "readpool", 20, 2)
    assert answers == [Answer(f"127.0.0.1:{port}"), Answer(f"127.0.0.2:{port}")]


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        pytest.param([Answer("10.0.0.1:1")], f"s:1 answers {AS_KEDA_ASKS}", id="one that answers"),
        pytest.param(
            [Answer("10.0.0.1:1"), Answer("10.0.0.2:1")], f"All 2 scalers at s:1 answer {AS_KEDA_ASKS}", id="two"
        ),
        pytest.param(
            [Answer("10.0.0.1:1"), Answer("10.0.0.2:1", "it calls a pool with a target inactive")],
            "s:1 does not answer as KEDA asks (1 of 2 fail). 10.0.0.2:1: it calls a pool with a target inactive",
            id="one of two",
        ),
    ],
)
def test_the_verdict_is_one_line(answers: list[Answer], line: str) -> None:
    assert describe("s:1", answers) == line


@asynccontextmanager
async def serve_readiness(*statuses: int) -> AsyncIterator[str]:
    """Serve /readyz with these statuses, one after the other, the last one again and again; yield its URL."""
    left = list(statuses)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0], text="watching\nPool")

    app = web.Application()
    app.router.add_get("/readyz", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/readyz"
    await runner.cleanup()


@pytest.mark.parametrize("flags", [pytest.param((), id="one"), pytest.param(("--each",), id="each")])
async def test_a_url_is_asked_whether_it_is_ready(flags: tuple[str, ...]) -> None:
    async with serve_readiness(200) as url:
        assert await run_check(url, *flags) == (0, f"{url} is ready.\n", "")


async def test_it_waits_for_what_is_not_ready_yet() -> None:
    async with serve_readiness(503, 503, 200) as url:
        assert await run_check(url, "--timeout", "20") == (0, f"{url} is ready.\n", "")


async def test_what_is_not_ready_is_told_with_what_it_says() -> None:
    async with serve_readiness(503) as url:
        code, out, err = await run_check(url, "--timeout", "0.6")
    assert (code, out) == (1, "")
    assert err == f"{url} is not ready. {url.split('/')[2]}: 503 watching Pool\n"


async def test_where_nobody_listens_a_url_is_not_ready() -> None:
    code, _, err = await run_check(f"http://localhost:{take_port()}/readyz", "--each", "--timeout", "0.6")
    assert code == 1
    assert "is not ready. " in err
    assert "All connection attempts failed" in err
