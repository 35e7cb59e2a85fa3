"""A StatefulSet-like fleet of real stellar-core processes: one validator and watchers, a private network on 127.0.0.1.

The same story as on simulated nodes, on real ones: `start_core_network(binary, CoreNetworkSettings(nodes=5))`. The
watchers are the fleet; the validator is the network (halt stops it). All lives in a temporary folder until `close`.
"""

import asyncio
import json
import random
import shutil
import signal
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from readpool.simulator.core_config import HISTORY, NodeKey, Ports, build_validator_config, build_watcher_config
from readpool.simulator.core_process import CoreBinary, CoreError, CoreProcess, check_binary, generate_key
from readpool.simulator.port_leases import lease_port
from readpool.simulator.stateful_fleet import StatefulFleet

CANDIDATE_PORTS = range(20_000, 32_768)
"""Below the ports that the kernel gives to outgoing connections, which would take a node's while it restarts."""
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class CoreNetworkSettings:
    """What a private network is made of.

    Attributes:
        name: of the fleet; its nodes are NAME-0, NAME-1 and so on.
        nodes: how many watchers begin.
        is_accelerated: 1 s ledgers and 8-ledger checkpoints; otherwise real ones, 5 s and 64.
        replays_all: CATCHUP_COMPLETE: a newcomer replays the whole history.
        ready_seconds: within which the first nodes must be in step.
    """

    name: str = "pool"
    nodes: int = 3
    passphrase: str = "Private Network ; readpool"  # noqa: S105 - a network's name, which Stellar calls so
    is_accelerated: bool = True
    replays_all: bool = False
    ready_seconds: float = 90.0


