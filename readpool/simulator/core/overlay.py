"""The peers of a node: the port that they connect to, the connections that it makes, and what goes over them.

Slots and transactions are passed on to every other peer; one that connects is sent what is remembered past its ledger,
and 2 s later the first slot of the checkpoint, as recorded.
"""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from readpool.simulator.core import BUILD
from readpool.simulator.core.log import log
from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.peer import IDLE_SECONDS, MESSAGE_BYTES, Hello, Peer, encode
from readpool.simulator.core.resolving import resolve
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.slots import Slots, parse_slots

DEFAULT_PORT = 11625
BACKLOG = 100
LOOK_SECONDS = 2.0
"""How often a node looks for peers; the first time so long after its start."""
CONNECT_SECONDS = 5.0
HELLO_SECONDS = 34.0
PING_TICKS = 2
MOST_REFUSALS = 5
"""A peer that closes the connection at once is asked again after 2, 4, 8 looks and so on, at last after 32."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom the overlay tells what it hears; `believes` judges the signers of a slot, `ledger` gives the node's own."""

    slots: Callable[[list[ClosedLedger]], None]
    believes: Callable[[list[str]], bool]
    transaction: Callable[[bytes], None]
    ledger: Callable[[], int]


class Overlay:
    """The peer port of one node. Made, then started; closed once."""

    def __init__(
        self,
        settings: CoreSettings,
        account: str,
        slots: Slots,
        listener: Listener,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._settings = settings
        self._slots = slots
        self._listener = listener
        self._look_seconds = look_seconds
        network = hashlib.sha256(settings.passphrase.encode()).hexdigest()
        self._hello = Hello(network, account, settings.peer_port, BUILD)
        self._connections: set[Peer] = set()
        self._wanted: dict[str, Peer | None] = {}
        self._dialled: set[str] = set()
        self._refusals: dict[str, int] = {}
        self._ticks = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def peers(self) -> list[Peer]:
        """Those that are authenticated."""
        return [one for one in self._connections if one.authenticated_at]

    @property
    def pending(self) -> int:
        """How many connections are not authenticated."""
        return len(self._connections) - len(self.peers)

    async def start(self) -> None:
        """Listen, and begin to look for peers; a standalone node has none. Raises OSError when the port is taken."""
        if self._settings.is_standalone:
            return
        self._server = await asyncio.start_server(
            self._accept, "0.0.0.0", self._settings.peer_port, backlog=BACKLOG, limit=MESSAGE_BYTES  # noqa: S104
        )  # fmt: skip
        self._spawn(self._look_for_peers())

    def close(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        for peer in tuple(self._connections):
            log("Overlay", "INFO", f"Dropping peer {peer.address}, reason shutdown")
            peer.close()

    def connect(self, host: str, port: int) -> None:
        """Connect to a peer soon, and again whenever it is gone."""
        name = f"{host}:{port}"
        self._wanted.setdefault(name, None)
        self._spawn(self._dial(name))

    def drop(self, account: str) -> bool:
        """Close the connection to the peer `account`; False when there is none."""
        found = [one for one in self.peers if one.hello is not None and one.hello.account == account]
        for peer in found:
            peer.close()
        return bool(found)

    def send_slot(self, num: int, source: Peer | None = None) -> None:
        """Send slot `num` to every peer but the one that it came from."""
        self._flood({"slots": [self._slots.get(num)]}, source)

    def send_transaction(self, envelope: bytes, source: Peer | None = None) -> None:
        """Send a transaction to every peer but the one that it came from."""
        self._flood({"transaction": envelope.hex()}, source)

    def forgive(self, seconds: float) -> None:
        """Leave `seconds` out of account in which the process was stopped."""
        for peer in self._connections:
            peer.heard_at += seconds

    def _flood(self, message: dict[str, Any], source: Peer | None) -> None:
        line = encode(message)
        for peer in self.peers:
            if peer is not source:
                peer.send_line(line)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_for_peers(self) -> None:
        for name in (*self._settings.preferred_peers, *self._settings.known_peers):
            self._wanted[_with_port(name)] = None
        while True:
            await asyncio.sleep(self._look_seconds * random.uniform(0.95, 1.0))  # noqa: S311 - two must not stay in step
            self._ticks += 1
            self._drop_idle()
            if self._ticks % PING_TICKS == 0:
                self._flood({"ping": 1}, None)
            for name, peer in self._wanted.items():
                is_wanted = peer is None and self._count_outbound() < self._settings.target_peer_connections
                if is_wanted and self._ticks % 2 ** self._refusals.get(name, 0) == 0:
                    self._spawn(self._dial(name))

    def _count_outbound(self) -> int:
        return sum(not one.is_inbound for one in self.peers)

    def _drop_idle(self) -> None:
        now = time.monotonic()
        for peer in tuple(self._connections):
            if not peer.is_inbound and now - peer.heard_at > IDLE_SECONDS:
                log("Overlay", "INFO", f"Dropping peer {peer.address}, reason idle timeout")
                peer.close()

    async def _dial(self, name: str) -> None:
        if self._wanted.get(name) is not None or name in self._dialled:
            return
        host, _, port = name.rpartition(":")
        self._dialled.add(name)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                address = await resolve(host, int(port))
                reader, writer = await asyncio.open_connection(*address, limit=MESSAGE_BYTES)
        except OSError:
            return  # nobody there; the next look tries again
        finally:
            self._dialled.discard(name)
        peer = Peer(reader, writer, is_inbound=False)
        self._wanted[name] = peer
        try:
            await self._talk(peer)
        finally:
            self._wanted[name] = None
            is_refused = not peer.authenticated_at or time.monotonic() - peer.authenticated_at < self._look_seconds
            known = self._refusals.get(name, 0)
            self._refusals[name] = min(known + 1, MOST_REFUSALS) if is_refused else 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._talk(Peer(reader, writer, is_inbound=True))

    async def _talk(self, peer: Peer) -> None:
        self._connections.add(peer)
        try:
            peer.send(self._hello.to_json())
            async with asyncio.timeout(HELLO_SECONDS):
                refused = self._refuse(Hello.parse(await peer.read()), peer)
            if refused is not None:
                log("Overlay", "INFO", f"Dropping peer {peer.address}, reason {refused}")
                return
            await self._listen(peer)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log("Overlay", "INFO", f"Dropping peer {peer.address}, reason {error or 'idle timeout'}")
        finally:
            self._connections.discard(peer)
            peer.close()

    def _refuse(self, hello: Hello, peer: Peer) -> str | None:
        """Authenticate the peer, or say why not."""
        if hello.network != self._hello.network:
            return "wrong network passphrase"
        if hello.account == self._hello.account or any(
            one.hello and hello.account == one.hello.account for one in self.peers
        ):
            return "peer already connected"
        if self._is_full(peer):
            return "peer rejected"
        peer.hello = hello
        peer.authenticated_at = time.monotonic()
        log("Overlay", "INFO", f"Authenticated to {peer.address}")
        return None

    def _is_full(self, peer: Peer) -> bool:
        """Return whether there is no place left for a peer; a preferred one always finds one."""
        if peer.is_inbound:
            return sum(one.is_inbound for one in self.peers) >= self._settings.max_additional
        is_preferred = any(self._wanted.get(_with_port(name)) is peer for name in self._settings.preferred_peers)
        return not is_preferred and self._count_outbound() >= self._settings.target_peer_connections

    async def _listen(self, peer: Peer) -> None:
        peer.send({"get": self._listener.ledger()})
        asyncio.get_running_loop().call_later(self._look_seconds, peer.send, {"get_checkpoint": 1})
        while line := await peer.read():
            self._handle(line, peer)

    def _handle(self, line: bytes, peer: Peer) -> None:
        if line.startswith(b'{"slots"'):
            heard = [one for one in parse_slots(line) if self._listener.believes(one[1])]
            new = [ledger for ledger, signers in heard if self._slots.add(ledger, signers)]
            for ledger in new:
                self.send_slot(ledger.header.num, peer)
            if new:
                self._listener.slots(new)
            return
        message = json.loads(line)
        if "get" in message:
            peer.send({"slots": self._slots.after(message["get"])})
        elif "get_checkpoint" in message:
            peer.send({"slots": self._slots.checkpoint()})
        elif "transaction" in message:
            with suppress(ValueError):
                self._listener.transaction(bytes.fromhex(message["transaction"]))


def _with_port(name: str) -> str:
    return name if ":" in name else f"{name}:{DEFAULT_PORT}"
