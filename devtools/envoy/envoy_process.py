"""A real Envoy for tests and benchmarks: started with a configuration, asked by its admin socket, ended by its id."""

import asyncio
import contextlib
import http.client
import json
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
END_SECONDS = 10.0


def name_admin_socket() -> str:
    """Name an abstract socket that no other Envoy here has."""
    return f"@readpool-test-{secrets.token_hex(8)}"


def ask_admin(place: str, path: str) -> str:
    """Ask the Envoy whose admin interface is at this Unix socket for a path; return the body.

    Raises:
        OSError: while it does not listen.
    """
    connection = http.client.HTTPConnection("admin")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(END_SECONDS)
        connection.sock.connect(place)
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


class EnvoyProcess:
    """A running Envoy; `admin` is its abstract socket."""

    def __init__(self, process: asyncio.subprocess.Process, admin: str, log: Path) -> None:
        self.process = process
        self.log = log
        self._admin = admin

    async def ask_admin(self, path: str) -> str:
        """Ask the admin interface for a path; return the body.

        Raises:
            OSError: while it does not listen.
        """
        return await asyncio.to_thread(self._ask_admin, path)

    def _ask_admin(self, path: str) -> str:
        return ask_admin("\0" + self._admin.removeprefix("@"), path)

    async def read_counters(self, pattern: str) -> dict[str, int]:
        """Read the counters and gauges whose names match a regular expression, by their names."""
        stats = json.loads(await self.ask_admin(f"/stats?format=json&filter={pattern}"))["stats"]
        return {one["name"]: one["value"] for one in stats if "name" in one}

    async def wait_until_live(self) -> None:
        """Wait until it takes requests: listeners up, clusters warm."""
        async with asyncio.timeout(START_SECONDS):
            while not await self._is_live():
                if self.process.returncode is not None:
                    raise RuntimeError(f"envoy ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}")
                await asyncio.sleep(0.05)

    async def end(self) -> None:
        """End it as a node does: SIGTERM, and SIGKILL when it stays."""
        if self.process.returncode is None:
            self.process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), END_SECONDS)
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def _is_live(self) -> bool:
        try:
            return (await self.ask_admin("/ready")).strip() == "LIVE"
        except OSError:
            return False


@contextlib.asynccontextmanager
async def run_envoy(
    binary: Path,
    config: Mapping[str, Any],
    folder: Path,
    flags: Sequence[str] = ("--concurrency", "1"),
    place: Sequence[str] = (),
) -> AsyncIterator[EnvoyProcess]:
    """Run Envoy with a bootstrap, whose admin address is an abstract socket, until the block ends.

    It need not be live yet when the block begins: see wait_until_live. `place` comes before the command, such as that
    of another network, where its admin socket is then.
    """
    admin = config["admin"]["address"]["pipe"]["path"]
    log = folder / f"envoy-{admin.removeprefix('@')}.log"
    command = [
        *place,
        str(binary),
        "--config-yaml",
        json.dumps(config),
        "--disable-hot-restart",
        "--log-level",
        "warning",
    ]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, *flags, stdout=output, stderr=output)
    envoy = EnvoyProcess(process, admin, log)
    try:
        yield envoy
    finally:
        await envoy.end()
