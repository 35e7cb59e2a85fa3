"""How far a catch-up has come after so many seconds, and what Core says of it meanwhile. Pure arithmetic of one plan.

The stages, their order and their words are Core's: an archive's state file, ledger files, then either the buckets of
the target (a new node, minimal) or checkpoint after checkpoint (a node with a ledger of its own, or CATCHUP_COMPLETE).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatchUpPlan:
    """One run of catch-up.

    Attributes:
        start: the ledger that the node has.
        target: the last ledger of the checkpoint that it goes to.
        checkpoint_ledgers: ledgers a checkpoint.
        is_replay: whether it applies every ledger between, rather than the buckets of the target.
        download_seconds: what each of the two downloads before takes.
        apply_seconds: what the whole of the applying takes.
    """

    start: int
    target: int
    checkpoint_ledgers: int
    is_replay: bool
    download_seconds: float
    apply_seconds: float

    @property
    def seconds(self) -> float:
        """How long it takes from beginning to end."""
        return 2 * self.download_seconds + self.apply_seconds


@dataclass(frozen=True, slots=True)
class CatchUpProgress:
    """Where a catch-up stands: the node's ledger and its line of status."""

    ledger: int
    status: str
    is_done: bool = False


def compute_progress(plan: CatchUpPlan, elapsed_seconds: float) -> CatchUpProgress:
    """Compute where a catch-up stands after `elapsed_seconds`. The ledger never goes back as they grow."""
    prefix = f"Catching up to ledger {plan.target}: "
    checkpoints = _checkpoints(plan)
    if elapsed_seconds >= plan.seconds:
        return CatchUpProgress(plan.target, prefix + "Succeeded: catchup-seq", is_done=True)
    if elapsed_seconds < plan.download_seconds:
        digits = f"{plan.target:08x}"
        path = f"history/{digits[0:2]}/{digits[2:4]}/{digits[4:6]}/history-{digits}.json"
        return CatchUpProgress(plan.start, f"{prefix}Downloading state file {path} for ledger {plan.target}")
    if elapsed_seconds < 2 * plan.download_seconds:
        files = checkpoints if plan.is_replay else 1
        done = max(1, int(files * (elapsed_seconds / plan.download_seconds - 1)))
        text = f"downloading ledger files {done}/{files} ({100 * done // files}%)"
        return CatchUpProgress(plan.start, prefix + text)
    share = (elapsed_seconds - 2 * plan.download_seconds) / plan.apply_seconds
    ledger, text = _applying_checkpoints(plan, checkpoints, share) if plan.is_replay else _applying_buckets(plan, share)
    return CatchUpProgress(ledger, prefix + text)


def _checkpoints(plan: CatchUpPlan) -> int:
    size = plan.checkpoint_ledgers
    return max(1, (plan.target + 1) // size - (plan.start + 1) // size)


def _applying_checkpoints(plan: CatchUpPlan, checkpoints: int, share: float) -> tuple[int, str]:
    done = min(int(checkpoints * share), checkpoints - 1)
    left = checkpoints - done
    ledger = plan.start if done == 0 else plan.target - left * plan.checkpoint_ledgers
    percent = 100 * done // checkpoints
    return ledger, f"Download & apply checkpoints: num checkpoints left to apply:{left} ({percent}% done)"


def _applying_buckets(plan: CatchUpPlan, share: float) -> tuple[int, str]:
    if share < 0.5:  # noqa: PLR2004 - half of the time is downloading them, half applying them
        buckets = 22
        done = int(buckets * 2 * share)
        return plan.start, f"downloading and verifying buckets: {done}/{buckets} ({100 * done // buckets}%)"
    percent = int(100 * (2 * share - 1))
    level = max(0, 10 - percent // 10)
    return plan.start, f"Applying buckets {percent}%. Currently on level {level}"
