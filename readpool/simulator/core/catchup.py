"""Catching up from history archives: getting what a plan asks for, verifying it, applying buckets, replaying ledgers.

What it needs of a node is a store, and a function that applies a ledger. Applying blocks the loop, as it blocks the
main thread of Stellar Core; between two ledgers others get their turn.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from readpool.simulator.core.archive import (
    ArchiveState,
    find_checkpoint,
    name_file,
    name_state,
    parse_headers,
    parse_transactions,
)
from readpool.simulator.core.batches import download_all, download_in_order
from readpool.simulator.core.catchup_buckets import adopt_buckets
from readpool.simulator.core.catchup_chain import ChainError, Headers, join_ledger, replay_seconds, verify_chain
from readpool.simulator.core.catchup_plan import Plan, Target, make_plan
from readpool.simulator.core.download import Downloads
from readpool.simulator.core.get_command import CONCURRENT
from readpool.simulator.core.log import log
from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.store import Store

Progress = Callable[[str], None]


class CatchUpError(Exception):
    """A catch-up that failed permanently: what an archive has does not fit together, or is not the network's."""


@dataclass(frozen=True)
class Replica:
    """The node that catches up.

    Attributes:
        apply: applies a ledger and saves it; blocks.
        assumed: called once the store has the entries of another ledger, which are to be loaded again.
        burn: uses so many seconds of CPU time: what replaying costs beside applying.
    """

    settings: CoreSettings
    store: Store
    downloads: Downloads
    apply: Callable[[ClosedLedger], None]
    assumed: Callable[[], None]
    burn: Callable[[float], None]


async def catch_up(replica: Replica, target: Target, progress: Progress) -> None:
    """Catch up to a target; `progress` is told each status text, the last of which is `…: Succeeded: catchup-seq`.

    An archive that fails is asked again without end. Cancel it to give up; no child process is left then.

    Raises:
        CatchUpError: when headers, buckets or transactions do not belong together, or to this network.
    """
    _log_target(replica.store.header.num, target)
    try:
        await _CatchUp(replica, target, progress).run()
    except ChainError as error:
        if not error.is_logged:
            _log_errors(error)
        log("History", "WARNING", "Catchup failed")
        raise CatchUpError(str(error)) from error


def _log_target(last_closed: int, target: Target) -> None:
    to_ledger = "CURRENT" if target.ledger is None else target.ledger
    lines = (
        "Starting catchup with configuration:",
        f"  lastClosedLedger: {last_closed}",
        f"  toLedger: {to_ledger}",
        f"  count: {target.count}",
    )
    log("History", "INFO", "\n".join(lines))


def _log_errors(error: ChainError) -> None:
    error.is_logged = True
    for line in error.lines:
        log("History", "ERROR", line)


def _log_begun(checkpoint: int) -> None:
    log("History", "INFO", f"Downloading, unzipping and applying transactions for checkpoint {checkpoint}")


