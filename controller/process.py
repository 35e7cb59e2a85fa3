"""The controller's process: wires stores, queue, plan and writes together, stands for election, and ends in order.

Every replica keeps its stores up to date; the one that holds the Lease listens to the scaler and writes. At SIGTERM a
write that has begun is finished, the Lease is let go, and the other replica goes on at once.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from importlib.metadata import version
from typing import Any

import structlog

from controller.archives.archive_fetch import ArchiveFetcher
from controller.archives.archives import Archives
from controller.cluster.watches import Watches
from controller.events.event_recorder import EventRecorder
from controller.observed.pool_keys import PoolKey
from controller.observer.fleet_streams import FleetStreams
from controller.observer.scaler_link import ScalerLink
from controller.reconcile.apply import Applier
from controller.reconcile.reconcile import Reconciler
from controller.reconcile.work_queue import WorkQueue
from controller.reconcile.workers import RESYNC_SECONDS, Workers
from controller.settings import ControllerSettings
from controller.telemetry.metrics import ControllerCollector, Gauges
from controller.telemetry.stats import ControllerStats
from controller.telemetry.telemetry import serve_telemetry
from readpool.clock import Clock, steady_clock
from readpool.host_port import StartError
from readpool.kubernetes.client import KubernetesClient, NoKubernetes, connect
from readpool.kubernetes.lease import lead
from readpool.signals import watch_signals

_log = structlog.get_logger()


class Controller:
    """All parts of one process. `run` runs them until it is cancelled."""

    def __init__(self, client: KubernetesClient, settings: ControllerSettings, clock: Clock) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self.stats = ControllerStats()
        self._leading: _Leading | None = None
        self.watches = Watches(client, settings.namespaces, self._queue, settings.check_seconds)

    @property
    def is_ready(self) -> bool:
        """Whether the stores have what there is now, so that this process could take over at once."""
        return self.watches.synced.is_set() and self.watches.sight.is_current

    def build_collector(self) -> ControllerCollector:
        """Build what Prometheus reads."""
        return ControllerCollector(self.stats, self._read_gauges)

    async def run(self) -> None:
        """Watch, and lead whenever the Lease is ours."""
        settings = self._settings
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watches.run(), name="watches")
            await self.watches.synced.wait()
            names = sorted(kind.name for kind in self.watches.optional_kinds)
            _log.info("watching", pools=len(self.watches.list_pools()), optionalKinds=names)
            await lead(self._client, settings.lease_namespace, settings.lease_name, settings.identity, self._lead)

    async def _lead(self) -> None:
        """Look after all pools until cancelled."""
        async with lead_pools(self._client, self.watches, self._settings, self.stats, self._clock) as leading:
            self._leading = leading
            try:
                await leading.run()
            finally:
                self._leading = None

    def _queue(self, key: PoolKey) -> None:
        if self._leading is not None:
            self._leading.queue.add(key)

    def _read_gauges(self) -> Gauges:
        leading = self._leading
        return Gauges(
            is_leading=leading is not None,
            objects={kind.name: self.watches.count(kind) for kind in self.watches.kinds},
            queued=leading.workers.queued if leading is not None else 0,
            failing=leading.workers.failing if leading is not None else 0,
            pools_watched=len(leading.streams) if leading is not None else 0,
            connected=leading.streams.connected if leading is not None else 0,
        )


class _Leading:
    """What exists only while this process leads: recreated with each term, so that nothing old is left."""

    def __init__(
        self,
        client: KubernetesClient,
        watches: Watches,
        settings: ControllerSettings,
        stats: ControllerStats,
        clock: Clock,
    ) -> None:
        self._watches = watches
        self.queue = WorkQueue()
        self.link = ScalerLink(settings.scaler_address, settings.scaler_tls)
        self.streams = FleetStreams(self.link, self.queue.add, self.queue.add_after, clock)
        fetcher = ArchiveFetcher(settings.networks, allow_loopback=settings.allow_loopback_archives)
        self.archives = Archives(self.queue.add, clock, fetcher)
        self.recorder = EventRecorder(client, settings.identity, stats, clock)
        applier = Applier(client, watches, stats)
        reconciler = Reconciler(
            watches, applier, self.streams, self.archives, self.recorder, settings.to_plan_settings(), stats, clock
        )
        self.workers = Workers(self.queue, reconciler, applier, settings.workers)

    async def run(self) -> None:
        """Queue all pools, now and once in a while, and work."""
        async with running(self._resync(), "resync"):
            await self.workers.run()

    async def _resync(self) -> None:
        while True:
            for manifest in self._watches.list_pools():
                key = PoolKey(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
                self.queue.add(key, is_urgent=False)
            await asyncio.sleep(RESYNC_SECONDS)


@contextlib.asynccontextmanager
async def lead_pools(
    client: KubernetesClient, watches: Watches, settings: ControllerSettings, stats: ControllerStats, clock: Clock
) -> AsyncIterator[_Leading]:
    """Make what leading takes, and take it down after the block."""
    leading = _Leading(client, watches, settings, stats, clock)
    try:
        async with running(leading.link.run(), "scaler link"), running(leading.recorder.run(), "events"):
            yield leading
    finally:
        leading.queue.close()
        await leading.streams.close()
        await leading.archives.close()


@contextlib.asynccontextmanager
async def running(work: Awaitable[None], name: str) -> AsyncIterator[None]:
    """Run something beside the block, and end it with the block; what it fails with, the block does not."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: _report(done, name))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _report(task: "asyncio.Future[None]", name: str) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("taskFailed", part=name, exc_info=task.exception())


