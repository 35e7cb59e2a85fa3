"""Asks one node: checked address, deadlines, one connection that is kept where the server keeps it.

There is no pool: a node has at most one request in flight, so it has at most one connection, and the cost of a poll
does not depend on how many nodes there are. Between the poller, which says when, and the connection, which speaks
HTTP.
"""

import asyncio
import errno
import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from readpool.addresses import ANY_NETWORK, NetworkRules
from readpool.text import make_printable, shorten
from scaler.polling.addresses import explain_refusal
from scaler.polling.http_exchange import ExchangeError, HttpConnection, ReceiveBudget, StaleConnectionError
from scaler.polling.rlimits import SCALER_LIMITS
from scaler.probes.answer import HttpAnswer, take_body
from scaler.probes.conversation import Conversation
from scaler.probes.gate import GateReport
from scaler.probes.report import NodeReport, PollFailure, ProbeError
from scaler.probes.requests import ProbeRequest

_T = TypeVar("_T")
_MAX_MESSAGE_CHARS = 200
_DEFAULT_PORTS = {"http": 80, "https": 443}

_NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM})


class ScalerLimitError(Exception):
    """This process has no descriptor, port or memory left to ask with. The node was not observed."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may take, in seconds, and where it may go."""

    connect_seconds: float
    total_seconds: float
    allow_loopback: bool
    networks: NetworkRules = ANY_NETWORK


@dataclass(frozen=True, slots=True)
class HttpQuestion:
    """A request, ready to be written: where to, and its bytes."""

    host: str
    port: int
    is_tls: bool
    payload: bytes


def build_failure(reason: str, message: str) -> PollFailure:
    """Build a failure with a message that is safe to log and show: printable, and at most 200 characters."""
    return PollFailure(reason=reason, message=make_printable(shorten(message, _MAX_MESSAGE_CHARS - 1)))


