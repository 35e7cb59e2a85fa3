"""What every probe tells of a node, whatever kind of node it is. Nothing after the probe knows the difference."""

from dataclasses import dataclass


class ProbeError(ValueError):
    """An answer that this kind of node does not give. The message names the field, the value and what is allowed.

    `reason` is CamelCase, one of a fixed few.
    """

    def __init__(self, message: str, reason: str = "BadAnswer") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CatchUp:
    """How far a node's own catch-up is, in its own words.

    `text` is the node's status line, cut to 200 characters; the numbers are None where it does not give them.
    """

    text: str
    target_ledger: int | None = None
    percent_done: int | None = None
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ClosedLedger:
    """A ledger that a node has closed, its hash as 64 hexadecimal digits, and its close time in Unix seconds."""

    ledger: int
    ledger_hash: str
    closed_at: int


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One answer of one node.

    Attributes:
        ledger: sequence number of the last ledger that readers get; 0 or 1 while it has none of the network's.
        is_synced: it says that it follows the network. Necessary for fresh, never sufficient: a lagging node says so
            too.
        state: its own word for its state.
        network: the passphrase of its network, None where this kind of node does not say.
        heard_ledger: the newest ledger that it hears the network externalize, None where it hears nothing.
        age_seconds: how old it holds its last ledger to be, by its own clock; None while it has closed none.
        uptime_seconds: how long it has been up, by its own clock alone; None while that cannot be told.
        started_on: Unix time in seconds at which its process started, None where it does not say.
        catch_up: its own catch-up progress, None where it is not catching up.
        tells_ledger: False where the answer says nothing of the ledger, which is then 0: what was known before holds.
        tells_start: False for a kind of node that never says when it started.
        is_starting: it says by itself that it has not begun to follow the network since it started.
        closed: its last ledger with its hash, where this kind of node tells that; None while it is not in sync.
        protocol: the newest protocol that it supports, None where this kind of node does not say.
        ledger_protocol: the protocol of its last ledger; None where it does not say, or has closed none.
    """

    ledger: int
    is_synced: bool
    state: str = ""
    network: str | None = None
    heard_ledger: int | None = None
    age_seconds: float | None = None
    uptime_seconds: float | None = None
    started_on: float | None = None
    catch_up: CatchUp | None = None
    tells_ledger: bool = True
    tells_start: bool = True
    is_starting: bool = False
    closed: ClosedLedger | None = None
    protocol: int | None = None
    ledger_protocol: int | None = None

    def is_of_another(self, network: str | None) -> bool:
        """Return whether it reports another network than this one; a kind of node that reports none fits any."""
        return network is not None and self.network is not None and self.network != network


@dataclass(frozen=True, slots=True)
class PollFailure:
    """Why a node gave no report: `reason` in CamelCase, one of a fixed few, for machines; `message` for people."""

    reason: str
    message: str
