"""The scaler as the chart runs it without TLS, with one honest fleet; KEDA, a watcher and the kubelet ask meanwhile.

Every pod may call it then. With TLS, which the chart has by default, none without a certificate gets as far: that is
parts.scaler_tls.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import grpc

from devtools.machine.ports import take_ports
from readpool.simulator.fleet import FleetSettings, start_fleet
from tests.e2e.rendered_chart import find_helm
from tests.hostile.chart_programs import run_chart_program
from tests.hostile.keda import VICTIM, call_honestly
from tests.hostile.part import Part
from tests.hostile.readers import KUBELET, be_kubelet

SETTINGS = ("tls.mode=off", "controller.enabled=false")
KUBELET_SECONDS = 0.5
MOST_HEALTH_P99_MS = 500.0
_METRIC = "readpool_event_loop_lag_seconds"


def run_part(folder: Path) -> AbstractAsyncContextManager[Part]:
    """Run it."""
    return run_scaler(folder)


@contextlib.asynccontextmanager
async def run_scaler(
    folder: Path, flags: Sequence[str] = (), credentials: grpc.ChannelCredentials | None = None
) -> AsyncIterator[Part]:
    """Run a scaler with flags beside those of the chart; the honest ones call it with these credentials."""
    helm, (grpc_port, telemetry, shared) = find_helm(), take_ports(3)
    fleet_settings = FleetSettings(name="core", namespace=VICTIM, nodes=3, shared_port=shared)
    async with await start_fleet(fleet_settings) as fleet:
        dns = await fleet.start_dns()
        own = (f"--listen=127.0.0.1:{grpc_port}", f"--telemetry-listen=127.0.0.1:{telemetry}")
        lab = ("--allow-loopback-nodes", f"--dns-server=127.0.0.1:{dns.port}")
        async with run_chart_program(helm, "scaler", SETTINGS, (*own, *lab, *flags), folder) as scaler:
            metadata = {"service": "core", "port": str(shared), "targetReplicas": "3"}
            async with call_honestly(f"127.0.0.1:{grpc_port}", metadata, credentials) as callers:
                kubelet = be_kubelet(telemetry, KUBELET_SECONDS, most_p99_ms=MOST_HEALTH_P99_MS)

                async def find_harm() -> list[str]:
                    return await asyncio.to_thread(scaler.find_harm)

                async def tell() -> Mapping[str, str]:
                    return {"loop lag p99, ms": await read_lag(telemetry)}

                ports = {"grpc": grpc_port, "telemetry": telemetry, "nodes": shared}
                yield Part(ports, (*callers, kubelet), scaler.memory, find_harm, tell)


async def read_lag(port: int) -> str:
    """Read from a scaler's metrics below which of its steps 99 of 100 lags of its event loop were."""
    connector = aiohttp.TCPConnector(local_addr=(KUBELET, 0))
    url = f"http://127.0.0.1:{port}/metrics"
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        lines = (await answer.text()).splitlines()
    buckets = [line.rpartition(" ") for line in lines if line.startswith(f"{_METRIC}_bucket")]
    counts = [(name.partition('le="')[2].rstrip('"}'), float(count)) for name, _, count in buckets]
    most = counts[-1][1]
    return next((f"{1000 * float(step):g}" for step, count in counts if count >= 0.99 * most), "none")
