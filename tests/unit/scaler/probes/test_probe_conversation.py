"""What is asked in one poll, and what follows: servers that take no batches, readers who get errors, rate limits."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.probes.answer import RATE_LIMITED, HttpAnswer, StatusError
from scaler.probes.conversation import Interviewer
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, ProbeError
from scaler.probes.requests import ProbeRequest
from tests.recorded.horizon_answers import NAMES, NETWORK, read_answer

LATE = "latency (35s) since last known ledger closed is too high (>30s)"
RESULTS = {
    "getHealth": {"status": "healthy", "latestLedger": 7, "latestLedgerCloseTime": "1796033974"},
    "getTransaction": {"status": "NOT_FOUND", "latestLedger": 8, "latestLedgerCloseTime": "1796033975"},
    "getNetwork": {"passphrase": NETWORK},
}
DATE = b"Mon, 30 Nov 2026 10:20:08 GMT"


def hold(interviewer: Interviewer, serve: Callable[[ProbeRequest], HttpAnswer]) -> tuple[NodeReport, list[str]]:
    """Hold one conversation, and return the report and what was asked."""
    conversation, asked = interviewer.begin(), []
    request = next(conversation)
    while True:
        asked.append(request.url.removeprefix("http://node") + (request.body or b"").decode())
        try:
            request = conversation.send(serve(request))
        except StopIteration as end:
            return cast("NodeReport", end.value), asked


def answer_call(call: dict[str, object], *, is_healthy: bool = True) -> dict[str, object]:
    frame = {"jsonrpc": "2.0", "id": call["id"]}
    if call["method"] == "getHealth" and not is_healthy:
        return {**frame, "error": {"code": -32603, "message": LATE}}
    return {**frame, "result": RESULTS[str(call["method"])]}


def build_rpc(refusal: HttpAnswer | None, *, is_healthy: bool = True) -> Callable[[ProbeRequest], HttpAnswer]:
    """Build a Stellar RPC that answers a batch with `refusal`, or takes batches where that is None."""

    def serve(request: ProbeRequest) -> HttpAnswer:
        calls = json.loads(request.body or b"")
        if isinstance(calls, dict):
            return HttpAnswer(200, json.dumps(answer_call(calls, is_healthy=is_healthy)).encode(), DATE)
        if refusal is not None:
            return refusal
        body = json.dumps([answer_call(call, is_healthy=is_healthy) for call in calls]).encode()
        return HttpAnswer(200, body, DATE)

    return serve


def error(code: int, message: str, number: int | None = None) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


REFUSALS = {
    "status 400": HttpAnswer(400, b"bad request"),
    "status 413": HttpAnswer(413, b""),
    "status 500": HttpAnswer(500, b"[-32700] invalid request value"),
    "one error": HttpAnswer(200, json.dumps(error(-32600, "batch requests are not supported")).encode()),
    "a list of one error": HttpAnswer(200, json.dumps([error(-32600, "no batches")]).encode()),
    "an error to each call": HttpAnswer(200, json.dumps([error(-32600, "no batches", n) for n in (1, 2, 3)]).encode()),
    "answers to calls of no id": HttpAnswer(
        200,
        json.dumps([{"jsonrpc": "2.0", "id": None, "result": result} for result in RESULTS.values()]).encode(),
        DATE,
    ),
    "the same id twice": HttpAnswer(200, json.dumps([{"id": 1, "result": RESULTS["getHealth"]}] * 2).encode(), DATE),
    "null": HttpAnswer(200, b"null"),
    "an empty list": HttpAnswer(200, b"[]"),
    "nothing": HttpAnswer(200, b""),
    "a web page": HttpAnswer(200, b"<html>"),
}


@pytest.mark.parametrize("is_healthy", [True, False])
def test_one_post_tells_ledger_age_and_network_whatever_the_health(*, is_healthy: bool) -> None:
    report, asked = hold(Interviewer(ProbeKind.RPC, "http://node"), build_rpc(None, is_healthy=is_healthy))
    assert len(asked) == 1
    assert (report.ledger, report.network, report.is_synced) == (8, NETWORK, is_healthy)
    assert report.age_seconds == 33.0
    assert report.state == ("healthy" if is_healthy else f"unhealthy: {LATE}")


def test_a_batch_may_be_answered_in_any_order() -> None:
    def serve(request: ProbeRequest) -> HttpAnswer:
        answers = [answer_call(call) for call in json.loads(request.body or b"")]
        return HttpAnswer(200, json.dumps(answers[::-1]).encode(), DATE)

    report, asked = hold(Interviewer(ProbeKind.RPC, "http://node"), serve)
    assert (report.ledger, report.age_seconds, report.network, len(asked)) == (8, 33.0, NETWORK, 1)


@pytest.mark.parametrize("takes_batches", [True, False])
def test_a_quota_that_is_said_with_status_200_is_a_failed_poll_with_its_words(*, takes_batches: bool) -> None:
    def serve(request: ProbeRequest) -> HttpAnswer:
        calls = json.loads(request.body or b"")
        quota = [error(-32005, "daily request count exceeded", n) for n in (1, 2, 3)]
        is_batch = isinstance(calls, list)
        body = quota if is_batch and takes_batches else quota[0] | {"id": None}
        return HttpAnswer(200, json.dumps(body).encode(), DATE)

    with pytest.raises(ProbeError, match=r"getHealth failed: daily request count exceeded \(code -32005\)"):
        hold(Interviewer(ProbeKind.RPC, "http://node"), serve)


def test_one_that_is_asked_call_by_call_may_ask_for_patience_as_well() -> None:
    interviewer = Interviewer(ProbeKind.RPC, "http://node")
    hold(interviewer, build_rpc(REFUSALS["status 400"]))
    with pytest.raises(StatusError) as caught:
        hold(interviewer, lambda _: HttpAnswer(429, b"", DATE, b"9"))
    assert (caught.value.reason, caught.value.retry_after_seconds) == (RATE_LIMITED, 9.0)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_server_that_takes_no_batches_is_asked_call_by_call(name: str) -> None:
    interviewer = Interviewer(ProbeKind.RPC, "http://node")
    report, asked = hold(interviewer, build_rpc(REFUSALS[name]))
    assert (report.ledger, report.network, report.is_synced, len(asked)) == (7, NETWORK, True, 3)
    report, asked = hold(interviewer, build_rpc(REFUSALS[name]))
    assert (report.ledger, report.network) == (7, NETWORK)
    assert ["getHealth" in one for one in asked] == [True]
    report, asked = hold(interviewer, build_rpc(REFUSALS[name], is_healthy=False))
    assert (report.ledger, report.is_synced, len(asked)) == (8, True, 2), "it was seen to move, from 7 to 8"


def test_a_server_that_took_no_batches_is_offered_one_again_now_and_then() -> None:
    interviewer = Interviewer(ProbeKind.RPC, "http://node")
    asked = [hold(interviewer, build_rpc(REFUSALS["status 400"]))[1] for _ in range(250)]
    assert 2 <= sum(one[0].startswith("[") for one in asked) <= 4
    while not hold(interviewer, build_rpc(None))[1][0].startswith("["):
        pass
    assert all(len(hold(interviewer, build_rpc(None))[1]) == 1 for _ in range(5))


def test_one_that_is_unhealthy_follows_while_it_is_seen_to_move_and_no_longer() -> None:
    interviewer = Interviewer(ProbeKind.RPC, "http://node")
    followed = []
    for seconds in range(0, 120, 5):
        ledger = 100 + min(seconds, 60) // 10  # it moves each ten seconds, and stops after a minute
        at = 1_796_034_008 + seconds
        told = {"latestLedger": ledger, "latestLedgerCloseTime": str(at - 40)}
        calls = [error(-32603, LATE, 1), {"id": 2, "result": told}]
        answer = HttpAnswer(200, json.dumps(calls).encode(), formatdate(at, usegmt=True).encode())
        report, _ = hold(interviewer, lambda _, answer=answer: answer)  # type: ignore[misc]
        followed.append(report.is_synced)
    assert followed == [False] * 2 + [True] * 17 + [False] * 5


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503, 504])
def test_a_server_under_load_or_without_rights_is_asked_no_second_time(status: int) -> None:
    conversation = Interviewer(ProbeKind.RPC, "http://node").begin()
    next(conversation)
    with pytest.raises(ProbeError, match=f"status {status}"):
        conversation.send(HttpAnswer(status, b""))


def test_where_only_get_health_is_let_through_its_word_is_enough() -> None:
    def serve(request: ProbeRequest) -> HttpAnswer:
        call = json.loads(request.body or b"")
        if isinstance(call, list):
            return HttpAnswer(405, b"")
        if call["method"] != "getHealth":
            return HttpAnswer(200, json.dumps(error(-32601, "method not found", call["id"])).encode())
        return HttpAnswer(200, json.dumps(answer_call(call)).encode())

    report, _ = hold(Interviewer(ProbeKind.RPC, "http://node"), serve)
    assert (report.ledger, report.network, report.is_synced) == (7, None, True)


def build_horizon(**readings: HttpAnswer) -> Callable[[ProbeRequest], HttpAnswer]:
    """Build a Horizon in step whose readers get these answers, by the first part of the path."""
    good = HttpAnswer(200, b'{"_embedded": {"records": []}}')

    def serve(request: ProbeRequest) -> HttpAnswer:
        path = request.url.removeprefix("http://node/").partition("?")[0]
        return read_answer("fresh") if not path else readings.get(path, good)

    return serve


def test_readers_of_history_and_of_state_are_asked_for_in_turn() -> None:
    interviewer = Interviewer(ProbeKind.HORIZON, "http://node")
    asked = [hold(interviewer, build_horizon())[1] for _ in range(4)]
    assert asked == [["/", "/ledgers?limit=1&order=desc"], ["/", "/offers?limit=1"]] * 2


def test_of_a_reference_and_of_one_that_has_nothing_yet_nobody_reads() -> None:
    reference = Interviewer(ProbeKind.HORIZON, "http://node", is_reference=True)
    assert hold(reference, build_horizon())[1] == ["/"]
    empty = Interviewer(ProbeKind.HORIZON, "http://node")
    assert hold(empty, lambda _: read_answer("empty-database"))[1] == ["/"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [("ledgers", "readers-database-down"), ("offers", "readers-state-invalid")],
)
def test_what_one_kind_of_reader_is_refused_counts_until_it_is_answered_again(path: str, answer: str) -> None:
    interviewer = Interviewer(ProbeKind.HORIZON, "http://node")
    failed = []
    for _ in range(6):
        try:
            hold(interviewer, build_horizon(**{path: read_answer(answer)}))
            failed.append(False)
        except ProbeError:
            failed.append(True)
    assert failed[1:] == [True] * 5
    for _ in range(2):
        with suppress(ProbeError):
            hold(interviewer, build_horizon())
    assert hold(interviewer, build_horizon())[0].is_synced


def test_a_reader_who_waits_for_ever_counts_until_one_is_answered() -> None:
    interviewer = Interviewer(ProbeKind.HORIZON, "http://node")
    conversation = interviewer.begin()
    next(conversation)
    conversation.send(read_answer("fresh"))
    conversation.close()  # the poll's deadline
    with pytest.raises(ProbeError, match="readers got no response") as caught:
        hold(interviewer, build_horizon())
    assert caught.value.reason == "Timeout"
    assert hold(interviewer, build_horizon())[0].is_synced


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_proxy_that_lets_only_the_root_through_costs_nothing(status: int) -> None:
    closed = HttpAnswer(status, b"")
    report, _ = hold(Interviewer(ProbeKind.HORIZON, "http://node"), build_horizon(ledgers=closed, offers=closed))
    assert report.is_synced


def test_a_reader_who_is_asked_to_wait_says_nothing_of_the_node() -> None:
    interviewer = Interviewer(ProbeKind.HORIZON, "http://node")
    with pytest.raises(ProbeError) as caught:
        hold(interviewer, build_horizon(ledgers=read_answer("rate-limited")))
    assert caught.value.reason == RATE_LIMITED
    assert hold(interviewer, build_horizon())[0].is_synced


STATUSES = st.sampled_from([0, 200, 204, 400, 401, 404, 405, 429, 500, 503, 504])
ANSWERS = st.one_of(
    st.builds(
        HttpAnswer, STATUSES, st.binary(max_size=50), st.none() | st.binary(max_size=40), st.none() | st.binary()
    ),
    st.sampled_from(NAMES).map(read_answer),
    st.builds(lambda name, status: replace(read_answer(name), status=status), st.sampled_from(NAMES), STATUSES),
    st.sampled_from(list(REFUSALS.values())),
)


@given(
    st.sampled_from([kind for kind in ProbeKind if kind is not ProbeKind.GATE]),
    st.lists(ANSWERS, min_size=1, max_size=30),
    st.booleans(),
)
def test_any_answers_end_each_poll_within_four_questions_by_a_report_or_a_probe_error(
    kind: ProbeKind, answers: list[HttpAnswer], is_reference: bool
) -> None:
    interviewer, served = Interviewer(kind, "http://node", is_reference=is_reference), iter(answers * 4)
    for _ in range(len(answers)):
        asked: list[ProbeRequest] = []

        def serve(request: ProbeRequest, asked: list[ProbeRequest] = asked) -> HttpAnswer:
            asked.append(request)
            assert len(asked) <= 4
            return next(served)

        check(try_to_hold(interviewer, serve))


def try_to_hold(interviewer: Interviewer, serve: Callable[[ProbeRequest], HttpAnswer]) -> NodeReport | ProbeError:
    try:
        return hold(interviewer, serve)[0]
    except ProbeError as error:
        return error


def check(outcome: NodeReport | ProbeError) -> None:
    """Check that what came of a poll is possible, and fit to log and show."""
    if isinstance(outcome, ProbeError):
        assert 0 < len(str(outcome)) < 400
        assert outcome.reason.isalpha()
        return
    assert outcome.age_seconds is None or outcome.age_seconds >= 0
    assert outcome.state.isprintable()
    assert len(outcome.state) <= 200
