"""Single processes of the simulated Core for tests, each with its own configuration, and what one waits for of them."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from readpool.simulator.core_config import NodeKey, Ports, build_validator_config, build_watcher_config
from readpool.simulator.core_process import CoreBinary, CoreProcess, check_binary, generate_key

WAIT_SECONDS = 40.0
PASSPHRASE = "Private Network ; component tests"  # noqa: S105 - a network's name, which Stellar calls so


@dataclass
class Nodes:
    """A validator, and what else a test starts; all with archives in one folder."""

    binary: CoreBinary
    key: NodeKey
    folder: Path
    take_ports: Callable[[], Ports]
    started: list[CoreProcess]

    async def start_validator(self) -> Ports:
        """Start the validator of the network; return where it listens."""
        (self.folder / "history").mkdir()
        ports = self.take_ports()
        config = build_validator_config(PASSPHRASE, ports, self.key, is_accelerated=True)
        node = await self._prepare("validator", config, ports)
        await node.command("new-hist", "local")
        await node.start()
        return ports

    async def start_watcher(self, name: str, peer: Ports, *replacements: tuple[str, str]) -> CoreProcess:
        """Start a watcher that knows one peer; what its configuration says is replaced pair by pair."""
        node = await self.prepare_watcher(name, peer, *replacements)
        await node.start()
        return node

    async def prepare_watcher(self, name: str, peer: Ports, *replacements: tuple[str, str]) -> CoreProcess:
        """Make the folder, configuration and database of a watcher."""
        ports = self.take_ports()
        config = build_watcher_config(PASSPHRASE, ports, peer, self.key.account, is_accelerated=True)
        for old, new in replacements:
            assert old in config
            config = config.replace(old, new)
        return await self._prepare(name, config, ports)

    async def close(self) -> None:
        """End all."""
        await asyncio.gather(*(node.end() for node in self.started))

    async def _prepare(self, name: str, config: str, ports: Ports) -> CoreProcess:
        node = CoreProcess(self.binary.path, self.folder / name, config, ports.http)
        self.started.append(node)
        await node.prepare()
        return node


async def make_nodes(binary: Path, folder: Path, take_ports: Callable[[], Ports]) -> Nodes:
    """Make the key of a network that has no node yet."""
    checked = await check_binary(binary)
    return Nodes(checked, await generate_key(checked), folder, take_ports, [])


async def read_info(node: CoreProcess) -> dict[str, Any]:
    """Read /info; empty while nothing answers."""
    with suppress(OSError, ValueError, KeyError):
        return dict(json.loads(await node.ask("/info"))["info"])
    return {}


async def wait_for(node: CoreProcess, what: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until /info is so, at most WAIT_SECONDS; return it."""
    info: dict[str, Any] = {}
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not (info and is_so(info)):
                await asyncio.sleep(0.02)
                info = await read_info(node)
    except TimeoutError:
        raise AssertionError(f"not within {WAIT_SECONDS:g} s: {what}; {info}; {node.log_tail()}") from None
    return info


def read_peer_port(node: CoreProcess) -> int:
    """Read from its configuration where a node listens for peers."""
    found = re.search(r"PEER_PORT=(\d+)", (node.folder / "node.cfg").read_text())
    assert found
    return int(found[1])
