"""The telemetry port: the live page and its events, Prometheus metrics, and the two probes of the kubelet.

`start_telemetry` is called by scaler/server.py. Everything is GET, everything is the same for everyone, and nothing
here can change what the scaler does; the headers keep a browser from being used against it all the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from readpool.telemetry.certificates import CertificateCollector
from readpool.telemetry.connections import Connections, GuardedSite
from readpool.telemetry.http_port import ListenAddress, build_telemetry_app, open_listener
from scaler.telemetry.event_stream import EventStreams, StreamLimits
from scaler.telemetry.fleet_feed import FleetFeed, FleetsView
from scaler.telemetry.page_files import PageFile, read_page_files
from scaler.telemetry.prometheus import MAX_REPLICA_SERIES, build_registry
from scaler.telemetry.stats import ScalerStats

LOOP_LAG_INTERVAL_SECONDS = 0.1
SHUTDOWN_SECONDS = 1.0
"""For answers that are being written when the port closes; event streams are ended at once."""
DEFAULT_LIMITS = StreamLimits()


class TelemetryServer:
    """The open port. Made by `start_telemetry`.

    Attributes:
        port: the port that it listens on.
        feed: what the clients of /events share, the record of lags among it.
        streams: these clients.
    """

    def __init__(self, feed: FleetFeed, streams: EventStreams, runner: web.AppRunner, stats: ScalerStats) -> None:
        self.port: int = runner.addresses[0][1]
        self.feed = feed
        self.streams = streams
        self._runner = runner
        self._tasks = (asyncio.create_task(feed.record()), asyncio.create_task(_measure_loop_lag(stats)))

    async def stop(self) -> None:
        """End every stream, close the port and wait until both are done."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()


async def start_telemetry(
    listen: ListenAddress,
    fleets: FleetsView,
    *,
    is_ready: Callable[[], bool],
    stats: ScalerStats,
    clock: Callable[[], float] = time.time,
    max_replica_series: int = MAX_REPLICA_SERIES,
    limits: StreamLimits = DEFAULT_LIMITS,
    certificates: Iterable[Path] = (),
) -> TelemetryServer:
    """Open the telemetry port; it serves until `stop()`.

    Call it before gRPC serves, so that `/healthz` answers while the scaler starts, and stop it last, so that `/readyz`
    says 503 and the metrics of a draining scaler can still be read.

    Args:
        listen: has `host` and `port`. "::" listens on IPv4 as well. Port 0 takes a free one: `TelemetryServer.port`.
        fleets: scaler.fleets.fleets.Fleets; only `all()`, `changed(after)` and each fleet's `snapshot` are used.
        is_ready: True once gRPC serves and while nodes are observed, False again as soon as the scaler drains. Called
            at each GET of /readyz.
        stats: what the poller (`count_poll`) and the services (`count_grpc_request`) count; loop lag is counted here.
        clock: Unix time in seconds, the one that the snapshots are stamped with.
        max_replica_series: replicas, over all fleets, up to which each has Prometheus series of its own.
        limits: what the clients of /events may take.
        certificates: files whose ends are told.

    Raises:
        OSError: when the address cannot be listened on.
    """
    listener = open_listener(listen)
    feed = FleetFeed(fleets)
    registry = build_registry(lambda: tuple(feed.snapshots().values()), stats, max_replica_series)
    registry.register(CertificateCollector(certificates))
    streams = EventStreams(feed, clock, limits)
    connections = Connections()
    runner = web.AppRunner(
        _build_app(streams, registry, is_ready, connections),
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    await GuardedSite(runner, listener, connections).start()
    return TelemetryServer(feed, streams, runner, stats)


def _build_app(
    streams: EventStreams, registry: CollectorRegistry, is_ready: Callable[[], bool], connections: Connections
) -> web.Application:
    async def end_streams(_app: web.Application) -> None:
        streams.close()

    app = build_telemetry_app(registry, is_ready, connections)
    for file in read_page_files():
        app.router.add_get(file.path, _build_file_handler(file))
    app.router.add_get("/events", streams.serve)
    app.on_shutdown.append(end_streams)
    return app


def _build_file_handler(file: PageFile) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve_file(_request: web.Request) -> web.Response:
        return web.Response(body=file.body, content_type=file.content_type, charset="utf-8")

    return serve_file


async def _measure_loop_lag(stats: ScalerStats) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOP_LAG_INTERVAL_SECONDS
        await asyncio.sleep(LOOP_LAG_INTERVAL_SECONDS)
        stats.loop_lag_seconds.observe(max(0.0, loop.time() - due))
