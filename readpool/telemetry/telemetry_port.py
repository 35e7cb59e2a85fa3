"""Serves the telemetry port of a program that has no page: the controller's and that of `readpool certificates`."""

import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry

from readpool.host_port import HostPort, StartError
from readpool.telemetry.connections import Connections, GuardedSite
from readpool.telemetry.http_port import build_telemetry_app, open_listener

SHUTDOWN_SECONDS = 1.0


@contextlib.asynccontextmanager
async def serve_telemetry_port(
    listen: HostPort, registry: CollectorRegistry, is_ready: Callable[[], bool]
) -> AsyncIterator[HostPort]:
    """Serve during the block, and yield where.

    Raises:
        StartError: when the address cannot be bound.
    """
    try:
        listener = open_listener(listen)
    except OSError as error:
        raise StartError(f"--telemetry-listen {listen} cannot be bound: {error.strerror or error}") from None
    connections = Connections()
    app = build_telemetry_app(registry, is_ready, connections)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await GuardedSite(runner, listener, connections).start()
        yield HostPort(listen.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()
