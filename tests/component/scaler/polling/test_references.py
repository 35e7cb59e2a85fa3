"""References on real sockets: asked by httpx within the same limits as nodes, shared, and logged once each way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import structlog.testing

from readpool.clock import steady_clock
from scaler.polling.discovery import Discovery
from scaler.polling.fetch import build_tls_context
from scaler.polling.references import References
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, PollFailure
from scaler.triggers.fleet_spec import Reference
from scaler.triggers.poll_settings import PollSettings
from tests.component.fake_dns import run_dns
from tests.component.hostile_servers import HOSTILE, Handler, answering, build_answer, build_honest_info, run_node
from tests.component.scaler.polling.polling import FAST, HonestNode, wait_until

TLS = build_tls_context()
_PATIENT = replace(FAST, interval_seconds=5.0, connect_seconds=2.0, total_seconds=4.0)
LENIENT = {
    # httpx reads what llhttp refuses; none of it gets further than the parser.
    "a length that is too small",
    "two lengths",
    "a length beside chunks",
    "endless interim answers",
    "a change of protocol",
    "endless chunks of one byte",
    "endless trailers",
    "an endless chunk extension",
}


class Recorder:
    """Listens, and remembers."""

    def __init__(self) -> None:
        self.outcomes: list[NodeReport | PollFailure] = []

    def receive_reference(self, _reference: Reference, outcome: NodeReport | PollFailure, now: float) -> None:
        assert now > 1_600_000_000
        self.outcomes.append(outcome)


@contextlib.asynccontextmanager
async def run_references(settings: PollSettings = FAST) -> AsyncIterator[References]:
    references = References(settings, steady_clock(), Discovery(settings), TLS)
    try:
        yield references
    finally:
        await references.stop()


async def ask_once(
    url: str, settings: PollSettings = FAST, kind: ProbeKind = ProbeKind.CORE
) -> NodeReport | PollFailure:
    listener = Recorder()
    async with run_references(settings) as references:
        references.subscribe(Reference(kind, url), listener)
        await wait_until(lambda: listener.outcomes)
    return listener.outcomes[0]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (ProbeKind.CORE, build_honest_info(ledger=1000)),
        (ProbeKind.HORIZON, b'{"history_latest_ledger": 999, "core_latest_ledger": 1000}'),
        (ProbeKind.RPC, b'{"jsonrpc": "2.0", "id": 1, "result": {"status": "healthy", "latestLedger": 1000}}'),
        (ProbeKind.ARCHIVE, b'{"version": 1, "currentLedger": 1000}'),
    ],
)
async def test_each_kind_of_reference_is_understood(kind: ProbeKind, body: bytes) -> None:
    async with run_node(answering(build_answer(body))) as url:
        outcome = await ask_once(url, kind=kind)
    assert isinstance(outcome, NodeReport)
    assert outcome.ledger in (999, 1000)


@pytest.mark.parametrize(("handler", "reason"), HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_reference_is_a_failure_with_a_bounded_message(handler: Handler, reason: str) -> None:
    settings = _PATIENT if reason in {"BadStatus", "Redirected"} else FAST
    async with run_node(handler) as url:
        outcome = await ask_once(url, settings)
    assert isinstance(outcome, PollFailure)
    assert outcome.message.isprintable()
    assert len(outcome.message) <= 200
    name = next(name for name, case in HOSTILE.items() if case[0] is handler)
    if name not in LENIENT and reason in {"BadStatus", "Redirected", "Timeout"}:
        assert outcome.reason == reason


async def test_a_reference_is_asked_once_however_many_fleets_name_it() -> None:
    node, ours, theirs = HonestNode(), Recorder(), Recorder()
    async with run_node(node.handler) as url, run_references() as references:
        reference = Reference(ProbeKind.CORE, url)
        references.subscribe(reference, ours)
        await wait_until(lambda: ours.outcomes)
        references.subscribe(reference, theirs)
        assert theirs.outcomes == ours.outcomes[-1:]
        await wait_until(lambda: len(theirs.outcomes) >= 3)
        assert len(node.asked_at) <= len(ours.outcomes) + 1

        references.unsubscribe(reference, ours)
        references.unsubscribe(reference, theirs)
        asked = len(node.asked_at)
        await asyncio.sleep(2 * FAST.interval_seconds)
        assert len(node.asked_at) <= asked + 1


async def test_an_archive_is_asked_seldom() -> None:
    asked = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await answering(build_answer(b'{"currentLedger": 63}'))(reader, writer)

    listener = Recorder()
    async with run_node(handle) as url, run_references() as references:
        references.subscribe(Reference(ProbeKind.ARCHIVE, url), listener)
        await wait_until(lambda: listener.outcomes)
        await asyncio.sleep(3 * FAST.interval_seconds)
    assert asked == 1


async def test_trouble_is_logged_once_and_so_is_its_end() -> None:
    node, listener = HonestNode(), Recorder()
    broken = True

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (HOSTILE["status 404"][0] if broken else node.handler)(reader, writer)

    with structlog.testing.capture_logs() as lines:
        async with run_node(handle) as url, run_references() as references:
            references.subscribe(Reference(ProbeKind.CORE, url), listener)
            await wait_until(lambda: len(listener.outcomes) >= 3)
            broken = False
            await wait_until(lambda: any(line["event"] == "referenceRecovered" for line in lines))
    assert [line["event"] for line in lines] == ["referenceFailed", "referenceRecovered"]


async def test_a_triggers_reference_at_loopback_is_refused_and_the_operators_is_not() -> None:
    node = HonestNode()
    strict = replace(FAST, allow_loopback=False)
    async with run_node(node.handler) as url:
        refused = await ask_once(url, strict)
        assert isinstance(refused, PollFailure)
        assert refused.reason == "BadAddress"
        assert not node.asked_at
        trusted = replace(strict, references=(Reference(ProbeKind.CORE, url),))
        assert isinstance(await ask_once(url, trusted), NodeReport)


async def test_a_name_is_resolved_checked_and_kept_in_the_host_header() -> None:
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(build_answer(build_honest_info()))

    async with run_dns() as server, run_node(handle) as url:
        server.records["core.example.", "A"] = ["169.254.169.254", "127.0.0.1"]
        named = url.replace("127.0.0.1", "core.example.")
        settings = replace(FAST, dns_server=("127.0.0.1", server.port))
        assert isinstance(await ask_once(named, settings), NodeReport)
        assert f"host: {named.removeprefix('http://')}\r\n".encode() in asked[0].lower()

        server.records.clear()
        outcome = await ask_once(named, settings)
        assert isinstance(outcome, PollFailure)
        assert outcome.reason == "NameNotResolved"


async def test_one_reference_more_than_the_limit_is_refused_and_said() -> None:
    with structlog.testing.capture_logs() as lines:
        async with run_node(HonestNode().handler) as url, run_references(replace(FAST, max_references=1)) as references:
            references.subscribe(Reference(ProbeKind.CORE, url), Recorder())
            references.subscribe(Reference(ProbeKind.CORE, url + "/"), Recorder())
    assert [line["event"] for line in lines] == ["referenceRefused"]
