"""A replica of a private network that is started as its container is: by the scripts of a pod, in its folder."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.core_config.core_config import CorePorts, CoreSettings, build_core_config
from controller.resources.start_command import PREPARE, START
from devtools.core.core_private import read_info
from readpool.networks import NetworkFacts
from readpool.simulator.core_network import CoreNetwork
from readpool.simulator.core_process import CoreProcess

ARCHIVE_OF_NOBODY = "http://127.0.0.1:9"
_OVERRIDE = """\
ALLOW_LOCALHOST_FOR_TESTING = true
ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING = {accelerated}
UNSAFE_QUORUM = true
FAILURE_SAFETY = 0
PREFERRED_PEERS = [{peers}]
[QUORUM_SET]
THRESHOLD_PERCENT = 100
VALIDATORS = ["{account}"]
"""


class StartedReplica(CoreProcess):
    """A replica with the configuration that we write; `peers` are the ports of those that it connects to."""

    def __init__(
        self, network: CoreNetwork, folder: Path, archive: str, peers: tuple[int, ...] = (), name: str = "pool-0"
    ) -> None:
        taken, query = network._take_ports(), network._take_port()
        self.ports = CorePorts(taken.peer, taken.http, query)
        self.name = name
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.checkpoint = folder / "checkpoint"
        known = (network._validator_ports.peer, *peers)
        override = _OVERRIDE.format(
            accelerated=str(network.settings.is_accelerated).lower(),
            peers=", ".join(f'"127.0.0.1:{port}"' for port in known),
            account=network._key.account,
        )
        settings = replace(
            CoreSettings(), archives=(archive,), override=override, data_folder=str(self.data), ports=self.ports
        )
        config = build_core_config(settings, 0, None, NetworkFacts(network.network))
        super().__init__(network.binary.path, folder, config, taken.http)
        (folder / "node.cfg").write_text(config)
        (folder / "bin").mkdir()
        (folder / "bin" / "stellar-core").symlink_to(network.binary.path)
        self.exit_code: int | None = None

    async def begin(self, stalled_seconds: int = 60, reach_ledgers: int = 80) -> None:
        """Prepare its folder and start it, as a new pod does."""
        assert await self._run(PREPARE, "prepare", str(self.data)) == 0, self.read_log()
        await self.begin_again(stalled_seconds, reach_ledgers)

    async def begin_again(self, stalled_seconds: int = 60, reach_ledgers: int = 80, *more: str) -> None:
        """Start it, as a pod's container that has ended does; `more` is what a template's `args` add."""
        arguments = (self.data, self.checkpoint, self.ports.command, stalled_seconds, reach_ledgers, *more)
        self._process = await self._spawn(START, "start", *map(str, arguments))

    async def begin_plainly(self) -> None:
        """Start Core on the folder as it is, with its configuration and nothing else."""
        self._process = await self._spawn('exec stellar-core --conf "$1" run', "start")

    async def wait_for_end(self) -> int:
        """Wait until its process has ended by itself; return its exit code."""
        assert self._process is not None
        async with asyncio.timeout(90):
            return await self._process.wait()

    async def wait_until(self, what: str, is_so: Callable[[dict[str, Any]], bool], seconds: float = 90.0) -> None:
        """Wait until its /info is so."""
        try:
            async with asyncio.timeout(seconds):
                while not ((info := await read_info(self)) and is_so(info)):  # noqa: ASYNC110 - Core tells nobody
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(
                f"not within {seconds} s: {what}; {await read_info(self)}\n{self.log_tail()}"
            ) from None

    async def wait_until_synced(self, seconds: float = 90.0) -> None:
        """Wait until it is in step."""
        await self.wait_until("in step", lambda info: info["state"] == "Synced!", seconds)

    def read_log(self) -> str:
        """Read all that it has logged."""
        return (self.folder / "node.log").read_text(encoding="utf-8", errors="replace")

    def end_at_once(self) -> None:
        """End it as a node that fails does."""
        with suppress(ProcessLookupError):
            assert self._process is not None
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _run(self, script: str, name: str, *arguments: str) -> int:
        process = await self._spawn(script, name, *arguments)
        return await process.wait()

    async def _spawn(self, script: str, name: str, *arguments: str) -> asyncio.subprocess.Process:
        environment = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "POD_NAME": self.name}
        with (self.folder / "node.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                "sh", "-c", script, name, str(self.folder / "node.cfg"), *arguments,
                cwd=self.data, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                process_group=0,
            )  # fmt: skip


async def read_checkpoint(network: CoreNetwork, frequency: int) -> str:
    """Wait until the validator closes the last ledger of a checkpoint; return the line that replicas are told of it."""
    async with asyncio.timeout(600):
        while True:
            info = await read_info(network.validator)
            ledger = info.get("ledger", {})
            if ledger and ledger["num"] % frequency == frequency - 1:
                return f"{ledger['num']} {ledger['hash']} {ledger['closeTime']}\n"
            await asyncio.sleep(0.1)