class _CatchUp:
    """One catch-up under way."""

    def __init__(self, replica: Replica, target: Target, progress: Progress) -> None:
        self._node = replica
        self._target = target
        self._report = progress
        self._name = "CURRENT" if target.ledger is None else str(target.ledger)
        self._frequency = replica.settings.checkpoint_ledgers

    async def run(self) -> None:
        """Go through it from the state file to the last ledger. Raises ChainError."""
        state = await self._get_state(self._target.ledger)
        last = state.ledger if self._target.ledger is None else self._target.ledger
        self._name = str(last)
        if last > self._node.store.header.num:
            await self._go(state, last)
        else:
            num = self._node.store.header.num
            log("History", "INFO", f"Target ledger {last} is not newer than last closed ledger {num} - nothing to do")
        self._tell("Succeeded: catchup-seq")

    async def _go(self, state: ArchiveState, last: int) -> None:
        plan = make_plan(self._node.store.header.num, last, self._target.count, self._frequency)
        if plan.bucket_ledger not in (None, state.ledger):
            state = await self._get_state(plan.bucket_ledger)
        async with self._node.downloads.open_folder("catchup") as folder:
            headers = await self._get_headers(folder, plan)
            self._verify(plan, headers)
            if plan.bucket_ledger is not None:
                await self._adopt(folder, state, headers)
            if plan.replayed_checkpoints:
                await self._replay(folder, plan, headers)

    async def _get_state(self, ledger: int | None) -> ArchiveState:
        checkpoint = None if ledger is None else find_checkpoint(ledger, self._frequency)
        what = "current" if checkpoint is None else str(checkpoint)
        remote = ".well-known/stellar-history.json" if checkpoint is None else name_state(checkpoint)
        self._tell(f"Downloading state file {remote} for ledger {what}")
        state = await self._node.downloads.get_state(checkpoint)
        if state.passphrase != self._node.settings.passphrase:
            raise ChainError("The network passphrase of the archive does not match that of this application")
        return state

    async def _get_headers(self, folder: Path, plan: Plan) -> Headers:
        checkpoints = plan.header_checkpoints
        count = len(checkpoints)

        async def get(checkpoint: int) -> Headers:
            remote = name_file("ledger", checkpoint)
            found = await self._node.downloads.get_file(folder, remote, parse_headers)
            return {header.num: header for header in found}

        def started(number: int) -> None:
            self._tell(f"downloading ledger files {number}/{count} ({100 * number // count}%)")

        files = await download_all(checkpoints, get, started=started)
        first, end = checkpoints[0], checkpoints[-1] + self._frequency
        work = f"batch-download-ledger-{first:08x}-{end:08x} : {count}/{count} children completed"
        self._tell(f"Succeeded: {work}")
        return {num: header for file in files for num, header in file.items()}

    def _verify(self, plan: Plan, headers: Headers) -> None:
        """Verify the chain of headers from the last to the first. Raises ChainError."""
        log("History", "INFO", f"Verifying ledgers [{plan.first_verified},{plan.last + 1})")
        before = self._node.store.header if plan.bucket_ledger is None else None
        try:
            verify_chain(headers, plan, self._target.trusted_hash, before, self._log_info)
        except ChainError as error:
            _log_errors(error)
            self._tell("Failed: verify-ledger-chain")
            self._tell("Failed: download-verify-ledgers-seq")
            raise
        log("History", "INFO", f"History chain [{plan.first_verified},{plan.last}] verified")
        self._tell("Succeeded: verify-ledger-chain")
        self._tell("Ready to run: herder-state-consistency-work")
        if self._target.trusted_hash is None:
            close_time = headers[plan.last].close_time
            log("History", "INFO", f"Herder state is set! tracking={plan.last}, closeTime={close_time}")
        self._tell("Succeeded: herder-state-consistency-work")

    async def _adopt(self, folder: Path, state: ArchiveState, headers: Headers) -> None:
        store, downloads = self._node.store, self._node.downloads
        await adopt_buckets(store.folder, downloads, folder, state, self._tell)
        store.assume(headers[state.ledger], state.levels)
        self._node.assumed()
        log("History", "INFO", "ApplyBuckets : done, assuming state")
        self._tell("Succeeded: download-verify-apply-buckets")

    async def _replay(self, folder: Path, plan: Plan, headers: Headers) -> None:
        checkpoints = plan.replayed_checkpoints
        left = len(checkpoints)

        async def get(checkpoint: int) -> dict[int, tuple[bytes, ...]]:
            remote = name_file("transactions", checkpoint)
            return await self._node.downloads.get_file(folder, remote, parse_transactions)

        for checkpoint in checkpoints[:CONCURRENT]:
            _log_begun(checkpoint)
        self._tell_left(left, len(checkpoints))
        async with contextlib.aclosing(download_in_order(checkpoints, get)) as files:
            async for checkpoint, transactions in files:
                first = max(plan.first, checkpoint - self._frequency + 1)
                for num in range(first, min(checkpoint, plan.last) + 1):
                    await self._apply(join_ledger(headers[num], transactions.get(num, ())))
                for later in checkpoints[CONCURRENT + len(checkpoints) - left :][:1]:
                    _log_begun(later)
                left -= 1
                self._tell_left(left, len(checkpoints))

    async def _apply(self, ledger: ClosedLedger) -> None:
        """Apply a ledger, then let others have the loop."""
        self._node.burn(replay_seconds(ledger))
        self._node.apply(ledger)
        await asyncio.sleep(0)

    def _tell_left(self, left: int, count: int) -> None:
        done = 100 * (count - left) // count
        self._tell(f"Download & apply checkpoints: num checkpoints left to apply:{left} ({done}% done)")

    def _tell(self, text: str) -> None:
        """Report a status, and log it."""
        status = f"Catching up to ledger {self._name}: {text}"
        log("History", "INFO", status)
        self._report(status)

    @staticmethod
    def _log_info(text: str) -> None:
        log("History", "INFO", text)
