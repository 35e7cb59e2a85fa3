"""The program's process: the keeper beside a telemetry port, until SIGTERM."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import structlog
from aiohttp import web

from readpool.certificates.collector import IssuedCollector
from readpool.certificates.keeper import Keeper
from readpool.certificates.settings import CertificateSettings
from readpool.certificates.stats import CertificateStats
from readpool.clock import steady_clock
from readpool.host_port import HostPort, SettingsError
from readpool.kubernetes.client import NoKubernetes, connect
from readpool.signals import watch_signals
from readpool.telemetry.connections import Connections, GuardedSite
from readpool.telemetry.exposition import build_process_registry
from readpool.telemetry.http_port import build_telemetry_app, open_listener

_SHUTDOWN_SECONDS = 1.0
_log = structlog.get_logger()


async def serve(settings: CertificateSettings) -> None:
    """Look after certificates until SIGTERM or SIGINT.

    Raises:
        SettingsError: when it cannot start with these settings: no cluster, an address in use.
    """
    stopping = watch_signals()
    stats = CertificateStats()
    _log.info("starting", version=version("readpool"), **_describe(settings))
    try:
        async with connect(settings.kubeconfig) as client, _serving_telemetry(settings.telemetry_listen, stats) as port:
            _log.info("serving", telemetry=str(port))
            keeper = Keeper(client, settings, stats, steady_clock())
            work = asyncio.create_task(keeper.run(), name="certificates")
            both: set[asyncio.Future[Any]] = {work, stopping}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
    except NoKubernetes as error:
        raise SettingsError(f"no cluster: {error}; set --kubeconfig, or run in a pod") from None
    _log.info("stopped")


@contextlib.asynccontextmanager
async def _serving_telemetry(listen: HostPort, stats: CertificateStats) -> AsyncIterator[HostPort]:
    try:
        listener = open_listener(listen)
    except OSError as error:
        raise SettingsError(f"--telemetry-listen {listen} cannot be bound: {error.strerror or error}") from None
    connections = Connections()
    registry = build_process_registry(IssuedCollector(stats))
    app = build_telemetry_app(registry, lambda: stats.is_complete, connections)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await GuardedSite(runner, listener, connections).start()
        yield HostPort(listen.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _describe(settings: CertificateSettings) -> dict[str, object]:
    return {
        "authority": str(settings.authority or "none"),
        "servers": [str(leaf.secret) for leaf in settings.leaves if leaf.is_server],
        "clients": [str(leaf.secret) for leaf in settings.leaves if not leaf.is_server],
        "copies": [f"{copy.source} to {copy.target}" for copy in settings.copies],
        "durationSeconds": settings.lifetimes.leaf_seconds,
        "authorityDurationSeconds": settings.lifetimes.authority_seconds,
        "telemetryListen": str(settings.telemetry_listen),
    }
