"""What each command of the simulated Core's command port answers, as Core 22.4.1 answered it in each state."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from readpool.simulator.core import keys
from readpool.simulator.core.entries import account_key
from readpool.simulator.core.ledger_state import genesis_entries
from readpool.simulator.core.node_view import HeardSlot, NodeFacts
from tests.component.readpool.simulator.core_ports import (
    INBOUND,
    NETWORK,
    Ports,
    ScriptedNode,
    alike,
    exchange,
    facts_from,
    has_right_length,
    heard_slot,
    json_of,
    peer,
    read_recorded,
    serving,
    with_peers,
)

COMMANDS: dict[str, str] = {one["command"]: one["response"] for one in read_recorded("commands.json")}
STATES: dict[str, dict[str, str]] = read_recorded("states.json")
OF_ALL_STATES = ("ll", "tx")
METRICS_SHA256 = "1ec414434a1a379b2b4fe7617bf2989385a5ca9e1c6eb6a085f463947214e196"
"""Of all metrics of a watcher, 56 kB, as `_without_values` gives them."""
TRUNCATED = re.compile(r"\.\.\. \(\d+ bytes in all\)$", re.DOTALL)

DIFFERS = {
    "sorobaninfo?format=detailed": "settings of contracts were recorded in part; those of costs and later are missing",
    "Stopping: query": "the node of this recording had no query port; one that has it aborts, which is another test's",
    "Synced!: scp?limit=1": "the queue is always empty: a slot is known when it is heard",
}
"""Cases that differ on purpose, with the reason."""


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    with serving(ScriptedNode(_facts_of_commands())) as served:
        yield served


def _facts_of_commands() -> NodeFacts:
    facts = facts_from(json_of(COMMANDS["info"])["info"])
    slots = [heard_slot(num) for num in range(302, 312)]
    last = [
        heard_slot(312, "bdbe75" + "0" * 58, 1796035447, 1796035447),
        heard_slot(313, "4e3693" + "0" * 58, 1796035448, 1796035448),
    ]
    peers = (peer(INBOUND, "127.0.0.1:27810", 29, 15543), peer(seconds=33, latency=0))
    return with_peers(replace(facts, heard=(*slots, *last)), *peers)


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in DIFFERS])
def test_command_is_answered_as_core_answered_it(ports: Ports, command: str) -> None:
    ports.node.said = _facts_of_commands()

    said = _ask(ports, command)

    recorded = COMMANDS[command]
    if recorded == "404":
        assert said == _ask(ports, "nosuch")
        assert said.startswith(
            "HTTP/1.0 404 Not Found\r\nContent-Length: 235\r\nContent-Type: text/html\r\n\r\n<b>Welcome"
        )
    else:
        _assert_like(said, recorded, command)


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        (state, asked)
        for state, answers in STATES.items()
        for asked in answers
        if f"{state}: {asked}" != "Stopping: query"
    ],
)
def test_state_is_answered_as_core_answered_it(ports: Ports, state: str, asked: str) -> None:
    recorded = STATES[state]
    ports.node.said = _facts_of_state(recorded)
    if asked == "quorum":  # which was asked a moment later
        checked = json_of(recorded[asked]).get("transitive", {}).get("last_check_ledger")
        ports.node.said = replace(ports.node.said, last_check_ledger=checked)
    ports.show_ledger(max(ports.node.said.header.num if ports.node.said.header else 1, 1))

    if asked == "query":
        body = "key=AAAAAAAAAABzdv3ojkzWHMD7KUoXhrPx0GH18vHKV0ZfqpMiEblG1g=="
        request = f"POST /getledgerentryraw HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n{body}"
        said = exchange(ports.query, [request.encode()]).answer.decode()
        assert said == recorded[asked]
    else:
        _assert_like(_ask(ports, asked), recorded[asked], f"{state}: {asked}")


@pytest.mark.parametrize("asked", OF_ALL_STATES)
@pytest.mark.parametrize("state", STATES)
def test_state_changes_nothing_at_commands_that_do_not_tell_of_it(ports: Ports, state: str, asked: str) -> None:
    ports.node.said = _facts_of_state(STATES[state])
    _assert_like(_ask(ports, asked), STATES["Booting"][asked], asked)


def test_all_metrics_have_the_names_and_shapes_of_cores(ports: Ports) -> None:
    body = _ask(ports, "metrics").partition("\r\n\r\n")[2]
    assert hashlib.sha256(_without_values(body).encode()).hexdigest() == METRICS_SHA256


def test_detailed_soroban_settings_begin_as_cores_do(ports: Ports) -> None:
    said = _ask(ports, "sorobaninfo?format=detailed").partition("\r\n\r\n")[2]
    recorded = COMMANDS["sorobaninfo?format=detailed"].partition("\r\n\r\n")[2]
    beginning = said[: said.rindex("\n        }")]
    assert len(json_of(f"\r\n\r\n{said}")["ConfigSettingsEntries"]) == 6
    assert recorded.startswith(beginning)


def _ask(ports: Ports, command: str) -> str:
    said = exchange(ports.command, [f"GET /{command} HTTP/1.0\r\n\r\n".encode()])
    assert said.is_closed
    assert has_right_length(said.answer)
    return said.answer.decode()


def _assert_like(said: str, recorded: str, case: str) -> None:
    begins = TRUNCATED.sub("", recorded)
    is_whole = has_right_length(recorded.encode())
    if "metrics" in case:
        said, begins = _without_values(said), _without_values(begins)
        assert said.startswith(begins[: begins.rindex("\n")])
    elif "scp" in case:
        _assert_slots_like(alike(said), alike(begins), case, is_whole=is_whole)
    elif not is_whole:
        assert alike(said).startswith(alike(begins))
    elif alike(recorded) == recorded.replace(recorded.split("\r\n")[1], "LENGTH"):
        assert said == recorded
    else:
        assert alike(said) == alike(recorded)


def _assert_slots_like(said: str, recorded: str, case: str, *, is_whole: bool) -> None:
    """Compare line by line: what was said about a slot comes in the order in which it was heard."""
    lines, expected = (sorted(line.rstrip(",") for line in text.splitlines()) for text in (said, recorded))
    if is_whole:
        assert lines == expected
    else:
        cut = recorded.splitlines()[-1]
        queue = {line.rstrip(",") for line in recorded.partition('"scp"')[0].splitlines()} if case in DIFFERS else set()
        assert {line for line in expected if line != cut} - queue <= set(lines)


def _facts_of_state(recorded: dict[str, str]) -> NodeFacts:
    facts = facts_from(json_of(recorded["info"])["info"])
    quorum = json_of(recorded["quorum"])
    nums = [int(num) for num in quorum["qset"]["cost"] or ()]
    told = re.search(r"txH: ([0-9a-f]{6}), ct: (\d+)", recorded["scp?limit=1"].partition('"scp"')[2])
    heard_at = re.search(r"\[\s+(\d+),", recorded["scp?limit=1"])
    slots = [heard_slot(num) for num in nums]
    if told and heard_at:
        slots[-1] = HeardSlot(nums[-1], told[1] + "0" * 58, int(told[2]), slots[-1].validator, int(heard_at[1]))
    outbound = json_of(recorded["peers"])["authenticated_peers"]["outbound"] or ()
    peers = tuple(peer(seconds=one["elapsed"], latency=one["latency"]) for one in outbound)
    return replace(facts, heard=tuple(slots), peers=peers)


def _without_values(text: str) -> str:
    text = re.sub(r'"(ts|uname)":"[^"]*"', r'"\1":"X"', alike(text))
    return re.sub(r'"(: ?)[-+.\de]+(?=[,\n])', r'"\1N', text)


def test_calls_are_counted_and_can_be_asked_for() -> None:
    with serving(ScriptedNode(_facts_of_commands())) as fresh:
        assert _calls(fresh) == []
        _ask(fresh, "info")
        _ask(fresh, "info")
        _ask(fresh, "stop?now=1")
        exchange(fresh.command, [b"garbage\r\n\r\n"])

        assert _calls(fresh) == [
            {"path": "/info", "query": "", "count": 2},
            {"path": "/stop", "query": "now=1", "count": 1},
        ]


def test_peer_that_is_to_be_connected_to_is_handed_to_the_node(ports: Ports) -> None:
    ports.node.connected.clear()
    _ask(ports, "connect?peer=somewhere&port=11625")
    assert ports.node.connected == [("somewhere", 11625)]


def test_armed_upgrades_are_told_in_the_status_until_they_are_cleared(ports: Ports) -> None:
    ports.node.said = _facts_of_commands()
    _ask(ports, "upgrades?mode=set&upgradetime=1970-01-01T00:00:00Z&protocolversion=22")
    armed = "Armed with network upgrades: upgradetime=1970-01-01T00:00:00Z, protocolversion=22"
    assert json_of(_ask(ports, "info"))["info"]["status"] == [armed]
    _ask(ports, "upgrades?mode=clear")
    assert "status" not in json_of(_ask(ports, "info"))["info"]


def test_entries_are_answered_in_the_later_shape_where_that_is_asked_of_the_environment(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, missing = (account_key(one) for one in (keys.public_key_of(keys.network_id(NETWORK)), bytes(32)))
    ports.show_ledger(7)
    body = "&".join(f"key={quote(base64.b64encode(one).decode(), safe='')}" for one in (there, missing))
    request = f"POST /getledgerentry HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    assert exchange(ports.query, [request]).answer.startswith(b"HTTP/1.0 404 Not Found")

    monkeypatch.setenv("SIMULATED_CORE_HAS", "getledgerentry")

    said = json_of(exchange(ports.query, [request]).answer.decode())
    assert said["ledgerSeq"] == 7
    assert [one["state"] for one in said["entries"]] == ["not-found", "live"]
    assert said["entries"][1]["entry"] == base64.b64encode(genesis_entries(NETWORK)[there]).decode()


@pytest.mark.parametrize(("seconds", "said"), [("90", "Applying no ledgers for 90 s"), ("0", "for 0 s")])
def test_a_node_can_be_told_to_lag(ports: Ports, seconds: str, said: str) -> None:
    assert said in _ask(ports, f"simulated/lag?seconds={seconds}")
    assert ports.node.lagged[-1] == float(seconds)


@pytest.mark.parametrize("seconds", ["", "-1", "1.5", "3601", "x"])
def test_a_wrong_time_to_lag_is_refused_by_name(ports: Ports, seconds: str) -> None:
    before = list(ports.node.lagged)
    assert "must be a whole number up to 3600" in _ask(ports, f"simulated/lag?seconds={seconds}")
    assert ports.node.lagged == before


def _calls(ports: Ports) -> list[dict[str, str | int]]:
    calls: list[dict[str, str | int]] = json_of(
        exchange(ports.command, [b"GET /simulated/calls HTTP/1.0\r\n\r\n"]).answer.decode()
    )
    return calls
