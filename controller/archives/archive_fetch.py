"""Asks one history archive what it holds. The address is a tenant's: it is checked when it is connected to.

Under archives.archives, which says when. Names are looked up in DNS off the thread pool, as the scaler does it: a
tenant's name server that hangs holds up nothing but that tenant's archives.
"""

import asyncio
import ssl
from collections.abc import Sequence
from functools import cached_property, partial

import dns.asyncresolver
import dns.exception
import dns.resolver
import httpx
import structlog

from controller.archives.archive_reports import parse_archived_ledger
from readpool.addresses import ANY_NETWORK, NetworkRules, explain_refusal
from readpool.cancellation import heed_cancellation
from readpool.checked_http import CheckedClient, FetchBounds, FetchError
from readpool.history_archives import STATE_PATH

TIMEOUT_SECONDS = 10.0
MAX_BYTES = 256 * 1024
_LOOKUP_SECONDS = 5.0
_BOUNDS = FetchBounds(connect_seconds=3.0, total_seconds=TIMEOUT_SECONDS, max_body_bytes=MAX_BYTES)
_log = structlog.get_logger()


class ArchiveFetcher:
    """Asks archives, at the addresses that an installation allows."""

    def __init__(self, networks: NetworkRules = ANY_NETWORK, *, allow_loopback: bool = False) -> None:
        self._check = partial(explain_refusal, allow_loopback=allow_loopback, networks=networks)

    @cached_property
    def resolver(self) -> dns.asyncresolver.Resolver:
        """What names are looked up with: the system's name servers."""
        try:
            resolver = dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.use_search_by_default = True
        return resolver

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
                answer = await client.fetch("GET", url.rstrip("/") + STATE_PATH)
        except (FetchError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            _log.debug("cannotFetchArchive", url=url, message=str(error) or type(error).__name__)
            return None
        return parse_archived_ledger(answer.body) if answer.status == httpx.codes.OK else None

    async def _resolve(self, host: str) -> Sequence[str]:
        try:
            found = await heed_cancellation(self.resolver.resolve_name(host, lifetime=_LOOKUP_SECONDS))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise FetchError("NameNotResolved", f"{host} cannot be resolved: {error}") from error
        return sorted(found.addresses(), key=lambda address: ":" in address)  # IPv4 first, as most clusters have it
