"""The queue of transactions that wait for a ledger: one a source account, each for some ledgers, none again soon after.

What is applied is reported by its caller.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from readpool.simulator.core.node_view import Submission
from readpool.simulator.core.transactions import Envelope

PENDING_LEDGERS = 4
"""A transaction that no ledger took for so long is dropped."""
BANNED_LEDGERS = 10
"""For so long what was applied or dropped is answered TRY_AGAIN_LATER."""
QUEUED_LEDGERS = 2
"""The queue holds as many operations as so many ledgers take."""


@dataclass(slots=True)
class _Waiting:
    envelope: Envelope
    name: bytes
    ledgers: int = 0


class TransactionQueue:
    """The queue of one node.

    Args:
        check: gives None for a good transaction, otherwise its TransactionResult.
        network_id: the hash of the network's passphrase.
    """

    def __init__(self, check: Callable[[Envelope], bytes | None], network_id: bytes) -> None:
        self._check = check
        self._network_id = network_id
        self._waiting: dict[bytes, _Waiting] = {}
        self._banned: deque[set[bytes]] = deque([set()], maxlen=BANNED_LEDGERS)

    def submit(self, envelope: Envelope, max_operations: int) -> Submission:
        """Queue a transaction, where a ledger takes `max_operations`."""
        name = envelope.payload_hash(self._network_id)
        if any(name in banned for banned in self._banned):
            return Submission("TRY_AGAIN_LATER")
        waiting = self._waiting.get(envelope.source)
        if waiting is not None:
            return Submission("DUPLICATE" if waiting.name == name else "TRY_AGAIN_LATER")
        if (result := self._check(envelope)) is not None:
            return Submission("ERROR", result)
        queued = sum(len(one.envelope.operations) for one in self._waiting.values())
        if queued + len(envelope.operations) > QUEUED_LEDGERS * max_operations:
            return Submission("TRY_AGAIN_LATER")
        self._waiting[envelope.source] = _Waiting(envelope, name)
        return Submission("PENDING")

    def pick(self, max_operations: int) -> tuple[bytes, ...]:
        """Choose for the next ledger, best fee an operation first; nothing is taken out. Give envelopes as XDR."""
        chosen, room = [], max_operations
        waiting = (one.envelope for one in self._waiting.values())
        for envelope in sorted(waiting, key=lambda one: -one.fee / len(one.operations)):
            if len(envelope.operations) <= room:
                chosen.append(envelope.data)
                room -= len(envelope.operations)
        return tuple(chosen)

    def close_ledger(self, applied: Iterable[Envelope]) -> None:
        """Drop what a ledger applied, and what has waited for too long."""
        banned = set()
        for envelope in applied:
            banned.add(envelope.payload_hash(self._network_id))
            self._drop_older(envelope)
        for source, one in list(self._waiting.items()):
            one.ledgers += 1
            if one.ledgers >= PENDING_LEDGERS:
                banned.add(one.name)
                del self._waiting[source]
        self._banned.append(banned)

    def _drop_older(self, applied: Envelope) -> None:
        waiting = self._waiting.get(applied.source)
        if waiting is not None and waiting.envelope.sequence <= applied.sequence:
            del self._waiting[applied.source]
