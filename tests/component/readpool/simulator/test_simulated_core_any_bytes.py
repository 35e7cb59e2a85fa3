"""Whatever bytes come to the simulated Core's ports, they answer, wait or close, and go on; only a length ends it."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.component.readpool.simulator.core_ports import (
    Exchange,
    Ports,
    ScriptedNode,
    exchange,
    facts_from,
    json_of,
    read_recorded,
    serving,
)

ENDS = ('std::invalid_argument("stoi")', 'std::out_of_range("stoi")')
WORDS = st.sampled_from(
    [
        *(
            b"GET ",
            b"POST ",
            b"/getledgerentryraw",
            b"/info",
            b"/tx?blob=",
            b"/upgrades?mode=set&",
            b"/connect?peer=a&port=",
        ),
        *(
            b" HTTP/1.1\r\n",
            b"\r\n",
            b"\r\n\r\n",
            b"Content-Length: ",
            b"content-length: ",
            b"key=",
            b"&ledgerSeq=",
            b"%",
            b"+",
        ),
        *(b"AAAAAAAAAABzdv3ojkzWHMD7KUoXhrPx0GH18vHKV0ZfqpMiEblG1g==", b"60", b"-1", b"99999999999", b"\0", b"\xff"),
    ]
)
BYTES = st.lists(WORDS | st.binary(max_size=12), max_size=14).map(b"".join)
COMMANDS = st.sampled_from(
    [
        *("info", "metrics", "peers", "quorum", "scp", "ll", "connect", "droppeer"),
        *("unban", "upgrades", "maintenance", "tx", "sorobaninfo", "clearmetrics"),
    ]
)
VALUES = st.text(st.characters(codec="ascii", exclude_characters=" &#\x7f", min_codepoint=0x21), max_size=12)
KEYS = st.sampled_from(
    [
        *("mode", "level", "limit", "peer", "port", "node", "blob", "key"),
        *("compact", "transitive", "enable", "upgradetime", "basefee", "format"),
    ]
)


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    recorded = read_recorded("states.json")["Synced!"]["info"]
    with serving(ScriptedNode(facts_from(json_of(recorded)["info"]))) as served:
        yield served


@settings(max_examples=150, deadline=None)
@given(data=BYTES)
def test_any_bytes_are_answered_or_waited_on_by_the_command_port(ports: Ports, data: bytes) -> None:
    _assert_is_http(exchange(ports.command, [data], ends=True))
    assert exchange(ports.command, [b"GET /ll HTTP/1.0\r\n\r\n"]).answer.startswith(b"HTTP/1.0 200 OK")


@settings(max_examples=150, deadline=None)
@given(data=BYTES)
def test_any_bytes_are_answered_or_end_the_query_port_as_recorded(ports: Ports, data: bytes) -> None:
    ports.ended.clear()
    _assert_is_http(exchange(ports.query, [data], ends=True))
    assert all(one in ENDS for one in ports.ended)
    assert not ports.ended or b"Content-Length: " in data
    assert exchange(ports.query, [b"GET / HTTP/1.0\r\n\r\n"]).answer.startswith(b"HTTP/1.0 404 Not Found")


@settings(max_examples=150, deadline=None)
@given(command=COMMANDS, arguments=st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_arguments_of_any_command_are_answered(ports: Ports, command: str, arguments: dict[str, str]) -> None:
    query = "&".join(f"{key}={value}" for key, value in arguments.items())
    said = exchange(ports.command, [f"GET /{command}?{query} HTTP/1.0\r\n\r\n".encode()])
    assert said.answer.startswith((b"HTTP/1.0 200 OK", b"HTTP/1.0 400 Bad Request"))


def _assert_is_http(said: Exchange) -> None:
    """FIN was sent, so that whatever is no whole request is closed without a byte."""
    assert said.is_closed
    assert said.answer == b"" or said.answer.startswith(b"HTTP/1.0 ")
