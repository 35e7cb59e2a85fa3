"""The query that ends Stellar Core arrives by no way to a replica that has a gate, nor by ours to one that has none.

What arrives is judged byte by byte, and a simulated Core lives on behind each way that has to keep it. One way that the
docs warn of does not keep it: an Envoy that keeps the spelling of headers, and sends bodies on as they come.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devtools.envoy.eds_router import POOL, run_router
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.envoy_process import name_admin_socket, run_envoy
from devtools.envoy.gate_process import build_request, read_status, run_gate, send
from devtools.machine.ports import take_ports
from tests.deadly_lengths import BODY, LENGTHS, write_deadly, write_deadly_forms, write_deadly_streams
from tests.e2e.rendered_chart import Helm
from tests.hostile.chart_router import run_chart_router, serve_discovery
from tests.hostile.processes import read_line, run_program
from tests.judged_requests import QUERY, find_deadly, find_faults
from tests.raw_core import run_raw_core

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built
Way = Callable[[int], AbstractAsyncContextManager[int]]
"""Leads to a replica's port, and gives the port that readers ask."""
AT_ONCE = 320
ANSWER_SECONDS = 1.5
_HTTP = "type.googleapis.com/envoy.extensions"
_PRESERVE = {
    "stateful_formatter": {
        "name": "preserve_case",
        "typed_config": {
            "@type": f"{_HTTP}.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
        },
    }
}


@contextlib.asynccontextmanager
async def lead_by_gate(folder: Path, replica: int) -> AsyncIterator[int]:
    async with run_gate(require_envoy(), folder, replica, replica) as gate:
        yield gate.ports.read


@contextlib.asynccontextmanager
async def lead_by_chart_router(helm: Helm, folder: Path, replica: int) -> AsyncIterator[int]:
    async with run_chart_router(helm, folder, replica, "deadly-router") as router:
        yield router.read


@contextlib.asynccontextmanager
async def lead_by_example(folder: Path, replica: int) -> AsyncIterator[int]:
    async with serve_discovery(POOL, replica) as port, run_router(require_envoy(), folder, port) as router:
        yield router.port


@contextlib.asynccontextmanager
async def lead_by_another_envoy(folder: Path, replica: int, *, keeps_case: bool = False) -> AsyncIterator[int]:
    """Lead by an Envoy as gateways and meshes set theirs up: bodies are sent on as they come, paths are normalized."""
    (port,) = take_ports(1)
    spelling: dict[str, Any] = {"http_protocol_options": {"header_key_format": _PRESERVE}} if keeps_case else {}
    manager = {
        "@type": f"{_HTTP}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "another",
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "route_config": {
            "virtual_hosts": [
                {"name": "a", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "replica"}}]}
            ]
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{_HTTP}.filters.http.router.v3.Router"}}],
        **spelling,
    }
    protocol = {
        "@type": f"{_HTTP}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": spelling or {"http_protocol_options": {}},
    }
    admin = name_admin_socket()
    config = {
        "admin": {"address": {"pipe": {"path": admin}}},
        "static_resources": {
            "listeners": [
                {
                    "name": "a",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "replica",
                    "type": "STATIC",
                    "load_assignment": {"cluster_name": "replica", "endpoints": [{"lb_endpoints": [_at(replica)]}]},
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol
                    },
                }
            ],
        },
    }
    async with run_envoy(require_envoy(), config, folder) as envoy:
        await envoy.wait_until_live()
        yield port


def _at(port: int) -> dict[str, Any]:
    return {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}


@contextlib.asynccontextmanager
async def lead_by_both(first: Way, then: Way, replica: int) -> AsyncIterator[int]:
    async with then(replica) as between, first(between) as port:
        yield port


@pytest.fixture
def ways(helm: Helm, tmp_path: Path) -> dict[str, Way]:
    gate, router = partial(lead_by_gate, tmp_path), partial(lead_by_chart_router, helm, tmp_path)
    example, another = partial(lead_by_example, tmp_path), partial(lead_by_another_envoy, tmp_path)
    keeping = partial(lead_by_another_envoy, tmp_path, keeps_case=True)
    return {
        "the gate": gate,
        "the router, to the gate": partial(lead_by_both, router, gate),
        "the router, without a gate": router,
        "an Envoy by the example, without a gate": example,
        "another Envoy, to the gate": partial(lead_by_both, another, gate),
        "another Envoy, without a gate": another,
        "an Envoy that keeps the case of headers, to the gate": partial(lead_by_both, keeping, gate),
        "an Envoy that keeps the case of headers, without a gate": keeping,
    }


