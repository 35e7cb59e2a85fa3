"""The fleet that the demo plays on, simulated or real, with the one fault of each kind that makes a replica lag."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from readpool.cli.demo.demo_plan import NAMESPACE, PORT_NAME, SERVICE, DemoPlan
from readpool.simulator.core_network import CoreNetworkSettings, start_core_network
from readpool.simulator.dns import ServiceName, start_dns
from readpool.simulator.fleet import FleetSettings, start_fleet
from readpool.simulator.network import NetworkSettings
from readpool.simulator.node import NodeSettings
from readpool.simulator.stateful_fleet import StatefulFleet

# As Core with accelerated time has them, so that both kinds tell the same story at the same pace.
LEDGER_SECONDS, CHECKPOINT_LEDGERS = 1.0, 8


@dataclass(frozen=True, slots=True)
class DemoFleet:
    """A fleet, and how one of its replicas is hindered and relieved, with the words for it."""

    nodes: StatefulFleet
    hinder: Callable[[str], Awaitable[None]]
    relieve: Callable[[str], Awaitable[None]]
    hindrance: str
    relief: str


@asynccontextmanager
async def run_simulated_fleet(plan: DemoPlan, seed: int) -> AsyncIterator[DemoFleet]:
    """Run simulated nodes, and end them after the block."""
    settings = FleetSettings(
        name=SERVICE,
        namespace=NAMESPACE,
        nodes=plan.nodes,
        network=NetworkSettings(ledger_seconds=LEDGER_SECONDS, checkpoint_ledgers=CHECKPOINT_LEDGERS, seed=seed),
        node=NodeSettings(apply_pace=5.0, bucket_seconds=2.0, download_seconds=1.0),
    )
    async with await start_fleet(settings) as nodes:

        async def hinder(name: str) -> None:
            await nodes.load(name, 1.0)

        async def relieve(name: str) -> None:
            await nodes.load(name, 0.0)

        yield DemoFleet(
            nodes,
            hinder,
            relieve,
            "is given more requests than it can serve, and applies no more ledgers",
            "gets fewer requests, and applies ledgers again",
        )


@asynccontextmanager
async def run_real_fleet(plan: DemoPlan, core: Path) -> AsyncIterator[DemoFleet]:
    """Run real stellar-core processes of this binary, and end them after the block.

    Raises:
        CoreError: the binary does not run, or its network does not come up.
    """
    async with await start_core_network(core, CoreNetworkSettings(name=SERVICE, nodes=plan.nodes)) as nodes:
        yield DemoFleet(
            nodes,
            nodes.stop,
            nodes.resume,
            "is stopped (SIGSTOP): it still accepts connections, and answers none",
            "is continued (SIGCONT)",
        )


@asynccontextmanager
async def serve_dns(nodes: StatefulFleet) -> AsyncIterator[str]:
    """Answer DNS for the fleet's headless Service during the block, and yield the server's HOST:PORT."""

    def find_endpoints() -> Mapping[str, tuple[str, int]]:
        urls = {name: urlsplit(address) for name, address in nodes.addresses().items()}
        return {name: (str(url.hostname), url.port or 0) for name, url in urls.items()}

    server = await start_dns(ServiceName(SERVICE, NAMESPACE, port_name=PORT_NAME), find_endpoints)
    try:
        yield server.address
    finally:
        await server.close()