class CoreNetwork(StatefulFleet):
    """A `StatefulFleet` of real processes. Made by `start_core_network`."""

    def __init__(self, binary: CoreBinary, key: NodeKey, settings: CoreNetworkSettings) -> None:
        self.binary = binary
        self.settings = settings
        self._key = key
        self._folder = Path(tempfile.mkdtemp(prefix="readpool-core-"))
        self._leases = ExitStack()
        self._nodes: dict[str, CoreProcess] = {}
        self._validator_ports = self._take_ports()
        config = build_validator_config(
            settings.passphrase, self._validator_ports, key, is_accelerated=settings.is_accelerated
        )
        self.validator = CoreProcess(binary.path, self._folder / "validator", config, self._validator_ports.http)

    @property
    def network(self) -> str:
        """The passphrase of its network."""
        return self.settings.passphrase

    def names(self) -> tuple[str, ...]:
        """Name its nodes, NAME-0 first."""
        return tuple(self._nodes)

    def addresses(self) -> Mapping[str, str]:
        """Map each name to its command port, `http://127.0.0.1:PORT`."""
        return {name: f"http://127.0.0.1:{node.http_port}" for name, node in self._nodes.items()}

    async def scale(self, count: int) -> None:
        """Make it `count` nodes: newcomers have nothing and must catch up, the highest ordinals end permanently."""
        if count < 0:
            raise ValueError(f"count is {count!r}; it must be 0 or more")
        while len(self._nodes) > count:
            _, node = self._nodes.popitem()
            await node.end()
            await asyncio.to_thread(shutil.rmtree, node.folder)
        first = len(self._nodes)
        await asyncio.gather(*(self._add(f"{self.settings.name}-{ordinal}") for ordinal in range(first, count)))

    async def stop(self, name: str) -> None:
        """Send a node SIGSTOP."""
        self._node(name).signal(signal.SIGSTOP)

    async def resume(self, name: str) -> None:
        """Send a node SIGCONT."""
        self._node(name).signal(signal.SIGCONT)

    async def restart(self, name: str) -> None:
        """End a node's process and start it again with its database kept."""
        await self.die(name)
        await self.revive(name)

    async def die(self, name: str) -> None:
        """End a node's process; it says `Stopping` for about a second, then its port refuses. The database stays."""
        await self._node(name).end()

    async def revive(self, name: str) -> None:
        """Start the process of a dead node with its database. One that runs is left alone."""
        await self._node(name).start()

    async def halt(self) -> None:
        """Stop the validator, without which no ledger closes."""
        self.validator.signal(signal.SIGSTOP)

    async def unhalt(self) -> None:
        """Resume the validator."""
        self.validator.signal(signal.SIGCONT)

    async def close(self) -> None:
        """End every process and remove the folder. Twice is once."""
        await asyncio.gather(*(node.end() for node in (*self._nodes.values(), self.validator)))
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        self._leases.close()

    async def start(self) -> None:
        """Start the validator, bring its ledger to the binary's newest protocol, and start the first watchers.

        Returns when all of them are in step.

        Raises:
            CoreError: when one of them ends or is not in step in time.
        """
        (self._folder / HISTORY).mkdir()
        await self.validator.prepare()
        await self.validator.command("new-hist", "local")
        await self.validator.start()
        try:
            async with asyncio.timeout(self.settings.ready_seconds):
                await self._wait_until_synced("validator", self.validator)
                upgrade = f"mode=set&upgradetime=1970-01-01T00:00:00Z&protocolversion={self.binary.protocol}"
                await self.validator.ask(f"/upgrades?{upgrade}")
                await self.scale(self.settings.nodes)
                for name, node in self._nodes.items():
                    await self._wait_until_synced(name, node)
        except TimeoutError:
            raise CoreError(
                f"{self.binary.path}: the private network was not in step within {self.settings.ready_seconds:.0f} s; "
                f"the validator's log ends:\n{self.validator.log_tail()}"
            ) from None

    async def _add(self, name: str) -> None:
        ports = self._take_ports()
        config = build_watcher_config(
            self.settings.passphrase,
            ports,
            self._validator_ports,
            self._key.account,
            is_accelerated=self.settings.is_accelerated,
            replays_all=self.settings.replays_all,
        )
        node = CoreProcess(self.binary.path, self._folder / name, config, ports.http)
        self._nodes[name] = node
        await node.prepare()
        await node.start()

    def _node(self, name: str) -> CoreProcess:
        if name not in self._nodes:
            raise KeyError(f"{name!r} is not in the fleet; it has {', '.join(self._nodes) or 'no nodes'}")
        return self._nodes[name]

    async def _wait_until_synced(self, name: str, node: CoreProcess) -> None:
        while True:
            if not node.is_running:
                raise CoreError(f"{name} ended at its start; its log ends:\n{node.log_tail()}")
            with suppress(OSError, ValueError, KeyError):  # not yet listening, or not yet whole
                if json.loads(await node.ask("/info"))["info"]["state"] == "Synced!":
                    return
            await asyncio.sleep(LOOK_SECONDS)

    def _take_ports(self) -> Ports:
        peer, http = (self._take_port() for _ in range(2))
        return Ports(peer, http)

    def _take_port(self) -> int:
        """Lease a port that is free now, and that no other process leases until this network ends."""
        for port in random.sample(CANDIDATE_PORTS, 200):
            lease = lease_port(port)
            if lease is not None:
                self._leases.enter_context(lease)
                return port
        raise CoreError(f"no free port among 200 tried of {CANDIDATE_PORTS.start} to {CANDIDATE_PORTS.stop - 1}")


async def start_core_network(binary: Path | str, settings: CoreNetworkSettings | None = None) -> CoreNetwork:
    """Start a private network on the stellar-core at `binary`; it takes about 5 s. Whatever goes wrong, nothing stays.

    Raises:
        CoreError: when `binary` is missing, not executable or not stellar-core, or when the network does not start.
    """
    checked = await check_binary(binary)
    network = CoreNetwork(checked, await generate_key(checked), settings or CoreNetworkSettings())
    try:
        await network.start()
    except BaseException:
        await network.close()
        raise
    return network
