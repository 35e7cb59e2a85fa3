"""Asks every node once an interval, each at its own phase, and passes the outcome to the node's listeners.

A node is polled once however many fleets name it. One loop starts the polls that are due; each poll is a short task,
so a node that hangs holds up nothing but itself. Between the fleets, which say which nodes, and the fetch, which asks
one.
"""

import asyncio
import heapq
import ssl
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol, TypeVar

import structlog

from readpool.clock import Clock
from scaler.polling.addresses import is_address
from scaler.polling.discovery import SCALER_LIMIT, Discovery, DiscoveryError
from scaler.polling.fetch import FetchLimits, NodeClient, ScalerLimitError, build_failure, build_question
from scaler.polling.http_exchange import ExchangeError, ReceiveBudget
from scaler.polling.poll_schedule import (
    OUT_OF_STEP,
    StartBudget,
    compute_next_due,
    compute_phase,
    compute_rest_seconds,
    is_too_late,
)
from scaler.polling.sight import Sight
from scaler.probes.answer import RATE_LIMITED, StatusError
from scaler.probes.conversation import Interviewer
from scaler.probes.gate import GateReport
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure, ProbeError
from scaler.telemetry.stats import ScalerStats
from scaler.triggers.poll_settings import PollSettings

_TICK_SECONDS, _IDLE_TICK_SECONDS = 0.002, 0.1
"""How often the loop looks for polls that are due: at most, and at least.

Polls that start together stay together, answer by answer: ten of them fill each pass of the loop for a millisecond,
and gRPC takes some eight passes to accept a call and answer it, and accepts one at a time.
"""
_STARTS_A_TURN = 8
"""Polls that start at once; then the loop has its turn, so that an answer to KEDA waits for no more than these."""
_FIRST_LOOK_SECONDS = 0.005
"""Between the first polls of new nodes, which come before their phase as long as there is room."""
_SUSPENSION_SECONDS = 1.0
"""A poll that outlived its deadline by this much was not slow: this process did not run."""

_log = structlog.get_logger()


_Report_contra = TypeVar("_Report_contra", bound=NodeReport | GateReport, contravariant=True)


class Listener(Protocol[_Report_contra]):
    """A receiver of outcomes of nodes or gates, each under a name of its own."""

    def receive(self, name: str, outcome: _Report_contra | PollFailure, now: float) -> None:
        """Record the outcome of one poll. Must not wait."""


@dataclass(slots=True, eq=False)
class PolledNode:
    """One node, with everything that is kept of it between polls.

    `client` is None where its URL cannot be asked at all. While `rests_until` has not come it is left alone, for it has
    refused `refusals` polls in a row as too many.
    """

    kind: ProbeKind
    url: str
    phase: float
    interviewer: Interviewer
    client: NodeClient | None
    refusal: PollFailure | None
    listeners: dict[tuple[Listener[Any], str], None] = field(default_factory=dict)
    poll: asyncio.Task[None] | None = None
    is_faulty: bool = False
    rests_until: float = 0.0
    refusals: int = 0


