"""A simulated Core's ports for tests: a scripted node, raw bytes over sockets, what differs by nature made alike."""

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from readpool.simulator.core.command_port import CommandPort
from readpool.simulator.core.ledger_state import genesis_entries
from readpool.simulator.core.metrics import Metrics
from readpool.simulator.core.model import Header
from readpool.simulator.core.node_view import HeardSlot, NodeFacts, PeerFacts, Submission
from readpool.simulator.core.query_port import QueryPort
from readpool.simulator.core.settings import QuorumSet
from readpool.simulator.core.snapshots import Snapshots
from readpool.simulator.core.transactions import parse_envelope
from readpool.simulator.core.upgrades import Upgrades

RECORDED = Path(__file__).resolve().parents[3] / "recorded" / "core"
NETWORK = "Rec A"
WATCHER = "GBZN4" + "A" * 51
VALIDATOR = "GCTI6HMWRH2QGMFKWVU5M5ZSOTKL7P7JAHZDMJJBKDHGWTEC4CJ7O3DU"
INBOUND = "GCNFQHCW3IA34JAQDYXTOWACUVLBMJR6K6DAGW3BHBYSRKSWWYKUFRBI"
STAYS_OPEN_SECONDS = 0.25
PATIENCE_SECONDS = 10.0


@dataclass
class ScriptedNode:
    """A node that says what it is told to, and remembers what it was asked to do."""

    said: NodeFacts
    upgrades: Upgrades = field(default_factory=Upgrades)
    metrics: Metrics = field(default_factory=Metrics)
    connected: list[tuple[str, int]] = field(default_factory=list)
    lagged: list[float] = field(default_factory=list)

    def facts(self) -> NodeFacts:
        """Return it."""
        return self.said

    def submit(self, envelope: bytes) -> Submission:
        """Accept what is an envelope."""
        parse_envelope(envelope)
        return Submission("PENDING")

    def connect(self, host: str, port: int) -> None:
        """Remember whom."""
        self.connected.append((host, port))

    def drop_peer(self, account: str) -> bool:
        """Know nobody."""
        return account == ""

    def lag(self, seconds: float) -> None:
        """Remember for how long."""
        self.lagged.append(seconds)


@dataclass(frozen=True)
class Exchange:
    """What a port did: the bytes that it answered, and whether it closed the connection."""

    answer: bytes
    is_closed: bool
    is_refused: bool = False


def read_recorded(name: str) -> Any:
    """Read a file of recordings."""
    return json.loads((RECORDED / name).read_text())


