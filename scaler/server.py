"""The scaler's process: wires the poller, the gRPC services and the telemetry port together, and takes them down.

Start: observe, listen, say `serving`. Stop at SIGTERM: not ready, streams ended so that KEDA goes elsewhere, calls in
flight finished, all within the drain's bound; a second signal ends the process at once.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from importlib.metadata import version

import grpc
import structlog
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from readpool.bans import Bans
from readpool.budget import Budget, Limits
from readpool.call_guard import CallGuard
from readpool.client_names import list_guards
from readpool.clock import Clock, steady_clock
from readpool.connection_cuts import ConnectionCuts
from readpool.grpc_server import LAST_ANSWERS_SECONDS, build_options, listen
from readpool.host_port import HostPort, StartError
from readpool.keda import externalscaler_pb2, externalscaler_pb2_grpc
from readpool.pace import Pace, Paces
from readpool.refusals import Refusals
from readpool.signals import watch_signals
from readpool.v1 import observer_pb2, observer_pb2_grpc
from scaler.fleets.fleets import Fleets, PoolSpecs
from scaler.gc_tuning import collect_seldom
from scaler.services.admission import Admission
from scaler.services.external_scaler import ExternalScaler
from scaler.services.grpc_counts import RequestCounts
from scaler.services.health import Health
from scaler.services.observer import Observer
from scaler.services.streams import Streams
from scaler.settings import ScalerSettings
from scaler.telemetry.stats import ScalerStats
from scaler.telemetry.telemetry import TelemetryServer, start_telemetry
from scaler.triggers.poll_settings import PollSettings

_log = structlog.get_logger(__name__)
_SERVICES = (
    externalscaler_pb2.DESCRIPTOR.services_by_name["ExternalScaler"].full_name,
    observer_pb2.DESCRIPTOR.services_by_name["Observer"].full_name,
)
_KEDA_STREAMS = 8_000
"""Two for each trigger of type external-push."""
_OBSERVER_STREAMS = 4_000
"""The controller opens one for each pool."""
_NAMESPACE_STREAMS = 1_000
_HEALTH_STREAMS = Limits(process=500, caller=50)
_REFLECTION_STREAMS = Limits(process=64, caller=8)
_CALLS = Limits(process=12_000, caller=6_000)
"""Under way at once: answers take milliseconds, so these are calls that wait for their turn. Holding one costs a tenth
of refusing it again and again."""
_PACES = ((64, 1_000.0), (2_000, 500.0))
"""Calls of one caller at once, then a second: KEDA's for thousands of ScaledObjects within seconds; then it waits. Were
all answered at once, others would wait for that long."""
_AT_ONCE = 25_000
"""Calls and streams, more than all of these together: KEDA sends everything over one connection."""
_CONNECTION_SECONDS = 60.0
"""Clients look the Service's name up again when a connection ends; one with all it needs never would, and a scaler that
comes later would not be asked. So no connection takes new calls for longer; streams on it live on."""
_STREAM_SECONDS = 600.0
"""Where clients show certificates, streams end this long after that, so that a client whose certificate or CA is no
longer accepted loses its streams."""


class GrpcServer:
    """The gRPC port with its services; `port` is the one that is listened on, `is_serving` holds until the drain."""

    def __init__(
        self,
        settings: ScalerSettings,
        fleets: Fleets,
        stats: ScalerStats,
        clock: Clock,
        *,
        connection_seconds: float = _CONNECTION_SECONDS,
        stream_seconds: float = _STREAM_SECONDS,
    ) -> None:
        admission = Admission(
            allow_static_nodes=settings.allow_static_nodes,
            pool_namespaces=settings.pools.namespaces if settings.pools else None,
        )
        refusals = Refusals(stats.refused_callers)
        self._streams = _build_streams(settings.streams_per_caller)
        keda_streams, observer_streams, health_streams = self._streams
        self._counts = RequestCounts(stats)
        self._health = Health(_SERVICES, health_streams, refusals)
        observer = Observer(fleets, admission, observer_streams, settings.poll_interval_seconds, clock, refusals)
        options = [
            *build_options(_KEDA_STREAMS + _CALLS.caller),
            ("grpc.max_connection_age_ms", round(connection_seconds * 1000)),
        ]
        if settings.tls is not None and settings.tls.client_ca is not None:
            options.append(("grpc.max_connection_age_grace_ms", round(stream_seconds * 1000)))
        bans = Bans()
        interceptors = [_build_guard(refusals, bans), *list_guards(settings.tls), self._counts]
        self._server = grpc.aio.server(interceptors=interceptors, options=options, maximum_concurrent_rpcs=_AT_ONCE)
        externalscaler_pb2_grpc.add_ExternalScalerServicer_to_server(
            ExternalScaler(fleets, admission, keda_streams, refusals), self._server
        )
        observer_pb2_grpc.add_ObserverServicer_to_server(observer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (*_SERVICES, "grpc.health.v1.Health", reflection.SERVICE_NAME), self._server
        )
        self.port = listen(self._server, settings.listen, settings.tls, "--listen")
        self._cuts = ConnectionCuts(self.port, bans)
        self._cutting: asyncio.Task[None] | None = None
        self.is_serving = False

    async def start(self) -> None:
        """Answer from now on."""
        await self._server.start()
        self._cutting = asyncio.create_task(self._cuts.run(), name="connections")
        self.is_serving = True

    async def drain(self, seconds: float) -> None:
        """Report NOT_SERVING, end the streams, finish the calls in flight; calls longer than `seconds` are cut."""
        self.is_serving = False
        if self._cutting is not None:
            self._cutting.cancel()
        self._health.drain()
        for streams in self._streams:
            streams.end_all()
        stopping = asyncio.create_task(self._server.stop(grace=seconds))
        idle = asyncio.create_task(self._counts.until_idle())
        await asyncio.wait({stopping, idle}, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        await asyncio.wait({stopping}, timeout=LAST_ANSWERS_SECONDS)
        # gRPC loses sight of a call that comes in the moment it stops, and would wait for it until the bound.
        await self._server.stop(grace=None)
        await stopping


def _build_streams(caller_streams: int) -> tuple[Streams, Streams, Streams]:
    """Build what KEDA, observers and watchers of health hold open: more for KEDA, which opens two a trigger."""
    of_namespace = min(max(_NAMESPACE_STREAMS, caller_streams // 4), caller_streams)
    keda = Limits(_KEDA_STREAMS, caller_streams, of_namespace)
    observer = Limits(_OBSERVER_STREAMS, max(1, caller_streams // 2), of_namespace)
    kinds = (("KEDA streams", keda), ("Observer streams", observer), ("health streams", _HEALTH_STREAMS))
    of_keda, of_observers, of_health = (Streams(Budget(what, limits)) for what, limits in kinds)
    return of_keda, of_observers, of_health


def _build_guard(refusals: Refusals, bans: Bans) -> CallGuard:
    reflections = Budget("reflection streams", _REFLECTION_STREAMS)
    methods = {f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": reflections}
    return CallGuard(Budget("calls", _CALLS), methods, Paces(*(Pace(*one) for one in _PACES)), refusals, bans)


async def serve(settings: ScalerSettings) -> None:
    """Run the whole scaler until SIGTERM or SIGINT, then drain.

    Raises:
        StartError: when it cannot start with these settings: TLS files, addresses in use.
    """
    stopping = watch_signals()
    _log.info("starting", version=version("readpool"), **_describe(settings))
    async with _read_pools(settings) as pools:
        await _serve(settings, pools, stopping)
    _log.info("stopped")


async def _serve(settings: ScalerSettings, pools: PoolSpecs | None, stopping: asyncio.Future[str]) -> None:
    clock, stats = steady_clock(), ScalerStats()
    fleets = Fleets(_build_poll_settings(settings), clock, stats, pools)
    server = GrpcServer(settings, fleets, stats, clock)
    telemetry = await _start_telemetry(settings, fleets, server, stats, clock)
    await fleets.start()
    collecting = asyncio.create_task(collect_seldom(), name="garbage")
    try:
        await server.start()
        _log.info(
            "serving",
            grpc=str(HostPort(settings.listen.host, server.port)),
            telemetry=str(HostPort(settings.telemetry_listen.host, telemetry.port)),
            cpuSeconds=round(time.process_time(), 2),
        )
        name = await stopping
        _log.info("draining", signal=name, atMostSeconds=settings.drain_seconds)
        await server.drain(settings.drain_seconds)
    finally:
        collecting.cancel()
        await fleets.stop()
        await telemetry.stop()


@contextlib.asynccontextmanager
async def _read_pools(settings: ScalerSettings) -> AsyncIterator[PoolSpecs | None]:
    if settings.pools is None:
        yield None
        return
    from scaler.fleets.pools import read_pools  # noqa: PLC0415 - without --pools nobody needs a client of the API server
    from scaler.triggers.pool_fleet import ReferenceRules  # noqa: PLC0415 - as below

    rules = ReferenceRules(allow_any=settings.allow_static_nodes, trusted=settings.references)
    async with read_pools(settings.pools.kubeconfig, settings.pools.namespaces, rules) as pools:
        yield pools


async def _start_telemetry(
    settings: ScalerSettings, fleets: Fleets, server: GrpcServer, stats: ScalerStats, clock: Clock
) -> TelemetryServer:
    try:
        return await start_telemetry(
            settings.telemetry_listen,
            fleets,
            is_ready=lambda: server.is_serving and fleets.is_seeing,
            stats=stats,
            clock=clock,
            certificates=() if settings.tls is None else (settings.tls.certificate,),
        )
    except OSError as error:
        raise StartError(
            f"--telemetry-listen {settings.telemetry_listen} cannot be bound: {error.strerror or error}"
        ) from None


_DEFAULTS = PollSettings()


def _build_poll_settings(settings: ScalerSettings) -> PollSettings:
    server = settings.dns_server
    return PollSettings(
        interval_seconds=settings.poll_interval_seconds,
        allow_loopback=settings.allow_loopback_nodes,
        networks=settings.networks,
        dns_server=(server.host, server.port) if server else None,
        cluster_domain=settings.cluster_domain,
        references=settings.references,
        namespace_fleets=settings.fleets_per_namespace,
        namespace_nodes=settings.nodes_per_namespace,
        caller_fleets=max(_DEFAULTS.caller_fleets, settings.fleets_per_namespace),
        caller_nodes=max(_DEFAULTS.caller_nodes, settings.nodes_per_namespace),
    )


def _describe(settings: ScalerSettings) -> dict[str, object]:
    tls = settings.tls
    return {
        "listen": str(settings.listen),
        "telemetryListen": str(settings.telemetry_listen),
        "pollIntervalSeconds": settings.poll_interval_seconds,
        "allowStaticNodes": settings.allow_static_nodes,
        "allowLoopbackNodes": settings.allow_loopback_nodes,
        "allowNetworks": [str(network) for network in settings.networks.allowed] or "all",
        "denyNetworks": [str(network) for network in settings.networks.denied],
        "references": [f"{reference.kind}={reference.url}" for reference in settings.references],
        "pools": "off" if settings.pools is None else ",".join(settings.pools.namespaces) or "all namespaces",
        "tls": "off" if tls is None else "on" if tls.client_ca is None else "mutual",
        "dnsServer": str(settings.dns_server) if settings.dns_server else "system",
        "clusterDomain": settings.cluster_domain,
        "drainSeconds": settings.drain_seconds,
    }
