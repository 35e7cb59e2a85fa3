"""A running node: its life cycle, its peers, its ledger and its data folder, put together on one event loop.

Applying a ledger blocks the loop, as it blocks Core's main thread; between two ledgers the ports get a turn.
"""

import asyncio
import time
from collections.abc import Iterable

from readpool.simulator.core.catchup_plan import Target
from readpool.simulator.core.cpu import cost_of_ledger, costing
from readpool.simulator.core.errors import abort
from readpool.simulator.core.herder import is_satisfied
from readpool.simulator.core.history import History
from readpool.simulator.core.ledger_state import LedgerState, count_operations
from readpool.simulator.core.life import BACKLOG_SECONDS, Life, LifeSettings
from readpool.simulator.core.log import log
from readpool.simulator.core.metrics import Metrics
from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.node_view import HeardSlot, NodeFacts, PeerFacts, Submission
from readpool.simulator.core.overlay import Listener, Overlay
from readpool.simulator.core.peer import Peer
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.slots import Slots
from readpool.simulator.core.stopped import StopWatch
from readpool.simulator.core.store import Store
from readpool.simulator.core.upgrades import Upgrades

LOOK_SECONDS = 0.5


class Node:
    """One node; it implements NodeView for the ports. Made from an open store, then started.

    Attributes:
        upgrades: what it is armed with.
        failed: is set to the exception that ends the process.
    """

    def __init__(self, settings: CoreSettings, store: Store, state: LedgerState) -> None:
        self.upgrades = Upgrades()
        self.metrics = Metrics()
        self.store = store
        self.state = state
        self.settings = settings
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.history = History(settings, store, self.fail)
        self._started_on = time.time()
        self._watch = StopWatch()
        own = state.header.num
        timing = LifeSettings(settings.ledger_seconds, settings.checkpoint_ledgers, settings.slots_remembered)
        self.life = Life(timing, own, time.monotonic())
        self.slots = Slots(settings.slots_remembered, settings.checkpoint_ledgers)
        for ledger in store.ledgers(own, own) if own > 1 else []:
            self.slots.add(ledger, [settings.account])
        listener = Listener(self._hear, self._believes, self._hear_transaction, lambda: self.life.ledger)
        self.overlay = Overlay(settings, settings.account, self.slots, listener)
        self._catching_up: asyncio.Task[None] | None = None
        self._is_applying = False
        self._lags_until = 0.0
        self.is_booting = True

    async def start(self) -> None:
        """Open the peer port and begin to live. Raises OSError when the port is taken."""
        await self.overlay.start()
        self.is_booting = False
        self.history.start()
        self._look()

    async def stop(self) -> None:
        """Begin to end: no peers, no catching up, state Stopping."""
        self.life.stop()
        self.overlay.close()
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.gather(self._catching_up, return_exceptions=True)
        await self.history.close()

    def facts(self) -> NodeFacts:
        """Return what is so now."""
        header = None if self.is_booting else self.state.header
        return NodeFacts(
            state="Booting" if self.is_booting else self.life.state,
            network=self.settings.passphrase,
            started_on=self._started_on,
            account=self.settings.account,
            is_validator=self.settings.is_validator,
            header=header,
            age_seconds=max(0, int(time.time()) - header.close_time) if header and header.close_time else 0,
            quorum=self.settings.quorum,
            peers=tuple(_describe(peer) for peer in self.overlay.peers),
            pending_peers=self.overlay.pending,
            heard=tuple(self._describe_heard()),
            last_check_ledger=self.life.checked_at,
            status=tuple(text for text in (self.life.status, self.history.status) if text is not None),
        )

    def submit(self, envelope: bytes) -> Submission:
        """Queue a transaction and pass it on. Raises xdr.XdrError when it is none."""
        submission = self.state.submit(envelope)
        if submission.status == "PENDING":
            self.overlay.send_transaction(envelope)
        return submission

    def connect(self, host: str, port: int) -> None:
        """Connect to a peer, soon."""
        self.overlay.connect(host, port)

    def drop_peer(self, account: str) -> bool:
        """Close the connection to a peer; False when there is none."""
        return self.overlay.drop(account)

    def lag(self, seconds: float) -> None:
        """Apply no ledgers for so long; what is heard meanwhile is kept and applied afterwards."""
        self._lags_until = time.monotonic() + seconds

    def apply(self, ledger: ClosedLedger) -> None:
        """Apply the next ledger, save it, and spend the CPU time that Core would.

        Raises:
            CoreFailure: it does not follow the node's own ledger, which ends Core.
        """
        if ledger.header.previous_hash != self.state.header.hash:
            raise abort("Local node's ledger corrupted during close")
        began, operations = time.monotonic(), count_operations(ledger.transactions)
        with costing(cost_of_ledger(operations)):
            self.store.save(ledger, self.state.apply(ledger))
        self.metrics.record_close(time.monotonic() - began, operations)

    def fail(self, error: BaseException) -> None:
        """End the process by `error`."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def _believes(self, signers: list[str]) -> bool:
        return is_satisfied(self.settings.quorum, signers)

    def _hear(self, ledgers: list[ClosedLedger]) -> None:
        self._look_for_stop()
        self.life.hear(ledgers, time.monotonic())
        self._go_on()

    def _hear_transaction(self, envelope: bytes) -> None:
        self.submit(envelope)

    def _look(self) -> None:
        self._look_for_stop()
        lost = self.life.times_lost
        self.life.look(time.monotonic())
        if self.life.times_lost > lost:
            log("Herder", "WARNING", "Lost track of consensus")
        self._go_on()
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look_for_stop(self) -> None:
        now = time.monotonic()
        stopped_seconds = self._watch.look(now, time.process_time())
        if stopped_seconds > 0:
            self.life.resume(stopped_seconds, now)
            self.overlay.forgive(stopped_seconds)
            asyncio.get_running_loop().call_later(BACKLOG_SECONDS + 0.01, self._weigh)

    def _weigh(self) -> None:
        self.life.look(time.monotonic())
        self._go_on()

    def _go_on(self) -> None:
        if self.life.target is not None and self._catching_up is None:
            self._catching_up = asyncio.get_running_loop().create_task(self._catch_up(self.life.target))
        if not self._is_applying:
            self._is_applying = True
            asyncio.get_running_loop().call_soon(self._apply_next)

    def _apply_next(self) -> None:
        is_waiting = self._catching_up is not None or time.monotonic() < self._lags_until
        ledger = None if is_waiting else self.life.take()
        if ledger is None:
            self._is_applying = False
            return
        try:
            self.apply(ledger)
        except Exception as error:  # noqa: BLE001 - whatever it is ends the process, as it ends Core
            self.fail(error)
            return
        log("Ledger", "INFO", f"Ledger close complete: {ledger.header.num}")
        self.life.applied(ledger.header.num)
        asyncio.get_running_loop().call_soon(self._apply_next)

    async def _catch_up(self, target: int) -> None:
        try:
            goal = Target(target, self.history.count, self.life.target_hash)
            await self.history.catch_up(goal, self._replay, self._take_over, self._burn, self.life.progress)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error)
        finally:
            self._catching_up = None
        self.life.caught_up(self.state.header.num)
        self._go_on()

    def _replay(self, ledger: ClosedLedger) -> None:
        self._look_for_stop()
        self.apply(ledger)
        self.life.replayed(ledger.header.num)

    def _take_over(self) -> None:
        self.state.replace(self.store.header, self.store.load_entries())
        self.life.replayed(self.store.header.num)

    @staticmethod
    def _burn(cpu_seconds: float) -> None:
        with costing(cpu_seconds):
            pass

    def _describe_heard(self) -> Iterable[HeardSlot]:
        validator = self.settings.quorum.validators[0] if self.settings.quorum.validators else self.settings.account
        wall_minus_monotonic = time.time() - time.monotonic()
        for header, heard_at in self.life.heard:
            at = int(heard_at + wall_minus_monotonic)
            yield HeardSlot(header.num, header.transactions_hash, header.close_time, validator, at)


def _describe(peer: Peer) -> PeerFacts:
    hello = peer.hello
    account, version = (hello.account, hello.version) if hello else ("", "")
    seconds = int(time.monotonic() - peer.authenticated_at)
    return PeerFacts(peer.address, account, peer.is_inbound, seconds, version=version)
