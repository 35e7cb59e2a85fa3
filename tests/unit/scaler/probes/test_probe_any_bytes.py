"""Whatever a node answers: any bytes, any JSON, any real answer with parts of it changed, parse or raise ProbeError."""

import json
import math
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scaler.probes import parse
from scaler.probes.fields import MAX_LEDGER
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport, ProbeError
from tests.recorded import answers
from tests.unit.scaler.probes.test_probe_archive import STATE
from tests.unit.scaler.probes.test_probe_horizon import ROOT
from tests.unit.scaler.probes.test_probe_rpc import HEALTHY

KINDS = tuple(kind for kind in ProbeKind if kind is not ProbeKind.GATE)
REAL: tuple[tuple[ProbeKind, dict[str, Any]], ...] = (
    *((ProbeKind.CORE, answers.read_document(name)) for name in answers.NAMES),
    (ProbeKind.RPC, HEALTHY),
    (
        ProbeKind.RPC,
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "data stores are not initialized"}},
    ),
    (ProbeKind.HORIZON, ROOT),
    (ProbeKind.ARCHIVE, STATE),
)
FRAMES = (
    "%s",
    *('{"info":%s}', '{"info":{"ledger":{"num":%s}}}', '{"info":{"state":%s}}', '{"exception":%s}'),
    *('{"result":%s}', '{"error":%s}', '{"history_latest_ledger":%s}', '{"currentLedger":%s}'),
)
NUMBERS = st.one_of(
    st.integers(),
    st.sampled_from([0, 1, -1, MAX_LEDGER, MAX_LEDGER + 1, 2**53, 2**63, 2**64, -(2**63), 10**308, 10**4200]),
    st.floats(),
)
TEXTS = st.one_of(
    st.text(),
    st.text(st.characters(), max_size=20),  # lone surrogates among them
    st.sampled_from(["Synced!", "Catching up to ledger 63: (11% done)", "ETA: 9999999s", "2026-11-23T23:20:35Z", "Z"]),
    st.builds("{}Z".format, st.datetimes().map(lambda moment: moment.isoformat())),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)


def check(kind: ProbeKind, body: bytes) -> NodeReport | None:
    """Parse; None for a ProbeError, whose message must be fit to log. Whatever is reported must be possible."""
    try:
        report = parse(kind, body)
    except ProbeError as error:
        message = str(error)
        assert 0 < len(message) < 300
        assert message.isprintable(), message
        return None
    assert 0 <= report.ledger <= MAX_LEDGER
    assert report.heard_ledger is None or 0 < report.heard_ledger <= MAX_LEDGER
    for words in (report.state, report.network or "", "" if report.catch_up is None else report.catch_up.text):
        assert len(words) <= 200
        assert words.isprintable()
    for seconds in (report.age_seconds, report.uptime_seconds):
        assert seconds is None or 0 <= seconds < math.inf
    assert report.started_on is None or math.isfinite(report.started_on)
    if report.catch_up is not None:
        assert report.catch_up.target_ledger is None or 0 <= report.catch_up.target_ledger <= MAX_LEDGER
        assert report.catch_up.percent_done is None or 0 <= report.catch_up.percent_done <= 100
        assert report.catch_up.eta_seconds is None or 0 <= report.catch_up.eta_seconds < 1e7
    json.dumps(asdict(report), allow_nan=False).encode()
    return report


