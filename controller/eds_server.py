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

from controller.eds_feed import EdsFeed
from controller.eds_service import EdsService
from controller.eds_store import EdsStore
from controller.settings import EdsSettings
from controller.stats import ControllerStats, EdsStats
from controller.watches import Watches
from readpool.client_names import list_guards
from readpool.host_port import HostPort, SettingsError
from readpool.server_tls import build_server_credentials
from readpool.tls_files import TlsFiles

_LOG = structlog.get_logger()
_SERVICE = eds_pb2.DESCRIPTOR.services_by_name["EndpointDiscoveryService"].full_name
_MOST_STREAMS = 20_000
"""An Envoy may open one for each cluster that it has."""
_LAST_ANSWERS_SECONDS = 0.5
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a port in use is an error, not half of the calls
    ("grpc.max_receive_message_length", 1024 * 1024),  # the names of thousands of pools
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.max_concurrent_streams", _MOST_STREAMS),
    ("grpc.keepalive_time_ms", 60_000),  # finds Envoys that went without a word, and frees their streams
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


class EdsServer:
    """Serves a store; `port` is the one that is listened on, `stats` counts what is told.

    Raises:
        SettingsError: when the address cannot be listened on, or the TLS files cannot be served with.
    """

    def __init__(
        self, listen: HostPort, store: EdsStore, tls: TlsFiles | None = None, stats: EdsStats | None = None
    ) -> None:
        self.stats = stats or EdsStats()
        self.service = EdsService(store, self.stats)
        guards = list_guards(tls)
        self._server = grpc.aio.server(interceptors=guards, options=_OPTIONS, maximum_concurrent_rpcs=_MOST_STREAMS)
        eds_pb2_grpc.add_EndpointDiscoveryServiceServicer_to_server(self.service, self._server)
        reflection.enable_server_reflection((_SERVICE, reflection.SERVICE_NAME), self._server)
        self.port = _listen(self._server, listen, tls)

    async def start(self) -> None:
        """Answer from now on."""
        await self._server.start()

    async def stop(self) -> None:
        """End all streams: Envoys go on with what they have, and turn to another replica."""
        self.service.end_all()
        await self._server.stop(grace=_LAST_ANSWERS_SECONDS)


@contextlib.asynccontextmanager
async def serve_eds(settings: EdsSettings, watches: Watches, stats: ControllerStats) -> AsyncIterator[None]:
    """Serve during the block what `watches`, which do not run yet, will see.

    Raises:
        SettingsError: as EdsServer.
    """
    store, stats.eds = EdsStore(), EdsStats()
    feed = EdsFeed(watches, store)
    server = EdsServer(settings.listen, store, settings.tls, stats.eds)
    await server.start()
    _LOG.info("serving endpoint discovery", listen=str(HostPort(settings.listen.host, server.port)))
    following = asyncio.create_task(feed.run(), name="endpoint discovery")
    try:
        yield
    finally:
        following.cancel()
        feed.stop()
        await server.stop()


def _listen(server: grpc.aio.Server, listen: HostPort, tls: TlsFiles | None) -> int:
    try:
        if tls is None:
            return server.add_insecure_port(str(listen))
        return server.add_secure_port(str(listen), build_server_credentials(tls))
    except RuntimeError as error:
        raise SettingsError(f"--eds-listen {listen} cannot be listened on: {error}") from None
