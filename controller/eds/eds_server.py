"""The port of Envoy's endpoint discovery: listens, with TLS if so told, serves the store, and lets go at the end.

Every replica of the controller runs one, leader or not: what it serves comes from the API alone.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import structlog
from envoy.service.endpoint.v3 import eds_pb2, eds_pb2_grpc
from grpc_reflection.v1alpha import reflection

from controller.cluster.watches import Watches
from controller.eds.eds_feed import EdsFeed
from controller.eds.eds_service import EdsService
from controller.eds.eds_store import EdsStore
from controller.settings import EdsSettings
from controller.telemetry.stats import ControllerStats, EdsStats
from readpool.bans import Bans
from readpool.budget import Budget, Limits
from readpool.call_guard import CallGuard
from readpool.client_names import list_guards
from readpool.connection_cuts import ConnectionCuts
from readpool.grpc_server import LAST_ANSWERS_SECONDS, build_options
from readpool.grpc_server import listen as listen_on
from readpool.host_port import HostPort
from readpool.pace import Pace, Paces
from readpool.refusals import Refusals
from readpool.tls_files import TlsFiles

_log = structlog.get_logger()
_SERVICE = eds_pb2.DESCRIPTOR.services_by_name["EndpointDiscoveryService"].full_name
_STREAMS = Limits(process=4096, caller=1024)
"""An Envoy may open one for each cluster that it has."""
_NAMES = Limits(process=128 * 1024, caller=16 * 1024)
"""That streams may name together: a kilobyte each."""
_REFLECTIONS = Limits(process=32, caller=4)
_CALLS = Limits(process=1024, caller=64)
_PACES = ((64, 1_000.0), (2 * _STREAMS.caller, 100.0))
"""Requests of one caller at once, then a second: each stream's first and its answer within seconds; then it waits."""
_SHORT_BYTES = 256
"""Of a request that counts once: some ten names, for each of which an answer may be due."""
_AT_ONCE = 8192
"""More than all of these, so that no one is refused for what others hold."""
_STREAM_SECONDS = 600.0
"""Of a connection where client certificates are required: one whose authority is gone ends then, or a minute later."""
_GRACE_SECONDS = 60.0


class EdsServer:
    """Serves a store; `port` is the one that is listened on, `stats` counts what is told.

    Raises:
        StartError: when the address cannot be listened on, or the TLS files cannot be served with.
    """

    def __init__(
        self,
        listen: HostPort,
        store: EdsStore,
        tls: TlsFiles | None = None,
        stats: EdsStats | None = None,
        *,
        stream_seconds: float = _STREAM_SECONDS,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        self.stats = stats or EdsStats()
        refusals = Refusals(self.stats.refused_callers)
        self.service = EdsService(store, self.stats, Budget("names", _NAMES), refusals)
        bans = Bans()
        guards = [_build_guard(refusals, bans), *list_guards(tls)]
        options = build_options(_STREAMS.caller + _CALLS.caller)
        if tls is not None and tls.client_ca is not None:
            options.append(("grpc.max_connection_age_ms", round(stream_seconds * 1000)))
            options.append(("grpc.max_connection_age_grace_ms", round(grace_seconds * 1000)))
        self._server = grpc.aio.server(interceptors=guards, options=options, maximum_concurrent_rpcs=_AT_ONCE)
        eds_pb2_grpc.add_EndpointDiscoveryServiceServicer_to_server(self.service, self._server)
        reflection.enable_server_reflection((_SERVICE, reflection.SERVICE_NAME), self._server)
        self.port = listen_on(self._server, listen, tls, "--eds-listen")
        self._cuts = ConnectionCuts(self.port, bans)
        self._cutting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answer from now on."""
        await self._server.start()
        self._cutting = asyncio.create_task(self._cuts.run(), name="connections")

    async def stop(self) -> None:
        """End all streams: Envoys go on with what they have, and turn to another replica."""
        if self._cutting is not None:
            self._cutting.cancel()
        self.service.end_all()
        await self._server.stop(grace=LAST_ANSWERS_SECONDS)


@contextlib.asynccontextmanager
async def serve_eds(settings: EdsSettings, watches: Watches, stats: ControllerStats) -> AsyncIterator[None]:
    """Serve during the block what `watches`, which do not run yet, will see.

    Raises:
        StartError: as EdsServer.
    """
    store, stats.eds = EdsStore(), EdsStats()
    feed = EdsFeed(watches, store)
    server = EdsServer(settings.listen, store, settings.tls, stats.eds)
    await server.start()
    _log.info("servingEndpointDiscovery", listen=str(HostPort(settings.listen.host, server.port)))
    following = asyncio.create_task(feed.run(), name="endpoint discovery")
    try:
        yield
    finally:
        following.cancel()
        feed.stop()
        await server.stop()


def _build_guard(refusals: Refusals, bans: Bans) -> CallGuard:
    streams, reflections = Budget("streams", _STREAMS), Budget("reflection streams", _REFLECTIONS)
    methods = dict.fromkeys((f"/{_SERVICE}/StreamEndpoints", f"/{_SERVICE}/DeltaEndpoints"), streams)
    methods[f"/{reflection.SERVICE_NAME}/ServerReflectionInfo"] = reflections
    paces = Paces(*(Pace(*one) for one in _PACES))
    return CallGuard(Budget("calls", _CALLS), methods, paces, refusals, bans, short_bytes=_SHORT_BYTES)
