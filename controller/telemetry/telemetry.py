"""The telemetry port of the controller: Prometheus metrics and the two probes of the kubelet."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from aiohttp import web

from controller.telemetry.metrics import ControllerCollector
from readpool.host_port import HostPort, StartError
from readpool.telemetry.certificates import CertificateCollector
from readpool.telemetry.connections import Connections, GuardedSite
from readpool.telemetry.exposition import build_process_registry
from readpool.telemetry.http_port import build_telemetry_app, open_listener

SHUTDOWN_SECONDS = 1.0


@contextlib.asynccontextmanager
async def serve_telemetry(
    listen: HostPort, collector: ControllerCollector, is_ready: Callable[[], bool], certificates: Iterable[Path] = ()
) -> AsyncIterator[HostPort]:
    """Serve during the block, and give where; `certificates` are files whose ends are told.

    Raises:
        StartError: when the address cannot be listened on.
    """
    try:
        listener = open_listener(listen)
    except OSError as error:
        raise StartError(f"--telemetry-listen {listen} cannot be bound: {error.strerror or error}") from None
    registry = build_process_registry(collector)
    registry.register(CertificateCollector(certificates))
    connections = Connections()
    app = build_telemetry_app(registry, is_ready, connections)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await GuardedSite(runner, listener, connections).start()
        yield HostPort(listen.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()
