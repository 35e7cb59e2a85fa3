"""The connection to the scaler: one channel for all streams, over the scaler's replicas, recreated when it is lost.

A certificate that is replaced on disk is read when the next connection is made; those that stand go on. A channel looks
its name up at most every 30 s, and ever more seldom while it has no address: a new one does so at once.
"""

import asyncio
import contextlib

import grpc
import structlog

from controller.settings import ScalerTls

OPTIONS = (
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    ("grpc.enable_retries", 0),  # streams are opened again by controller.observer.fleet_streams
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.min_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.keepalive_time_ms", 20_000),  # finds a scaler that went without a word
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # a snapshot of a very large fleet
)
_CHECK_SECONDS = 1.0
ANEW_SECONDS = 5.0
"""After so long without a connection there is a new channel, which finds the scalers that are there by then."""
_log = structlog.get_logger()
_Stamp = tuple[tuple[int, int], ...]


class ScalerLink:
    """The channel. `run` holds it open; who has something to ask awaits `wait_until_ready` and gets the channel."""

    def __init__(self, address: str, tls: ScalerTls | None, anew_seconds: float = ANEW_SECONDS) -> None:
        self._address = address
        self._anew_seconds = anew_seconds
        self._target = address if "://" in address or address.startswith(("dns:", "unix:")) else f"dns:///{address}"
        self._tls = tls
        self._channel: grpc.aio.Channel | None = None
        self._ready = asyncio.Event()
        self._stamp: _Stamp = ()
        self._is_lost = False

    @property
    def is_ready(self) -> bool:
        """Whether there is a connection."""
        return self._ready.is_set()

    async def wait_until_ready(self) -> grpc.aio.Channel:
        """Wait for a connection."""
        await self._ready.wait()
        assert self._channel is not None  # noqa: S101 - set before the event is
        return self._channel

    async def run(self) -> None:
        """Keep a connection open until cancelled; a loss and its end are logged once each."""
        try:
            while True:
                try:
                    await self._hold()
                except OSError as error:
                    _log.warning("cannotReadCertificate", file=error.filename, message=error.strerror)
                    await asyncio.sleep(_CHECK_SECONDS)
        finally:
            await self._close()

    async def _hold(self) -> None:
        """Keep one channel until it has been disconnected for some seconds, or its files have changed meanwhile."""
        await self._close()
        self._stamp = self._read_stamp()
        channel = self._channel = self._open()
        loop = asyncio.get_running_loop()
        lost_at: float | None = None
        while lost_at is None or loop.time() - lost_at < self._anew_seconds:
            state = channel.get_state(try_to_connect=True)
            if state is grpc.ChannelConnectivity.READY:
                _log.info("scalerConnected", address=self._address)
                self._ready.set()
                self._is_lost, lost_at = False, None
            elif state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                self._ready.clear()
                lost_at = loop.time() if lost_at is None else lost_at
                if not self._is_lost:
                    _log.warning("cannotConnectToScaler", address=self._address)
                self._is_lost = True
                if self._read_stamp() != self._stamp:
                    return
            else:
                self._ready.clear()
            await _wait_for_change(channel, state)

    def _open(self) -> grpc.aio.Channel:
        if self._tls is None:
            return grpc.aio.insecure_channel(self._target, OPTIONS)
        files = (self._tls.ca, self._tls.key, self._tls.certificate)
        credentials = grpc.ssl_channel_credentials(*(path.read_bytes() if path else None for path in files))
        return grpc.aio.secure_channel(self._target, credentials, OPTIONS)

    def _read_stamp(self) -> _Stamp:
        files = self._tls.files if self._tls is not None else ()
        return tuple((status.st_ino, status.st_mtime_ns) for status in (path.stat() for path in files))

    async def _close(self) -> None:
        self._ready.clear()
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()


async def _wait_for_change(channel: grpc.aio.Channel, state: grpc.ChannelConnectivity) -> None:
    """Wait until the channel's state is another; while it is not connected, not for long, as files may change."""
    if state is grpc.ChannelConnectivity.READY:
        await channel.wait_for_state_change(state)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CHECK_SECONDS):
            await channel.wait_for_state_change(state)