def list_places(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """List the path to each part of a document, the whole among them."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, part in inner for found in list_places(part, (*place, key)))]


def put(document: Any, place: tuple[str | int, ...], value: Any) -> Any:
    if not place:
        return value
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return document


@st.composite
def changed_answers(draw: st.DrawFn) -> tuple[ProbeKind, bytes]:
    """Draw a real answer with one to three parts of it put to something else."""
    kind, real = draw(st.sampled_from(REAL))
    document: Any = deepcopy(real)
    for _ in range(draw(st.integers(1, 3))):
        document = put(document, draw(st.sampled_from(list_places(document))), draw(VALUES))
    return kind, json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@st.composite
def damaged_answers(draw: st.DrawFn) -> tuple[ProbeKind, bytes]:
    """Draw a real answer with a stretch of its bytes lost or put to others."""
    kind, real = draw(st.sampled_from(REAL))
    body = json.dumps(real).encode()
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 20)))
    return kind, body[:start] + draw(st.binary(max_size=20)) + body[end:]


@given(st.sampled_from(KINDS), st.binary())
@example(ProbeKind.CORE, b"\xff\xfe{\x00}\x00")
@example(ProbeKind.CORE, b"\xef\xbb\xbf{}")
@example(ProbeKind.RPC, b"\x00\x00\x00{")
def test_any_bytes_parse_or_raise_probe_error(kind: ProbeKind, body: bytes) -> None:
    check(kind, body)


@given(st.sampled_from(KINDS), VALUES)
def test_any_json_parses_or_raises_probe_error(kind: ProbeKind, value: Any) -> None:
    check(kind, json.dumps(value).encode())


@given(changed_answers())
def test_a_real_answer_with_parts_changed_parses_or_raises_probe_error(changed: tuple[ProbeKind, bytes]) -> None:
    check(*changed)


@given(damaged_answers())
def test_a_real_answer_with_bytes_damaged_parses_or_raises_probe_error(damaged: tuple[ProbeKind, bytes]) -> None:
    check(*damaged)


@given(st.sampled_from(REAL), st.randoms(use_true_random=False))
def test_the_order_of_fields_never_matters(real: tuple[ProbeKind, dict[str, Any]], chance: Any) -> None:
    kind, document = real

    def shuffle(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: shuffle(value[key]) for key in chance.sample(sorted(value), len(value))}

    assert parse(kind, json.dumps(shuffle(document)).encode()) == parse(kind, json.dumps(document).encode())


@given(st.sampled_from(REAL), st.text(), VALUES)
def test_a_field_that_nobody_knows_changes_nothing(
    real: tuple[ProbeKind, dict[str, Any]], name: str, value: Any
) -> None:
    kind, document = real
    if name in {*document, "exception", "error"} or not is_plain(value):
        return
    assert parse(kind, json.dumps({**document, name: value}).encode()) == parse(kind, json.dumps(document).encode())


def is_plain(value: Any) -> bool:
    """Return whether a value is JSON that a node may send: no NaN, and no number longer than Python takes."""
    try:
        json.loads(json.dumps(value, allow_nan=False))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
@pytest.mark.parametrize("frame", FRAMES)
def test_nesting_of_any_depth_is_refused(kind: ProbeKind, opening: str, closing: str, frame: str) -> None:
    for depth in (*range(1, 1100, 7), *range(960, 1000), 10_000, 40_000):
        for end in (closing * depth, ""):
            assert check(kind, (frame % (opening * depth + "1" * bool(end) + end)).encode()) is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_is_refused_wherever_it_stands(kind: ProbeKind, number: str) -> None:
    with pytest.raises(ProbeError, match=f"the answer has the number {number}"):
        parse(kind, f'{{"currentLedger": 3, "x": [{number}]}}'.encode())


@pytest.mark.parametrize("number", ["9" * 4300, "9" * 5000, "9" * 200_000, "-" + "9" * 4300, "1e400", "-1e400", "-0.0"])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_without_end_are_no_ledgers(kind: ProbeKind, number: str) -> None:
    frames = {
        ProbeKind.CORE: '{"info":{"ledger":{"num":%s}}}',
        ProbeKind.RPC: '{"result":{"status":"healthy","latestLedger":%s}}',
        ProbeKind.HORIZON: '{"history_latest_ledger":%s}',
        ProbeKind.ARCHIVE: '{"currentLedger":%s}',
    }
    assert check(kind, (frames[kind] % number).encode()) is None


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 1}', b'{"x": [{"a": 1, "b": 2, "\\u0061": 3}]}'])
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_given_twice_is_refused_wherever_it_stands(kind: ProbeKind, body: bytes) -> None:
    with pytest.raises(ProbeError, match="the answer has a duplicate key"):
        parse(kind, body)


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_stays_short_however_long_the_answer_is(kind: ProbeKind) -> None:
    for value in ("x" * 250_000, ["x" * 1000] * 200, {"x" * 250_000: 1}, "\x1b" * 250_000):
        for key in ("info", "result", "error", "exception", "history_latest_ledger", "currentLedger"):
            assert check(kind, json.dumps({key: value}).encode()) is None
