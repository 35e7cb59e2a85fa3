"""Peers of the simulated Core over real connections: who is let in, what is passed on, and what is dropped."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest

from devtools.machine.ports import take_port
from readpool.simulator.core.model import ClosedLedger, Header
from readpool.simulator.core.overlay import Listener, Overlay
from readpool.simulator.core.peer import IDLE_SECONDS, encode
from readpool.simulator.core.settings import CoreSettings, QuorumSet
from readpool.simulator.core.slots import Slots

SETTINGS = CoreSettings("Overlay Network", False, "", QuorumSet(1, ("V",)), "stellar.db")
WAIT_SECONDS = 15.0
LOOK_SECONDS = 0.1


@dataclass
class Heard:
    """A node's peers, and what it heard from them."""

    overlay: Overlay
    slots: Slots
    nums: list[int] = field(default_factory=list)
    transactions: list[bytes] = field(default_factory=list)
    ledger: int = 1

    def close_ledger(self, num: int, signer: str = "V") -> None:
        """Close a ledger as a validator does."""
        self.slots.add(ClosedLedger(Header(num, num, "", "")), [signer])
        self.overlay.send_slot(num)


class Maker:
    """Starts overlays, and closes them at the end."""

    def __init__(self) -> None:
        self.made: list[Heard] = []

    async def make(self, account: str, to: "Heard | None" = None, /, **settings: object) -> Heard:
        """Start one that connects to another."""
        known = (f"127.0.0.1:{port_of(to)}",) if to else ()
        wanted = replace(SETTINGS, peer_port=take_port(), known_peers=known, **settings)  # type: ignore[arg-type]
        slots = Slots(wanted.slots_remembered, wanted.checkpoint_ledgers)
        listener = Listener(
            lambda ledgers: heard.nums.extend(one.header.num for one in ledgers),
            lambda signers: "V" in signers,
            lambda envelope: heard.transactions.append(envelope),  # noqa: PLW0108 - it is not there yet
            lambda: heard.ledger,
        )
        heard = Heard(Overlay(wanted, account, slots, listener, LOOK_SECONDS), slots)
        await heard.overlay.start()
        self.made.append(heard)
        return heard


def port_of(heard: Heard) -> int:
    return heard.overlay._hello.port


@pytest.fixture
async def maker() -> AsyncIterator[Maker]:
    one = Maker()
    yield one
    for heard in one.made:
        heard.overlay.close()


async def wait_until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


async def test_who_connects_is_told_what_is_remembered_beyond_its_ledger_and_then_what_is_new(maker: Maker) -> None:
    validator = await maker.make("V")
    for num in range(80, 100):
        validator.close_ledger(num)
    watcher = await maker.make("W", validator)
    watcher.ledger = 95
    await wait_until(lambda: watcher.nums == [96, 97, 98, 99])
    validator.close_ledger(100)
    await wait_until(lambda: watcher.nums[-1] == 100)
    assert validator.nums == [], "nothing comes back to whom it came from"


async def test_slots_and_transactions_go_through_a_watcher_and_those_of_strangers_do_not(maker: Maker) -> None:
    validator = await maker.make("V")
    near = await maker.make("N", validator)
    far = await maker.make("F", near)
    await wait_until(lambda: len(near.overlay.peers) == 2 and len(far.overlay.peers) == 1)
    validator.close_ledger(2, signer="stranger")
    validator.close_ledger(3)
    await wait_until(lambda: far.nums == [3])
    assert near.nums == [3]
    far.overlay.send_transaction(b"envelope")
    await wait_until(lambda: near.transactions == [b"envelope"])


async def test_a_node_connects_to_no_more_peers_than_it_wants(maker: Maker) -> None:
    one, other = await maker.make("A"), await maker.make("B")
    node = await maker.make("C", target_peer_connections=1)
    for known in (one, other):
        node.overlay.connect("127.0.0.1", port_of(known))
    await wait_until(lambda: bool(node.overlay._refusals))
    await wait_until(lambda: len(one.overlay.peers) + len(other.overlay.peers) == 1)
    assert len(node.overlay.peers) == 1


@pytest.mark.parametrize(
    ("account", "settings", "limits"),
    [
        pytest.param("B", {}, {"max_additional_peer_connections": 1}, id="beyond the limit"),
        pytest.param("A", {}, {}, id="an account that is there"),
        pytest.param("V", {}, {}, id="its own account"),
        pytest.param("B", {"passphrase": "Another Network"}, {}, id="another network"),
    ],
)
async def test_a_peer_is_refused(
    maker: Maker, account: str, settings: dict[str, object], limits: dict[str, object]
) -> None:
    validator = await maker.make("V", **limits)
    first = await maker.make("A", validator)
    await wait_until(lambda: len(validator.overlay.peers) == 1)
    refused = await maker.make(account, validator, **settings)
    await wait_until(lambda: bool(refused.overlay._refusals))
    assert [one.hello.account for one in validator.overlay.peers if one.hello] == ["A"]
    assert len(first.overlay.peers) == 1


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.0\r\n\r\n", b"{}\n", b'{"hello": 1}\n', b"\xff\n"])
async def test_what_is_no_peer_is_dropped_and_others_stay(maker: Maker, garbage: bytes) -> None:
    validator = await maker.make("V")
    watcher = await maker.make("W", validator)
    await wait_until(lambda: len(watcher.overlay.peers) == 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(validator))
    writer.write(garbage)
    async with asyncio.timeout(WAIT_SECONDS):
        await reader.read()
    writer.close()
    assert len(validator.overlay.peers) == len(watcher.overlay.peers) == 1


async def test_a_connection_over_which_nothing_came_for_34_seconds_is_made_anew(maker: Maker) -> None:
    came: list[asyncio.StreamWriter] = []

    async def say_hello_and_no_more(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(replace(watcher.overlay._hello, account="silent").to_json()))
        came.append(writer)

    watcher = await maker.make("W")
    silent = await asyncio.start_server(say_hello_and_no_more, "127.0.0.1", port := take_port())
    watcher.overlay.connect("127.0.0.1", port)
    await wait_until(lambda: len(watcher.overlay.peers) == 1)
    watcher.overlay.forgive(-IDLE_SECONDS)
    await wait_until(lambda: len(came) > 1)
    for writer in came:
        writer.close()
    silent.close()
