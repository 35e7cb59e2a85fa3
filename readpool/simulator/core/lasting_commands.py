"""The commands that wait for archives, peers or signals: new-hist, report-last-history-checkpoint, catchup and run."""

import asyncio
from functools import partial

from readpool.simulator.core.archive import format_state
from readpool.simulator.core.catchup import CatchUpError, Replica, catch_up
from readpool.simulator.core.catchup_plan import COMPLETE, Target
from readpool.simulator.core.command_line import Arguments, NotUnderstoodError
from readpool.simulator.core.commands import configure, describe
from readpool.simulator.core.cpu import cost_of_ledger, costing
from readpool.simulator.core.download import Downloads
from readpool.simulator.core.errors import CoreFailure
from readpool.simulator.core.get_command import Commands
from readpool.simulator.core.ledger_state import LedgerState, count_operations
from readpool.simulator.core.log import log
from readpool.simulator.core.model import ClosedLedger
from readpool.simulator.core.opening import application, load_last_closed, log_banner, open_store
from readpool.simulator.core.publish import Publisher
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.store import Store
from readpool.simulator.core.usage import ARGUMENTS
from readpool.simulator.core_info import write_styled

_FAILED = 3
_UNTRUSTED = (
    "Unsafe command: use --trusted-checkpoint-hashes or --trusted-hash to ensure catchup integrity. "
    "If you want to run untrusted catchup, use --force-untrusted-catchup."
)


def run(arguments: Arguments) -> int:
    """Run the node until a signal ends it."""
    from readpool.simulator.core import run as running  # noqa: PLC0415  # it brings ports and peers, which others do without

    settings = configure(arguments)
    with application():
        return running.run(settings)


def new_hist(arguments: Arguments) -> int:
    """Make the archives that are named; each has to be empty."""
    settings = configure(arguments)
    with application():
        store = open_store(settings)
        try:
            are_made = [asyncio.run(_initialize(settings, name)) for name in arguments.positional]
        finally:
            store.close()
    return 0 if all(are_made) else 1


async def _initialize(settings: CoreSettings, name: str) -> bool:
    commands = Commands()
    return await Publisher(settings, Downloads(settings, commands), commands).initialize(name)


def report_last_history_checkpoint(arguments: Arguments) -> int:
    """Print the newest state of an archive."""
    settings = configure(arguments)
    with application():
        store = open_store(settings)
        try:
            state = asyncio.run(Downloads(settings, Commands()).get_state(None))
        finally:
            store.close()
        log_banner("Last history checkpoint")
        print(format_state(state))
    return 0


def catchup(arguments: Arguments) -> int:
    """Catch up from an archive, without peers, and print the node as it is then; 3 where that fails."""
    target = _read_target(arguments)
    settings = configure(arguments)
    with application():
        store = open_store(settings)
        try:
            return _catch_up(store, settings, target)
        finally:
            store.close()


def _read_target(arguments: Arguments) -> Target:
    """Read N/COUNT, current/COUNT, N/max. Raises NotUnderstoodError for anything else."""
    ledger, _, count = arguments.positional[0].partition("/")
    try:
        return Target(
            None if ledger == "current" else int(ledger),
            COMPLETE if count == "max" else int(count),
            arguments.options.get("--trusted-hash"),
        )
    except ValueError as error:
        raise NotUnderstoodError(ARGUMENTS["catchup"][1]) from error


def _catch_up(store: Store, settings: CoreSettings, target: Target) -> int:
    if target.trusted_hash is None:
        log("History", "WARNING", _UNTRUSTED)
    log("Ledger", "INFO", "Starting up application")
    load_last_closed(store)
    log("Ledger", "INFO", "Changing state LM_BOOTING_STATE -> LM_CATCHING_UP_STATE")
    statuses: list[str] = [""]
    try:
        asyncio.run(_replicate(store, settings, target, statuses))
        has_succeeded = True
    except CatchUpError:
        has_succeeded = False
    log_banner("Catchup finished." if has_succeeded else "Catchup failed.")
    log_banner("Catchup info:")
    print(write_styled(describe(store, settings, "Joining SCP", statuses[-1])).decode())
    return 0 if has_succeeded else _FAILED


async def _replicate(store: Store, settings: CoreSettings, target: Target, statuses: list[str]) -> None:
    """Catch up; the status texts are added to `statuses`. Raises CatchUpError."""
    downloads = Downloads(settings, Commands())
    if not downloads.archives:
        raise CoreFailure("No archives configured")
    state = LedgerState(settings.passphrase, store.header, store.load_entries())
    replica = Replica(settings, store, downloads, partial(_apply, store, state), partial(_assume, store, state), _burn)
    await downloads.probe()
    await catch_up(replica, target, statuses.append)
    log("History", "INFO", "Catchup finished")


def _apply(store: Store, state: LedgerState, ledger: ClosedLedger) -> None:
    operations = count_operations(ledger.transactions)
    with costing(cost_of_ledger(operations)):
        store.save(ledger, state.apply(ledger))
    log("Ledger", "INFO", f"Ledger close complete: {ledger.header.num}")


def _assume(store: Store, state: LedgerState) -> None:
    state.replace(store.header, store.load_entries())


def _burn(cpu_seconds: float) -> None:
    with costing(cpu_seconds):
        pass
