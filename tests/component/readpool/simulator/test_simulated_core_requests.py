"""What the simulated Core's ports answer to each odd request that was recorded of Core 22.4.1, byte for byte."""

import base64
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.component.readpool.simulator.core_ports import (
    Ports,
    ScriptedNode,
    alike,
    exchange,
    facts_from,
    has_right_length,
    json_of,
    read_recorded,
    serving,
)

_FILE: dict[str, Any] = read_recorded("requests.json")
ANSWERS: list[str] = _FILE["answers"]
CASES: list[dict[str, Any]] = _FILE["cases"]
MISSING = "AAAAAAAAAABzdv3ojkzWHMD7KUoXhrPx0GH18vHKV0ZfqpMiEblG1g=="
FIRST_INFO = next(answer for answer in ANSWERS if '"info" : {' in answer)
FILLED = re.compile(r"(.*X: )a+\.\.\. \((\d+) a\)", re.DOTALL)
KEYS = re.compile(r"(.*\r\n\r\n)key=.*\.\.\. \((\d+) keys\)", re.DOTALL)


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    with serving(ScriptedNode(facts_from(json_of(FIRST_INFO)["info"]))) as served:
        yield served


def _expand(request: str, case: str) -> bytes:
    """Return the request that was sent, of which the recording only keeps the beginning."""
    if (filled := FILLED.fullmatch(request)) is not None:
        request = filled[1] + "a" * int(filled[2]) + "\r\n\r\n"
    elif request.endswith("X: aaaaaaaaaaaaaa..."):
        request = request[: request.index("a" * 14)] + "a" * 70_000 + f"\r\n\r\nkey={MISSING}"
    elif request.endswith("aaa..."):
        request = request[: request.index("key=")] + "key=" + "a" * 11_000_000
    elif (keys := KEYS.fullmatch(request)) is not None:
        missing = [_missing_key(index) for index in range(int(keys[2]))]
        sent = [quote(one, safe="") for one in missing] if "percent-encoded" in case else missing
        request = keys[1] + "&".join(f"key={one}" for one in sent)
    return request.encode("latin-1")


def _missing_key(index: int) -> str:
    return base64.b64encode(bytes(8) + index.to_bytes(32, "big")).decode()


def _identify(case: dict[str, Any]) -> str:
    return f"{case['source']}: {case['case']}"


@pytest.mark.parametrize("case", [one for one in CASES if "refused" not in one["connection"]], ids=_identify)
def test_request_is_answered_as_core_answered_it(ports: Ports, case: dict[str, Any]) -> None:
    recorded = ANSWERS[case["answer"]]
    if '"info" : {' in recorded:
        ports.node.said = facts_from(json_of(recorded)["info"])
    if case["port"] == "query":
        ports.show_ledger(_ledger_of(case, recorded))
    parts = [_expand(one, case["case"]) for one in _parts(case)]
    stays_open = case["connection"].startswith("still open")
    ports.ended.clear()

    port = ports.query if case["port"] == "query" else ports.command
    said = exchange(port, parts, ends="FIN" in case["case"], is_patient=not stays_open)

    assert said.is_closed is not stays_open
    assert has_right_length(said.answer)
    if '"info" : {' in recorded:
        assert alike(said.answer.decode()) == alike(recorded)
    else:
        assert said.answer.decode("latin-1") == recorded
    ended = _how_core_ended(case)
    assert [f"current exception: {one}" for one in ports.ended] == ended


def _ledger_of(case: dict[str, Any], recorded: str) -> int:
    answered = re.search(r'"ledgerSeq":(\d+)', recorded)
    return int(answered[1]) if answered and "=" not in case["case"] else case.get("num", 1)


def _parts(case: dict[str, Any]) -> list[str]:
    request = case["request"]
    return request if isinstance(request, list) else [request] if request else []


def _how_core_ended(case: dict[str, Any]) -> list[str]:
    if "last_line" in case:
        return [case["last_line"]]
    return ['current exception: std::invalid_argument("stoi")'] if case["case"] == "Content-Length not a number" else []
