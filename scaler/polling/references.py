"""Asks the references: few nodes, far away, of any kind, whose word counts as evidence of the tip.

Each is asked with a client of its own, once an interval however many fleets name it, and within the same limits as a
node: checked address, deadlines, 32 KiB, no redirects, nothing unpacked.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import httpx
import structlog

from readpool.budget import Budget, Limits
from readpool.checked_http import CheckedClient, FetchBounds, FetchError
from readpool.clock import Clock
from scaler.polling.addresses import explain_refusal
from scaler.polling.discovery import Discovery, DiscoveryError
from scaler.polling.fetch import build_failure
from scaler.polling.http_exchange import MAX_BODY_BYTES, MAX_REFUSAL_BYTES
from scaler.polling.poll_schedule import compute_rest_seconds
from scaler.probes.answer import RATE_LIMITED, HttpAnswer, StatusError
from scaler.probes.conversation import Interviewer
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure, ProbeError
from scaler.triggers.fleet_spec import Reference
from scaler.triggers.poll_settings import PollSettings

_log = structlog.get_logger()


class ReferenceListener(Protocol):
    """A receiver of what a reference reports."""

    def receive_reference(self, reference: Reference, outcome: NodeReport | PollFailure, now: float) -> None:
        """Record the outcome of one request. Must not wait."""


@dataclass(slots=True, eq=False)
class PolledReference:
    """One reference, its listeners, and its last report."""

    reference: Reference
    is_trusted: bool
    interviewer: Interviewer
    listeners: dict[ReferenceListener, None] = field(default_factory=dict)
    owner: tuple[str, str] | None = None
    task: asyncio.Task[None] | None = None
    last: tuple[NodeReport | PollFailure, float] | None = None
    refusals: int = 0
    rest_seconds: float = 0.0


class References:
    """All references of this process."""

    def __init__(self, settings: PollSettings, clock: Clock, discovery: Discovery, tls: ssl.SSLContext) -> None:
        self._settings = settings
        self._clock = clock
        self._discovery = discovery
        self._tls = tls
        self._polled: dict[Reference, PolledReference] = {}
        limits = Limits(settings.max_references, settings.caller_references, settings.namespace_references)
        self._budget = Budget("references", limits)

    def subscribe(
        self, reference: Reference, listener: ReferenceListener, caller: str = "", namespace: str = ""
    ) -> None:
        """Poll a reference, and pass its outcomes to `listener`; the last one at once, if there is one.

        A new one is on the account of `caller` and `namespace`, unless it is the operator's own.
        """
        polled = self._polled.get(reference)
        if polled is None:
            is_trusted = reference in self._settings.references
            owner = None if is_trusted else (caller, namespace)
            refusal = self._budget.find_refusal(*owner) if owner is not None else None
            if refusal is not None:
                _log.warning("referenceRefused", url=reference.url, namespace=namespace, message=str(refusal))
                return
            if owner is not None:
                self._budget.take(*owner)
            interviewer = Interviewer(reference.kind, reference.url, is_reference=True)
            polled = PolledReference(reference, is_trusted=is_trusted, interviewer=interviewer, owner=owner)
            self._polled[reference] = polled
            polled.task = asyncio.create_task(self._follow(polled), name=f"reference {reference.url}")
        polled.listeners[listener] = None
        if polled.last is not None:
            listener.receive_reference(reference, *polled.last)

    def unsubscribe(self, reference: Reference, listener: ReferenceListener) -> None:
        """Remove a listener; a reference without listeners is no longer polled."""
        polled = self._polled.get(reference)
        if polled is None:
            return
        polled.listeners.pop(listener, None)
        if not polled.listeners:
            del self._polled[reference]
            if polled.owner is not None:
                self._budget.give_back(*polled.owner)
            if polled.task is not None:
                polled.task.cancel()

    async def stop(self) -> None:
        """Cancel everything."""
        tasks = [polled.task for polled in self._polled.values() if polled.task is not None]
        self._polled.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, polled: PolledReference) -> None:
        """Poll one reference once an interval while it has listeners; log once that it fails, or recovers."""
        period = self._settings.interval_seconds
        if polled.reference.kind is ProbeKind.ARCHIVE:
            period = max(period, self._settings.archive_seconds)
        loop = asyncio.get_running_loop()
        async with self._build_client(polled) as client:
            while True:
                started = loop.time()
                outcome = await self._observe(client, polled)
                self._log_change(polled, outcome)
                polled.last = (outcome, self._clock())
                self._tell(polled, *polled.last)
                await asyncio.sleep(max(period / 2, started + period - loop.time(), polled.rest_seconds))

    def _tell(self, polled: PolledReference, outcome: NodeReport | PollFailure, now: float) -> None:
        for listener in tuple(polled.listeners):
            try:
                listener.receive_reference(polled.reference, outcome, now)
            except Exception as error:  # noqa: BLE001 - a fault in one fleet keeps nothing from the others
                _log.error("referenceFault", url=polled.reference.url, exc_info=error)

    def _build_client(self, polled: PolledReference) -> CheckedClient:
        settings = self._settings
        bounds = FetchBounds(settings.connect_seconds, settings.total_seconds, MAX_BODY_BYTES, MAX_REFUSAL_BYTES)
        check = partial(explain_refusal, allow_loopback=settings.allow_loopback, networks=settings.networks)
        return CheckedClient(self._resolve, None if polled.is_trusted else check, bounds, self._tls)

    async def _resolve(self, host: str) -> tuple[str, ...]:
        try:
            return await self._discovery.resolve(host)
        except DiscoveryError as error:
            raise FetchError("NameNotResolved", str(error)) from error

    async def _observe(self, client: CheckedClient, polled: PolledReference) -> NodeReport | PollFailure:
        try:
            async with asyncio.timeout(self._settings.total_seconds):
                report = await self._converse(client, polled)
        except TimeoutError:
            return build_failure("Timeout", f"no response within {self._settings.total_seconds:g} s")
        except FetchError as error:
            return build_failure(error.reason, str(error))
        except ProbeError as error:
            self._note_refusal(polled, error)
            return build_failure(error.reason, str(error))
        except Exception as error:  # noqa: BLE001 - whatever an answer brings about is that one reference's failure
            return build_failure(_name_reason(error), str(error) or type(error).__name__)
        polled.refusals, polled.rest_seconds = 0, 0.0
        return report

    def _note_refusal(self, polled: PolledReference, error: ProbeError) -> None:
        """Leave a reference alone for a while that was asked too often."""
        if error.reason == RATE_LIMITED:
            polled.refusals += 1
            wanted = error.retry_after_seconds if isinstance(error, StatusError) else None
            polled.rest_seconds = compute_rest_seconds(wanted, polled.refusals, self._settings.interval_seconds)

    async def _converse(self, client: CheckedClient, polled: PolledReference) -> NodeReport:
        conversation = polled.interviewer.begin()
        request = next(conversation)
        while True:
            found = await client.fetch(request.method, request.url, request.headers, request.body)
            answer = HttpAnswer(found.status, found.body, found.date, found.retry_after)
            try:
                request = conversation.send(answer)
            except StopIteration as end:
                report: NodeReport = end.value
                return report

    def _log_change(self, polled: PolledReference, outcome: NodeReport | PollFailure) -> None:
        failed_before = polled.last is not None and isinstance(polled.last[0], PollFailure)
        if isinstance(outcome, PollFailure) and not failed_before:
            _log.warning("referenceFailed", url=polled.reference.url, reason=outcome.reason, message=outcome.message)
        elif failed_before and not isinstance(outcome, PollFailure):
            _log.info("referenceRecovered", url=polled.reference.url)


def _name_reason(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "Timeout"
    if isinstance(error, httpx.ConnectError):
        return "ConnectionRefused" if "refused" in str(error).lower() else "ConnectionFailed"
    if isinstance(error, (httpx.NetworkError, OSError)):
        return "ConnectionReset"
    if isinstance(error, httpx.InvalidURL):
        return "BadAddress"
    return "BadAnswer"
