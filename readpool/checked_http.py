"""HTTP to hosts of somebody else's choice: resolve, check, and connect to the address that was checked. Nothing else.

The scaler asks references with it and the controller history archives. No redirects, no proxies of the environment, no
cookies, nothing unpacked, and no more of a body than is allowed.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from readpool.addresses import is_address

_MOST_ADDRESSES = 4
"""Of one host, tried in turn until one lets itself be connected to."""
Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the addresses of a name, in the order in which they are to be tried. Raises FetchError where it cannot."""
Check = Callable[[str], str | None]
"""Says why an address may not be connected to, None when it may."""


class FetchError(Exception):
    """There is no answer. `reason` is CamelCase and stable, the message is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """What one exchange may take: seconds, bytes of a body, and bytes of a refusal that may say why."""

    connect_seconds: float
    total_seconds: float
    max_body_bytes: int
    max_refusal_bytes: int = 0


@dataclass(frozen=True, slots=True)
class FetchAnswer:
    """Status, body, and the two headers that say when; None where they are missing."""

    status: int
    body: bytes
    date: bytes | None = None
    retry_after: bytes | None = None


class CheckedClient:
    """A client with one connection, for as long as its block runs.

    Args:
        resolve: how names are resolved.
        check: which addresses may be connected to; None for hosts that the operator has named.
    """

    def __init__(self, resolve: Resolve, check: Check | None, bounds: FetchBounds, tls: ssl.SSLContext) -> None:
        self._resolve = resolve
        self._check = check
        self._bounds = bounds
        self._client = httpx.AsyncClient(
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(bounds.total_seconds, connect=bounds.connect_seconds),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "readpool", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        """Open it."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connection."""
        await self._client.__aexit__(kind, error, trace)

    async def fetch(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> FetchAnswer:
        """Fetch by address, so that what is connected to is what was checked; the name stays in Host and in TLS.

        Raises:
            FetchError: the host has no address that may be connected to, or the answer is a redirect or too large.
            httpx.HTTPError, httpx.InvalidURL: there is no answer, or no such URL.
        """
        addresses = await self._locate(httpx.URL(url).host)
        for address in addresses[:-1]:
            try:
                return await self._fetch_at(address, method, url, headers or {}, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # the last one's error is the one that is told
        return await self._fetch_at(addresses[-1], method, url, headers or {}, body)

    async def _fetch_at(
        self, address: str, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> FetchAnswer:
        parsed = httpx.URL(url)
        sent = {**headers, "Host": urlsplit(url).netloc.rpartition("@")[2]}
        extensions = {"sni_hostname": parsed.host}
        async with self._client.stream(
            method, parsed.copy_with(host=address), content=body, headers=sent, extensions=extensions
        ) as response:
            if response.is_redirect:
                raise FetchError("Redirected", f"it redirects (status {response.status_code})")
            return await self._read(response)

    async def _locate(self, host: str) -> Sequence[str]:
        """Return the allowed addresses, a few at most."""
        addresses = (host,) if is_address(host) else await self._resolve(host)
        refusals = [None if self._check is None else self._check(address) for address in addresses]
        allowed = [address for address, refusal in zip(addresses, refusals, strict=True) if refusal is None]
        if not allowed:
            raise FetchError("BadAddress", next(filter(None, refusals), f"{host or 'the URL'} has no address"))
        return allowed[:_MOST_ADDRESSES]

    async def _read(self, response: httpx.Response) -> FetchAnswer:
        """Read an answer; of another status than 200 no more than may say why."""
        is_answer, body = response.status_code == httpx.codes.OK, bytearray()
        async for part in response.aiter_raw():
            body += part
            if not is_answer and len(body) > self._bounds.max_refusal_bytes:
                break
            if len(body) > self._bounds.max_body_bytes:
                raise FetchError("TooLarge", f"the answer is over {self._bounds.max_body_bytes // 1024} KiB")
        date, retry_after = (_encode(response.headers.get(name)) for name in ("date", "retry-after"))
        return FetchAnswer(response.status_code, bytes(body), date, retry_after)


def _encode(value: str | None) -> bytes | None:
    return None if value is None else value.encode("latin-1", "replace")
