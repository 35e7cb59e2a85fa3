"""What the two HTTP ports need to know of a node, and what they ask of it: facts, transactions, upgrades and peers.

The ports make every byte that is answered out of `NodeFacts`; a node only says what is so.
"""

from dataclasses import dataclass
from typing import Protocol

from readpool.simulator.core.metrics import Metrics
from readpool.simulator.core.model import Header
from readpool.simulator.core.settings import QuorumSet
from readpool.simulator.core.upgrades import Upgrades


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """A peer whose connection is authenticated.

    Attributes:
        address: HOST:PORT; the port is the one that it listens on.
        account: of the peer (G…).
        is_inbound: it connected to this node, not this node to it.
        connected_seconds: whole seconds since it is authenticated.
        latency_ms: of its answers; 86400000 until one was measured.
        version: its build string.
    """

    address: str
    account: str
    is_inbound: bool
    connected_seconds: int
    latency_ms: int = 86_400_000
    version: str = "v22.4.1-simulated"


@dataclass(frozen=True, slots=True)
class HeardSlot:
    """A slot that the node heard its quorum externalize (of a validator: that it externalized itself).

    `validator` is the account that signed it, `heard_at` Unix seconds at which the node heard of it.
    """

    num: int
    transactions_hash: str
    close_time: int
    validator: str
    heard_at: int


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What is so at one moment.

    Attributes:
        state: Core's word: Booting, Joining SCP, Connected, Catching up, Synced! or Stopping.
        network: its passphrase.
        started_on: Unix seconds.
        account: of the node itself (G…).
        is_validator: a validator calls itself `self`.
        header: of the last applied ledger; None while Booting, when num is 0.
        age_seconds: wall clock minus close time of that ledger; 0 at genesis.
        quorum: whom it listens to.
        peers: those that are authenticated.
        pending_peers: connections that are not authenticated yet.
        heard: the remembered slots, oldest first; empty until it heard one since its start.
        last_check_ledger: at which the quorum's intersection was checked; None before.
        lag_ms: how late the quorum was last heard; None while unknown.
        status: texts of catching up and publishing; that upgrades are armed, the port adds.
    """

    state: str
    network: str
    started_on: float
    account: str
    is_validator: bool
    header: Header | None
    age_seconds: int
    quorum: QuorumSet
    peers: tuple[PeerFacts, ...] = ()
    pending_peers: int = 0
    heard: tuple[HeardSlot, ...] = ()
    last_check_ledger: int | None = None
    lag_ms: int | None = None
    status: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a transaction: PENDING, DUPLICATE, TRY_AGAIN_LATER, or ERROR with a TransactionResult as XDR."""

    status: str
    result: bytes | None = None


class NodeView(Protocol):
    """A node as the command port sees it. Called from the event loop's thread only."""

    upgrades: Upgrades
    """What is armed; the node puts `upgrades.after(header)` in its place with each ledger that it closes."""
    metrics: Metrics
    """What /metrics says; the node records each ledger that it applies."""

    def facts(self) -> NodeFacts:
        """Return what is so now."""

    def submit(self, envelope: bytes) -> Submission:
        """Queue a TransactionEnvelope and pass it on to peers.

        Raises:
            xdr.XdrError: when it is none, with the words that the port answers.
        """

    def connect(self, host: str, port: int) -> None:
        """Connect to a peer, soon; nothing is waited for."""

    def drop_peer(self, account: str) -> bool:
        """Close the connection to a peer; False when there is none."""

    def lag(self, seconds: float) -> None:
        """Apply no ledgers for so long; 0 ends it."""