def exchange(port: int, parts: list[bytes], *, ends: bool = False, is_patient: bool = True) -> Exchange:
    """Send parts, with a pause between them, and read until the port closes; `ends` sends FIN."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
            for index, part in enumerate(parts):
                time.sleep(0.05 if index else 0)  # what the recording did, only faster: the parts have to arrive apart
                connection.sendall(part)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            connection.settimeout(PATIENCE_SECONDS if is_patient else STAYS_OPEN_SECONDS)
            return _read(connection)
    except ConnectionRefusedError:
        return Exchange(b"", is_closed=False, is_refused=True)


def _read(connection: socket.socket) -> Exchange:
    received = b""
    while True:
        try:
            chunk = connection.recv(1 << 16)
        except TimeoutError:
            return Exchange(received, is_closed=False)
        if not chunk:
            return Exchange(received, is_closed=True)
        received += chunk


def facts_from(info: dict[str, Any]) -> NodeFacts:
    """Return the facts that a recorded /info states. Slots are heard up to the one that it names."""
    ledger, quorum = info["ledger"], info["quorum"]
    header = Header(
        ledger["num"],
        ledger["closeTime"],
        "0" * 64,
        "0" * 64,
        ledger["version"],
        ledger["baseFee"],
        ledger["baseReserve"],
        ledger["maxTxSetSize"],
    )
    last = quorum["qset"].get("ledger")
    heard = () if last is None else tuple(heard_slot(num) for num in range(last - 10, last + 2))
    return NodeFacts(
        state=info["state"],
        network=info["network"],
        started_on=datetime.fromisoformat(info["startedOn"]).timestamp(),
        account=quorum["node"] + "A" * 51,
        is_validator=quorum["node"] == "self",
        header=header if header.num else None,
        age_seconds=ledger["age"],
        quorum=QuorumSet(1, (VALIDATOR,)),
        peers=(peer(),) * info["peers"]["authenticated_count"],
        pending_peers=info["peers"]["pending_count"],
        heard=heard,
        last_check_ledger=quorum.get("transitive", {}).get("last_check_ledger"),
        lag_ms=quorum["qset"].get("lag_ms"),
        status=tuple(info.get("status", ())),
    )


def heard_slot(num: int, transactions_hash: str = "0" * 64, close_time: int = 0, heard_at: int = 0) -> HeardSlot:
    """Return a slot of the recorded validator."""
    return HeardSlot(num, transactions_hash, close_time, VALIDATOR, heard_at)


def peer(
    account: str = VALIDATOR, address: str = "127.0.0.1:27600", seconds: int = 0, latency: int = 86_400_000
) -> PeerFacts:
    """Return a peer; the recorded validator is the one that was connected to."""
    return PeerFacts(address, account, account != VALIDATOR, seconds, latency)


def with_peers(facts: NodeFacts, *peers: PeerFacts) -> NodeFacts:
    """Return the facts with other peers."""
    return replace(facts, peers=peers)


_BY_NATURE = (
    (re.compile(r"v22\.4\.1-(?:dirty|simulated)"), "BUILD"),
    (re.compile(r'"[0-9a-f]{64}"'), "HASH"),
    (re.compile(r'"[0-9a-f]{6}"'), "QSET"),
    (re.compile(r"D: [0-9a-f]{6}|\(lastD\): [0-9a-f]{6}"), "QSET"),
    (re.compile(r'"peer_capacity(_bytes)?" : \d+'), "CAPACITY"),
    (re.compile(r'"((?:async|byte|message|unique|duplicate)_\w+)" : \d+'), r'"\1" : COUNTER'),
    (re.compile(r"Content-Length: \d+"), "LENGTH"),
)


def alike(text: str) -> str:
    """Make alike what can't be the same: hashes, the build, and the room that a peer has left."""
    for pattern, name in _BY_NATURE:
        text = pattern.sub(name, text)
    return text


def has_right_length(answer: bytes) -> bool:
    """Whether Content-Length is that of the body; no answer at all has it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return not answer or b"\r\nContent-Length: %d\r\n" % len(body) in head


def json_of(answer: str) -> Any:
    """Read the body of an answer."""
    return json.loads(answer.partition("\r\n\r\n")[2])


@dataclass
class Ports:
    """Both ports of one scripted node, which may be changed between requests."""

    node: ScriptedNode
    snapshots: Snapshots
    command: int = 0
    query: int = 0
    ended: list[str] = field(default_factory=list)

    def show_ledger(self, num: int) -> None:
        """Make the query port answer as of ledger `num`, with the five before it."""
        self.snapshots.reset(max(num - 5, 0), genesis_entries(NETWORK))
        for one in range(max(num - 5, 0) + 1, num + 1):
            self.snapshots.put(one, {})


@contextlib.contextmanager
def serving(node: ScriptedNode, snapshots: Snapshots | None = None) -> Iterator[Ports]:
    """Serve both ports of a node, the command port on a loop in a thread of its own."""
    ports = Ports(node, snapshots or Snapshots(1, genesis_entries(NETWORK)))
    query_port = QueryPort(("127.0.0.1", 0), ports.snapshots, ports.ended.append)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    command_port = CommandPort(node)
    asyncio.run_coroutine_threadsafe(command_port.listen("127.0.0.1", 0), loop).result(PATIENCE_SECONDS)
    ports.command, ports.query = command_port.port, query_port.port
    try:
        yield ports
    finally:
        asyncio.run_coroutine_threadsafe(_close(command_port), loop).result(PATIENCE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        query_port.close()


async def _close(port: CommandPort) -> None:
    port.close()
    await asyncio.sleep(0)  # connections close in the loop's next turn
