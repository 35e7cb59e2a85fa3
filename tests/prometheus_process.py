"""A real Prometheus that scrapes ports of loopback, and what it answers."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import yaml

from devtools.cluster.builds import build_all
from devtools.machine.needs import UnmetNeedError
from devtools.machine.ports import take_ports
from devtools.strictness import skip_or_fail

SCRAPE_SECONDS = 1
_START_SECONDS = 30.0
_WITH_US = ("setpriv", "--pdeathsig=KILL", "--")


@dataclass(frozen=True, slots=True)
class Target:
    """What is scraped: a port of loopback, and what the Prometheus operator would label it with."""

    port: int
    path: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that runs."""

    port: int
    session: aiohttp.ClientSession

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Ask for the value of an expression now: a list of series, each with its labels and value.

        Raises:
            ValueError: when it is no expression.
        """
        found = await self._ask(f"query?{urlencode({'query': expression})}")
        result: list[dict[str, Any]] = found["result"]
        return result

    async def list_firing(self) -> dict[str, dict[str, Any]]:
        """List the alerts that fire, by name: their labels and annotations."""
        alerts = (await self._ask("alerts"))["alerts"]
        return {one["labels"]["alertname"]: one for one in alerts if one["state"] == "firing"}

    async def list_rules(self) -> list[dict[str, Any]]:
        """List the rules, each with its health and the error of its last evaluation."""
        groups = (await self._ask("rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def list_targets(self) -> dict[str, str]:
        """List what is scraped, by pod: "up", or what is the matter."""
        targets = (await self._ask("targets"))["activeTargets"]
        return {one["labels"]["pod"]: one["lastError"] or one["health"] for one in targets}

    async def _ask(self, path: str) -> Any:
        async with self.session.get(f"http://127.0.0.1:{self.port}/api/v1/{path}") as answer:
            told = await answer.json()
        if told["status"] != "success":
            raise ValueError(f"{path}: {told.get('error')}")
        return told["data"]


def find_prometheus() -> Path:
    """Find Prometheus in the cache, or build it; without Go, skip the test that needs it."""
    try:
        return build_all(("prometheus",)).path("prometheus")
    except UnmetNeedError as error:
        skip_or_fail(str(error))


@contextlib.asynccontextmanager
async def run_prometheus(
    binary: Path, folder: Path, targets: Sequence[Target], groups: Sequence[Mapping[str, Any]]
) -> AsyncIterator[Prometheus]:
    """Run one that scrapes these every second and goes by these groups of rules, until the block ends."""
    (port,) = take_ports(1)
    _write_settings(folder, targets, groups)
    command = [str(binary), f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*_WITH_US, *command, stdout=log, stderr=log)
    try:
        async with aiohttp.ClientSession() as session:
            await _wait_until_ready(session, port, process, folder / "log")
            yield Prometheus(port, session)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _write_settings(folder: Path, targets: Sequence[Target], groups: Sequence[Mapping[str, Any]]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": list(groups)}))
    (folder / "prometheus.yaml").write_text(json.dumps(_build_config(targets)))


def _read_tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]


def _build_config(targets: Sequence[Target]) -> dict[str, Any]:
    jobs = [
        {
            "job_name": str(number),
            "metrics_path": target.path,
            "static_configs": [{"targets": [f"127.0.0.1:{target.port}"], "labels": dict(target.labels)}],
        }
        for number, target in enumerate(targets)
    ]
    often = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{SCRAPE_SECONDS}s")
    return {"global": often, "rule_files": ["rules.yaml"], "scrape_configs": jobs}


async def _wait_until_ready(
    session: aiohttp.ClientSession, port: int, process: asyncio.subprocess.Process, log: Path
) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/-/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"Prometheus ended with {process.returncode}:\n{_read_tail(log)}")