async def serve(settings: ControllerSettings) -> None:
    """Run the controller until SIGTERM or SIGINT.

    Raises:
        StartError: when it cannot start with these settings: no cluster, an address in use.
    """
    stopping = watch_signals()
    _log.info("starting", version=version("readpool"), **_describe(settings))
    try:
        async with connect(settings.kubeconfig) as client:
            await _serve(client, settings, stopping)
    except NoKubernetes as error:
        raise StartError(f"no cluster: {error}; set --kubeconfig, or run in a pod") from None
    _log.info("stopped")


async def _serve(client: KubernetesClient, settings: ControllerSettings, stopping: "asyncio.Future[str]") -> None:
    controller = Controller(client, settings, steady_clock())
    async with (
        serve_telemetry(
            settings.telemetry_listen,
            controller.build_collector(),
            lambda: controller.is_ready and not stopping.done(),
            settings.certificates,
        ) as telemetry,
        _serving_eds(settings, controller.watches, controller.stats),
    ):
        work = asyncio.create_task(controller.run(), name="controller")
        _log.info("serving", telemetry=str(telemetry), cpuSeconds=round(time.process_time(), 2))
        both: set[asyncio.Future[Any]] = {work, stopping}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            _log.info("stopping", signal=stopping.result())
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


def _serving_eds(
    settings: ControllerSettings, watches: Watches, stats: ControllerStats
) -> contextlib.AbstractAsyncContextManager[None]:
    if settings.eds is None:
        return contextlib.nullcontext()
    from controller.eds.eds_server import serve_eds  # noqa: PLC0415 - Envoy's messages take long to load

    return serve_eds(settings.eds, watches, stats)


def _describe(settings: ControllerSettings) -> dict[str, object]:
    tls = settings.scaler_tls
    return {
        "namespaces": list(settings.namespaces) or "all",
        "scaler": settings.scaler_address,
        "scalerTls": "off" if tls is None else "on" if tls.certificate is None else "mutual",
        "lease": f"{settings.lease_namespace}/{settings.lease_name}",
        "identity": settings.identity,
        "telemetryListen": str(settings.telemetry_listen),
        "gateImage": settings.gate_image or "none",
        "edsListen": "off" if settings.eds is None else str(settings.eds.listen),
        "allowClusterAuthentication": settings.grants.cluster_authentication,
        "allowOtherScalers": settings.grants.other_scalers,
        "gatewayNamespaces": list(settings.grants.gateway_namespaces),
        "runbookUrl": settings.runbook_url,
        "alertLabels": dict(settings.alert_labels),
        "scraperNamespaces": list(settings.scraper_namespaces),
        "allowNetworks": [str(network) for network in settings.networks.allowed] or "all",
        "denyNetworks": [str(network) for network in settings.networks.denied],
        "workers": settings.workers,
    }
