"""Asks one history archive what it holds. The address is a tenant's: it is checked when it is connected to.

Under controller.archives, which says when. Names are resolved in threads of its own, so that a name server that hangs
holds up archives alone.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import httpx
import structlog

from controller.archive_reports import parse_archived_ledger
from readpool.addresses import ANY_NETWORK, NetworkRules, explain_refusal
from readpool.checked_http import CheckedClient, FetchBounds, FetchError

TIMEOUT_SECONDS = 10.0
MAX_BYTES = 256 * 1024
_LOOKUPS_AT_ONCE = 8
_PATH = "/.well-known/stellar-history.json"
_BOUNDS = FetchBounds(TIMEOUT_SECONDS, TIMEOUT_SECONDS, MAX_BYTES)
_LOG = structlog.get_logger()


class ArchiveFetcher:
    """Asks archives, at the addresses that an installation allows."""

    def __init__(self, networks: NetworkRules = ANY_NETWORK, *, allow_loopback: bool = False) -> None:
        self._check = partial(explain_refusal, allow_loopback=allow_loopback, networks=networks)
        self._lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="archive-names")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(verify=True, trust_env=False)

    async def fetch(self, url: str) -> int | None:
        """Fetch the newest ledger that an archive says it has; None for whatever else it does."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                CheckedClient(self._resolve, self._check, _BOUNDS, self._tls) as client,
            ):
                answer = await client.fetch("GET", url.rstrip("/") + _PATH)
        except (FetchError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            _LOG.debug("archive does not answer", url=url, why=str(error) or type(error).__name__)
            return None
        return parse_archived_ledger(answer.body) if answer.status == httpx.codes.OK else None

    def close(self) -> None:
        """Let the threads go; a look-up that hangs is left to its end."""
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _resolve(self, host: str) -> Sequence[str]:
        look_up = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._lookups, look_up)
        except (OSError, UnicodeError) as error:
            raise FetchError("NameNotResolved", f"{host} cannot be resolved: {error}") from error
        return [str(entry[4][0]) for entry in found]
