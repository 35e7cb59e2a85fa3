"""What makes a validator close ledgers: one each ledger time, from what waits, with the upgrades that are due.

A validator leads when its own word satisfies its quorum; any other follows as a watcher does.
"""

import asyncio
import time

from readpool.simulator.core.herder import is_satisfied
from readpool.simulator.core.log import log
from readpool.simulator.core.model import ClosedLedger, Header, hash_transactions
from readpool.simulator.core.node import Node


def leads(node: Node) -> bool:
    """Return whether a node closes ledgers by its own word."""
    settings = node.settings
    return settings.is_validator and is_satisfied(settings.quorum, [settings.account])


async def close_ledgers(node: Node) -> None:
    """Close ledgers for ever, the first at once. After a stop it goes on from the moment at which it wakes."""
    due = time.monotonic()
    while True:
        close_ledger(node)
        due = max(due + node.settings.ledger_seconds, time.monotonic())
        await asyncio.sleep(due - time.monotonic())


def close_ledger(node: Node) -> ClosedLedger:
    """Close one ledger and tell the peers."""
    transactions = node.state.pick()
    header = node.upgrades.vote(build_header(node.state.header, transactions, time.time()))
    ledger = ClosedLedger(header, transactions)
    node.apply(ledger)
    node.upgrades = node.upgrades.after(header)
    node.life.close(header, time.monotonic())
    node.slots.add(ledger, [node.settings.account])
    node.overlay.send_slot(header.num)
    node.history.publish()
    log("Ledger", "INFO", f"Ledger close complete: {header.num}")
    return ledger


def build_header(last: Header, transactions: tuple[bytes, ...], wall_clock: float) -> Header:
    """Build the header after `last` without upgrades; `wall_clock` is Unix seconds."""
    return Header(
        num=last.num + 1,
        close_time=max(int(wall_clock), last.close_time + 1),
        previous_hash=last.hash,
        transactions_hash=hash_transactions(transactions),
        protocol=last.protocol,
        base_fee=last.base_fee,
        base_reserve=last.base_reserve,
        max_tx_set_size=last.max_tx_set_size,
    )