class Poller:
    """The loop over all nodes of this process."""

    def __init__(
        self, settings: PollSettings, clock: Clock, discovery: Discovery, stats: ScalerStats, tls: ssl.SSLContext
    ) -> None:
        self._settings = settings
        self._period = settings.interval_seconds * OUT_OF_STEP
        self._clock = clock
        self._discovery = discovery
        self._stats = stats
        seconds = (settings.connect_seconds, settings.deadline_seconds)
        self._limits = FetchLimits(*seconds, settings.allow_loopback, settings.networks)
        self._budget = ReceiveBudget()
        self._tls = tls
        self._nodes: dict[tuple[ProbeKind, str], PolledNode] = {}
        self._kinds: Counter[ProbeKind] = Counter()
        self._due: list[tuple[float, int, PolledNode]] = []
        self._order = count()
        self._next_first_look = 0.0
        self._starts = StartBudget(0.0)
        self._loop_task: asyncio.Task[None] | None = None
        self._sight = Sight(settings.remembered_seconds)

    @property
    def is_seeing(self) -> bool:
        """Whether nodes were observed of late: False where, for three polls, most of them could not even be asked."""
        return self._sight.is_seeing(asyncio.get_running_loop().time())

    @property
    def node_count(self) -> int:
        """Number of nodes that are polled, without the gates beside them."""
        return len(self._nodes) - self.gate_count

    @property
    def gate_count(self) -> int:
        """Number of gates that are polled."""
        return self._kinds[ProbeKind.GATE]

    async def start(self) -> None:
        """Start polling whatever is subscribed, now and later."""
        self._loop_task = asyncio.create_task(self._run(), name="poller")

    async def stop(self) -> None:
        """Stop polling, give up what is under way and close what is open."""
        tasks = [node.poll for node in self._nodes.values() if node.poll is not None]
        if self._loop_task is not None:
            tasks.append(self._loop_task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for node in self._nodes.values():
            if node.client is not None:
                node.client.close()
        self._nodes.clear()
        self._kinds.clear()
        self._due.clear()

    def subscribe(self, kind: ProbeKind, url: str, listener: Listener[Any], name: str) -> None:
        """Poll a node, and pass its outcomes to `listener` under `name`: a gate's are reports of its own kind.

        Its first poll comes within the interval.
        """
        node = self._nodes.get((kind, url))
        if node is None:
            node = self._nodes[kind, url] = self._build_node(kind, url)
            self._kinds[kind] += 1
            self._sight.add(node, asyncio.get_running_loop().time())
            self._schedule_first(node)
        node.listeners[listener, name] = None

    def unsubscribe(self, kind: ProbeKind, url: str, listener: Listener[Any], name: str) -> None:
        """Remove a listener; a node without listeners is no longer polled."""
        node = self._nodes.get((kind, url))
        if node is None:
            return
        node.listeners.pop((listener, name), None)
        if not node.listeners:
            del self._nodes[kind, url]
            self._kinds[kind] -= 1
            self._sight.remove(node)
            if node.poll is not None:
                node.poll.cancel()
            elif node.client is not None:
                node.client.close()

    def _build_node(self, kind: ProbeKind, url: str) -> PolledNode:
        phase = compute_phase(next(self._order), self._period)
        interviewer = Interviewer(kind, url)
        request = interviewer.first
        try:
            question = build_question(request.method, request.url, request.body, request.headers)
        except ExchangeError as error:
            return PolledNode(kind, url, phase, interviewer, None, build_failure(error.reason, str(error)))
        return PolledNode(kind, url, phase, interviewer, NodeClient(question), None)

    def _schedule_first(self, node: PolledNode) -> None:
        """Schedule a new node: at its phase, or sooner while first looks are few enough to be no burst."""
        now = asyncio.get_running_loop().time()
        due = compute_next_due(node.phase, self._period, now)
        first_look = max(now, self._next_first_look)
        if first_look < due:
            self._next_first_look = first_look + _FIRST_LOOK_SECONDS
            due = first_look
        heapq.heappush(self._due, (due, next(self._order), node))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._start_due(loop.time()) == _STARTS_A_TURN:
                await asyncio.sleep(0.001)
                continue
            idle_seconds = self._due[0][0] - loop.time() if self._due else _IDLE_TICK_SECONDS
            await asyncio.sleep(min(max(idle_seconds, _TICK_SECONDS), _IDLE_TICK_SECONDS))

    def _start_due(self, now: float) -> int:
        """Start polls that are due, as many as budget and turn allow; return how many were looked at."""
        turn, period = 0, self._period
        self._starts.refill(len(self._nodes), period, now)
        while turn < _STARTS_A_TURN and self._due and self._due[0][0] <= now and self._starts.take():
            turn += 1
            due, order, node = heapq.heappop(self._due)
            if not node.listeners:
                continue
            # A first look may come shortly before the node's phase, which then waits for its next turn.
            next_due = compute_next_due(node.phase, period, now + period / 4)
            heapq.heappush(self._due, (next_due, order, node))
            is_free = node.poll is None and node.rests_until <= now
            if is_free and not is_too_late(due, period, now):
                node.poll = asyncio.create_task(self._poll(node))
        return turn

    async def _poll(self, node: PolledNode) -> None:
        """Poll one node once, and tell its listeners."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            outcome = await self._observe(node)
        except ScalerLimitError as error:
            self._note_scaler_limit(error)
            return
        except Exception as error:  # noqa: BLE001 - whatever an answer brings about is that one node's failure
            _note_fault(node, error)
            outcome = build_failure("BadAnswer", f"cannot be parsed: {type(error).__name__}")
        finally:
            node.poll = None
            if not node.listeners and node.client is not None:
                node.client.close()
        now = loop.time()
        seconds = now - started
        if isinstance(outcome, PollFailure) and seconds > self._limits.total_seconds + _SUSPENSION_SECONDS:
            return  # says nothing of the node
        if self._sight.note(node, max(now, node.rests_until)):
            _log.info("pollsResumed", nodes=len(self._nodes))
        reason = outcome.reason if isinstance(outcome, PollFailure) else "Answered"
        if node.kind is ProbeKind.GATE:
            self._stats.gate_polls[reason] += 1
        else:
            self._stats.count_poll(reason, seconds)
        self._tell(node, outcome)

    def _tell(self, node: PolledNode, outcome: NodeReport | GateReport | PollFailure) -> None:
        now = self._clock()
        for listener, name in tuple(node.listeners):
            try:
                listener.receive(name, outcome, now)
            except Exception as error:  # noqa: BLE001 - a fault in one fleet keeps nothing from the others
                _note_fault(node, error)

    async def _observe(self, node: PolledNode) -> NodeReport | GateReport | PollFailure:
        if node.client is None:
            return node.refusal or build_failure("BadAddress", "not a URL that can be polled")
        try:
            addresses = await self._locate(node.client.question.host)
            conversation = node.interviewer.begin()
            report = await node.client.converse(conversation, addresses, self._limits, self._budget, self._tls)
        except ExchangeError as error:
            return build_failure(error.reason, str(error))
        except ProbeError as error:
            return self._note_refusal(node, error)
        node.refusals = 0
        return report

    def _note_refusal(self, node: PolledNode, error: ProbeError) -> PollFailure:
        """Leave a node alone for a while that was asked too often."""
        if error.reason != RATE_LIMITED:
            return build_failure(error.reason, str(error))
        node.refusals += 1
        wanted = error.retry_after_seconds if isinstance(error, StatusError) else None
        rest_seconds = compute_rest_seconds(wanted, node.refusals, self._settings.interval_seconds)
        node.rests_until = asyncio.get_running_loop().time() + rest_seconds
        return build_failure(RATE_LIMITED, f"{error}; the scaler waits for {rest_seconds:.0f} s")

    async def _locate(self, host: str) -> tuple[str, ...]:
        if is_address(host):
            return (host,)
        try:
            return await self._discovery.resolve(host)
        except DiscoveryError as error:
            if error.reason == SCALER_LIMIT:
                raise ScalerLimitError(str(error)) from error
            raise ExchangeError("NameNotResolved", str(error)) from error

    def _note_scaler_limit(self, error: ScalerLimitError) -> None:
        self._stats.polls["ScalerLimit"] += 1
        if self._sight.note_own_limit(asyncio.get_running_loop().time()):
            _log.error("pollsSuspended", message=str(error), nodes=len(self._nodes))


def _note_fault(node: PolledNode, error: Exception) -> None:
    """Log a fault of our own once a node: the node goes on being polled, and so do all others."""
    if not node.is_faulty:
        node.is_faulty = True
        _log.error("pollFault", url=node.url, exc_info=error)