def build_question(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> HttpQuestion:
    """Build the bytes of a request.

    Raises:
        ExchangeError: with reason BadAddress, when the URL is not http or https, or is not one that can be sent as it
        stands.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ExchangeError("BadAddress", f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None or port == 0:
        raise ExchangeError("BadAddress", f"{url!r} is not of the form http://HOST[:PORT] or https://HOST[:PORT]")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ExchangeError("BadAddress", f"{url!r} contains characters that are not allowed in a URL")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        "User-Agent: readpool",
        "Accept-Encoding: identity",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return HttpQuestion(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        is_tls=parts.scheme == "https",
        payload=head.encode("ascii") + (body or b""),
    )


def build_tls_context() -> ssl.SSLContext:
    """Build what nodes and references are verified against: certifi's roots, whatever the environment says."""
    return httpx.create_ssl_context(verify=True, trust_env=False)


@dataclass(frozen=True, slots=True)
class _Way:
    """How to get to a node, and with what."""

    addresses: tuple[str, ...]
    limits: FetchLimits
    budget: ReceiveBudget
    tls: ssl.SSLContext


class NodeClient:
    """One node's connection, or none. Not for two fetches at once."""

    __slots__ = ("_connection", "_is_connecting", "_payloads", "question")

    def __init__(self, question: HttpQuestion) -> None:
        self.question = question
        self._payloads: dict[ProbeRequest, bytes] = {}
        self._connection: HttpConnection | None = None
        self._is_connecting = False

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def fetch(
        self, addresses: tuple[str, ...], limits: FetchLimits, budget: ReceiveBudget, tls: ssl.SSLContext
    ) -> bytes:
        """Ask the node at the first of `addresses` that lets itself be connected to, and return the body of its answer.

        Raises:
            ExchangeError: the node did not answer, or not with status 200; says why.
            ScalerLimitError: nothing is known of the node, for it could not be asked.
        """
        way = _Way(addresses, limits, budget, tls)
        answer = await self._within(limits, self._ask(self.question.payload, way))
        try:
            return take_body(answer)
        except ProbeError as error:
            raise ExchangeError(error.reason, str(error)) from error

    async def converse(
        self,
        conversation: Conversation,
        addresses: tuple[str, ...],
        limits: FetchLimits,
        budget: ReceiveBudget,
        tls: ssl.SSLContext,
    ) -> NodeReport | GateReport:
        """Put the conversation's questions to the node, all of them within the one deadline, and return its report.

        Raises:
            ExchangeError: the node did not answer; says why.
            ProbeError: its answers are none; says why.
            ScalerLimitError: nothing is known of the node, for it could not be asked.
        """
        return await self._within(limits, self._converse(conversation, _Way(addresses, limits, budget, tls)))

    async def _converse(self, conversation: Conversation, way: "_Way") -> NodeReport | GateReport:
        request = next(conversation)
        while True:
            answer = await self._ask(self._find_payload(request), way)
            try:
                request = conversation.send(answer)
            except StopIteration as end:
                report: NodeReport | GateReport = end.value
                return report

    def _find_payload(self, request: ProbeRequest) -> bytes:
        """Find the bytes of a request; each is built once."""
        payload = self._payloads.get(request)
        if payload is None:
            question = build_question(request.method, request.url, request.body, request.headers)
            payload = self._payloads[request] = question.payload
        return payload

    async def _within(self, limits: FetchLimits, exchange: Coroutine[Any, Any, _T]) -> _T:
        self._is_connecting = False
        try:
            async with asyncio.timeout(limits.total_seconds):
                return await exchange
        except TimeoutError:
            raise self._explain_timeout(limits) from None
        except OSError as error:
            raise _explain_os_error(error) from error
        finally:
            if self._connection is not None and not self._connection.is_reusable:
                self.close()

    async def _ask(self, payload: bytes, way: "_Way") -> HttpAnswer:
        if self._connection is not None and not self._connection.is_reusable:
            self.close()  # of the question before, in the same poll
        if self._connection is not None:
            try:
                return await self._connection.ask(payload)
            except StaleConnectionError:
                self.close()
        self._connection = await self._connect(way.addresses, way.limits, way.budget, way.tls)
        try:
            return await self._connection.ask(payload)
        except StaleConnectionError:
            raise ExchangeError("ConnectionReset", "the connection was closed at once") from None

    async def _connect(
        self, addresses: tuple[str, ...], limits: FetchLimits, budget: ReceiveBudget, tls: ssl.SSLContext
    ) -> HttpConnection:
        refusals = [
            explain_refusal(address, allow_loopback=limits.allow_loopback, networks=limits.networks)
            for address in addresses
        ]
        allowed = [address for address, refusal in zip(addresses, refusals, strict=True) if refusal is None]
        if not allowed:
            raise ExchangeError("BadAddress", next(filter(None, refusals), f"{self.question.host} has no address"))
        self._is_connecting = True
        async with asyncio.timeout(limits.connect_seconds):
            for address in allowed[:-1]:
                try:
                    return await self._connect_to(address, budget, tls)
                except OSError:
                    continue  # the last one's error is the one that is told
            return await self._connect_to(allowed[-1], budget, tls)

    async def _connect_to(self, address: str, budget: ReceiveBudget, tls: ssl.SSLContext) -> HttpConnection:
        question = self.question
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(budget),
            address,
            question.port,
            ssl=tls if question.is_tls else None,
            server_hostname=question.host if question.is_tls else None,
        )
        self._is_connecting = False
        return connection

    def _explain_timeout(self, limits: FetchLimits) -> ExchangeError:
        if self._is_connecting:
            return ExchangeError("Timeout", f"no connection within {limits.connect_seconds:g} s")
        return ExchangeError("Timeout", f"no response within {limits.total_seconds:g} s")


def _explain_os_error(error: OSError) -> Exception:
    """Return the reason for an operating system's error."""
    if error.errno in SCALER_LIMITS:
        return ScalerLimitError(str(error))
    if isinstance(error, ConnectionRefusedError):
        return ExchangeError("ConnectionRefused", "nothing listens on that port")
    if isinstance(error, ssl.SSLError):
        return ExchangeError("TlsFailed", f"no TLS connection: {error}")
    if isinstance(error, ConnectionError):
        return ExchangeError("ConnectionReset", f"the connection broke: {error}")
    if error.errno in _NO_ROUTE:
        return ExchangeError("NoRoute", f"no route to that address: {error}")
    return ExchangeError("ConnectionFailed", f"no connection: {error}")
