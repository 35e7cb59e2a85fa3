"""The program's process: the keeper beside a telemetry port, until SIGTERM."""

import asyncio
import contextlib
from importlib.metadata import version
from typing import Any

import structlog

from readpool.certificates.collector import IssuedCollector
from readpool.certificates.keeper import Keeper
from readpool.certificates.settings import CertificateSettings
from readpool.certificates.stats import CertificateStats
from readpool.clock import steady_clock
from readpool.host_port import StartError
from readpool.kubernetes.client import NoKubernetes, connect
from readpool.signals import watch_signals
from readpool.telemetry.exposition import build_process_registry
from readpool.telemetry.telemetry_port import serve_telemetry_port

_log = structlog.get_logger()


async def serve(settings: CertificateSettings) -> None:
    """Look after certificates until SIGTERM or SIGINT.

    Raises:
        StartError: when there is no cluster, or the telemetry address cannot be bound.
    """
    stopping = watch_signals()
    stats = CertificateStats()
    registry = build_process_registry(IssuedCollector(stats))
    _log.info("starting", version=version("readpool"), **_describe(settings))
    try:
        async with (
            connect(settings.kubeconfig) as client,
            serve_telemetry_port(settings.telemetry_listen, registry, lambda: stats.is_complete) as port,
        ):
            _log.info("serving", telemetry=str(port))
            keeper = Keeper(client, settings, stats, steady_clock())
            work = asyncio.create_task(keeper.run(), name="certificates")
            both: set[asyncio.Future[Any]] = {work, stopping}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
    except NoKubernetes as error:
        raise StartError(f"no cluster: {error}; set --kubeconfig, or run in a pod") from None
    _log.info("stopped")


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
