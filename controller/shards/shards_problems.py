"""What can be wrong with shards: a reason for conditions and Events, and a message. Under controller.shards.shards.

The annotations of the strategy Manual are parsed here.
"""

import re
from dataclasses import dataclass

from readpool.text import quote

_WHOLE = re.compile(r"[0-9]{1,9}")

NO_ARCHIVES = "NoArchives"
"""historyArchiveUrls is empty, so there is no archive to shard."""
SHARD_MISSING = "ShardMissing"
"""With Manual, the pod has no annotation stellar.org/shard-id."""
SHARD_NOT_A_NUMBER = "ShardNotANumber"
"""With Manual, the annotation is not a whole number."""
SHARD_OUT_OF_RANGE = "ShardOutOfRange"
"""With Manual, the annotation names a shard that does not exist."""
SHARDS_UNASSIGNED = "ShardsUnassigned"
"""Some shards have no replica: there are fewer replicas than shards, or all were assigned elsewhere."""
LEDGERS_UNKNOWN = "LedgersUnknown"
"""With LedgerRange, no archive has reported yet which ledgers it holds."""
TOO_FEW_CHECKPOINTS = "TooFewCheckpoints"
"""With LedgerRange, the archives hold fewer checkpoints than there are shards."""


@dataclass(frozen=True, slots=True)
class ShardProblem:
    """A problem to fix; `replica` is None if it concerns the whole pool."""

    reason: str
    message: str
    replica: str | None = None


def parse_shard_annotation(text: str | None, shard_count: int, replica: str) -> int | ShardProblem:
    """Parse a pod's annotation stellar.org/shard-id, None for a pod without, into a shard or into what is wrong."""
    allowed = f"a whole number from 0 to {shard_count - 1}"
    if text is None:
        return ShardProblem(SHARD_MISSING, f"annotation stellar.org/shard-id is missing; set it to {allowed}", replica)
    given = text.strip()
    shown = quote(given)
    if not _WHOLE.fullmatch(given):
        return ShardProblem(
            SHARD_NOT_A_NUMBER, f"annotation stellar.org/shard-id is {shown}; it must be {allowed}", replica
        )
    if int(given) >= shard_count:
        return ShardProblem(
            SHARD_OUT_OF_RANGE, f"annotation stellar.org/shard-id is {shown}; it must be {allowed}", replica
        )
    return int(given)
