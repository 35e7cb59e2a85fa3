"""What a node is asked in one poll, question by question, and what follows from its answers. Without I/O.

Most kinds have one question. A Stellar RPC that takes no batches is asked call by call, and a Horizon is asked what its
readers get, of history and of state in turn. The poller sends each request that comes out and puts its answer in.
"""

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from scaler.probes.answer import OK, RATE_LIMITED, TOO_MANY_REQUESTS, HttpAnswer, StatusError, take_body
from scaler.probes.archive import parse_archive
from scaler.probes.core import parse_core
from scaler.probes.fields import expect_object, parse_document
from scaler.probes.gate import GateReport, parse_gate
from scaler.probes.horizon import NO_ANSWER, judge_reading, parse_root
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, ProbeError
from scaler.probes.requests import HEALTH, NETWORK, TRANSACTION, ProbeRequest, build_call, build_readings, build_request
from scaler.probes.rpc import RpcWords, build_report, split_batch

Conversation = Generator[ProbeRequest, HttpAnswer, NodeReport | GateReport]
_TRIES_A_BATCH_EACH = 120
"""Polls of a server that refused a batch until it is offered one again: ten minutes at the default interval."""
_BATCH_REFUSED = frozenset({400, 404, 405, 406, 411, 413, 415, 422, 500, 501})
"""Statuses with which servers and proxies refuse what they do not understand; others speak of load or of rights."""

_MOVING_SECONDS = 30.0
"""As long as an RPC waits for a ledger before it calls itself unhealthy."""
_NOT_TAKEN = (-32600, -32700)
"""JSON-RPC's codes for what is no request: said to each call by a server that takes no batches."""


class Interviewer:
    """Asks one node, poll after poll, and remembers what it can be asked.

    Args:
        kind: of node.
        base_url: where it is.
        is_reference: only what it says of the network counts, not what its readers get.
    """

    __slots__ = (
        "_batch_refusals",
        "_calls",
        "_first",
        "_kind",
        "_newest",
        "_passphrase",
        "_polls",
        "_readings",
        "_refused",
    )

    def __init__(self, kind: ProbeKind, base_url: str, *, is_reference: bool = False) -> None:
        self._kind = kind
        self._first = build_request(kind, base_url)
        self._batch_refusals = 0
        self._passphrase: Mapping[str, Any] | None = None
        is_rpc = kind is ProbeKind.RPC
        self._calls = {each: build_call(base_url, each) for each in (HEALTH, TRANSACTION, NETWORK)} if is_rpc else {}
        has_readers = kind is ProbeKind.HORIZON and not is_reference
        self._readings = build_readings(base_url) if has_readers else ()
        self._polls = 0
        self._newest: tuple[int, float | None] = (0, None)
        self._refused: dict[ProbeRequest, HttpAnswer] = {}

    @property
    def first(self) -> ProbeRequest:
        """The first request of most polls: where it leads, the others lead as well."""
        return self._first

    def begin(self) -> Conversation:
        """Begin one poll.

        Raises:
            ProbeError: out of the conversation, when the node's answers are none.
        """
        if self._kind is ProbeKind.RPC:
            return self._ask_rpc()
        return self._ask_horizon() if self._kind is ProbeKind.HORIZON else self._ask_once()

    def _ask_once(self) -> Conversation:
        body = take_body((yield self._first))
        if self._kind is ProbeKind.CORE:
            return parse_core(body)
        return parse_gate(body) if self._kind is ProbeKind.GATE else parse_archive(body)

    def _ask_horizon(self) -> Conversation:
        report = parse_root((yield self._first))
        if not self._readings or not report.ledger:
            return report
        reading = self._readings[self._polls % len(self._readings)]
        self._polls += 1
        self._refused[reading] = NO_ANSWER  # until there is one: a poll that ends here leaves that behind
        answer = yield reading
        del self._refused[reading]
        for refusal in self._refused.values():
            report = judge_reading(report, refusal)
        if answer.status not in (OK, TOO_MANY_REQUESTS):
            self._refused[reading] = answer
        return judge_reading(report, answer)

    def _ask_rpc(self) -> Conversation:
        if self._batch_refusals % _TRIES_A_BATCH_EACH == 0:
            answer = yield self._first
            words = _take_batch(answer)
            if words is not None:
                self._batch_refusals = 0
                return self._judge_following(build_report(words, answer.at), answer.at)
            return (yield from self._ask_by_call())
        return (yield from self._ask_by_call())

    def _ask_by_call(self) -> Conversation:
        """Ask call by call: the ledger where getHealth does not tell it, the network once while nothing fails."""
        passphrase, self._passphrase = self._passphrase, None  # after a failure it may be another node that answers
        answer = yield self._calls[HEALTH]
        health = _take_response(answer)
        self._batch_refusals += 1  # the call by itself was answered: it was the batch that was not
        transaction = None
        if health.get("error") is not None:
            transaction = _find_response((yield self._calls[TRANSACTION]))
        if passphrase is None:
            passphrase = _find_response((yield self._calls[NETWORK]))
        report = build_report(RpcWords(health, transaction, passphrase), answer.at)
        self._passphrase = passphrase
        return self._judge_following(report, answer.at)

    def _judge_following(self, report: NodeReport, at: float | None) -> NodeReport:
        """Treat an unhealthy RPC that advanced within half a minute as following the network.

        How far behind is too far is then for the fleet's threshold to say; of one that stands still its own word
        counts, as Core's does.
        """
        if not report.tells_ledger:
            return report
        ledger, moved_at = self._newest
        if report.ledger != ledger:
            moved_at = at if 0 < ledger < report.ledger else None
            self._newest = report.ledger, moved_at
        is_moving = moved_at is not None and at is not None and at - moved_at <= _MOVING_SECONDS
        return replace(report, is_synced=True) if is_moving and report.age_seconds is not None else report


def _take_batch(answer: HttpAnswer) -> RpcWords | None:
    """Read the response to a batch; None if the server does not support batches."""
    try:
        words = split_batch(take_body(answer))
    except StatusError:
        if answer.status in _BATCH_REFUSED:
            return None
        raise
    except ProbeError:
        return None  # no JSON, or a list of something else: asked by itself it may do better
    if words is None or words.health is None:
        return None
    error = words.health.get("error")
    return None if isinstance(error, dict) and error.get("code") in _NOT_TAKEN else words


def _take_response(answer: HttpAnswer) -> Mapping[str, Any]:
    return expect_object(parse_document(take_body(answer)), "the answer")


def _find_response(answer: HttpAnswer) -> Mapping[str, Any] | None:
    """Read the response to a call that is not needed to classify the node; None if it failed."""
    try:
        response = _take_response(answer)
    except ProbeError as error:
        if error.reason == RATE_LIMITED:
            raise
        return None
    return response if isinstance(response.get("result"), dict) else None