NAMES = (
    "the gate",
    "the router, to the gate",
    "the router, without a gate",
    "an Envoy by the example, without a gate",
    "another Envoy, to the gate",
    "another Envoy, without a gate",
    "an Envoy that keeps the case of headers, to the gate",
)
LIVED_BEHIND = {"the gate", "the router, without a gate"}
"""Where a Core is run as well: where no byte of it arrives, one lives on."""


async def send_all(port: int, requests: list[bytes]) -> None:
    """Send each over a connection of its own, and wait a little for its end."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def send_one(request: bytes) -> None:
        async with turns:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    writer.write(request)
                    while await reader.read(1 << 16):
                        pass
            writer.close()

    async with asyncio.TaskGroup() as group:
        for request in requests:
            group.create_task(send_one(request))


def write_all() -> list[bytes]:
    return [one for length in LENGTHS for one in (*write_deadly_forms(length), *write_deadly_streams(length))]


@pytest.mark.parametrize("name", NAMES)
async def test_no_byte_of_it_arrives(ways: dict[str, Way], name: str) -> None:
    async with run_raw_core() as core, ways[name](core.port) as port:
        assert await ask(port) == 200
        core.received.clear()
        await send_all(port, write_all())
        assert await ask(port) == 200
        assert [one for raw in core.received for one in find_deadly(raw)] == []
        if "gate" in name and "without" not in name:
            assert [(faults, raw[:300]) for raw in core.received if (faults := find_faults(QUERY, raw))] == []


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in LIVED_BEHIND else pytest.mark.full) for name in NAMES],
)
async def test_a_core_behind_it_lives_on(ways: dict[str, Way], tmp_path: Path, name: str) -> None:
    async with run_core(tmp_path) as (core, query), ways[name](query) as port:
        await send_all(port, [form for length in (b"x", b"2147483648", b"") for form in write_deadly_forms(length)])
        await send_all(port, [form for length in (b"x", b"2147483648", b"") for form in write_deadly_streams(length)])
        assert core.returncode is None
        assert read_status(await send(query, build_request("POST", "/getledgerentryraw", BODY))) == 404  # no such key


async def test_where_nothing_is_before_core_it_ends(tmp_path: Path) -> None:
    for length in (b"x", b"", b"2147483648"):
        async with run_core(tmp_path) as (core, query):
            await send_all(query, [write_deadly(length)])
            async with asyncio.timeout(30):
                assert await core.wait() == -6, length  # which a shell, and the kubelet, call 134


async def test_an_envoy_that_keeps_the_case_of_headers_leads_it_to_a_core_without_a_gate(
    ways: dict[str, Way], tmp_path: Path
) -> None:
    way = ways["an Envoy that keeps the case of headers, without a gate"]
    async with run_core(tmp_path) as (core, query), way(query) as port:
        await send_all(port, [write_deadly(b"2147483648")])
        async with asyncio.timeout(30):
            assert await core.wait() == -6


async def ask(port: int) -> int:
    return read_status(await send(port, build_request("POST", "/getledgerentryraw", BODY)))


@contextlib.asynccontextmanager
async def run_core(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run a simulated Core; gives its process and its query port."""
    log = folder / "core.log"
    async with run_program([sys.executable, "-m", "tests.hostile.core"], log) as core:
        _, query = map(int, (await read_line(core, log)).split())
        yield core, query


async def test_what_is_deadly_is_told_from_what_is_not() -> None:
    async with run_raw_core() as core:
        await send_all(core.port, [write_deadly(length) for length in LENGTHS])
        assert len(core.received) == len(LENGTHS)
        assert all(find_deadly(raw) and find_faults(QUERY, raw) for raw in core.received)
        assert (
            find_deadly(write_deadly(b"8"))
            == find_deadly(write_deadly(b"-1"))
            == find_deadly(write_deadly(b"8x"))
            == []
        )
