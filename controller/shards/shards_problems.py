"""What can be wrong with shards, each with a reason that conditions and Events carry. Under controller.shards.shards.

Manual's annotations are read here, since most of it is about what they must not be.
"""

import re
from dataclasses import dataclass

_WHOLE = re.compile(r"[0-9]{1,9}")
_SHOWN_CHARACTERS = 60

NO_ARCHIVES = "NoArchives"
"""There is no archive to give to a shard."""
SHARD_MISSING = "ShardMissing"
"""Manual, and the pod has no annotation stellar.org/shard-id."""
SHARD_NOT_A_NUMBER = "ShardNotANumber"
"""Manual, and the annotation is no whole number."""
SHARD_OUT_OF_RANGE = "ShardOutOfRange"
"""Manual, and the annotation names a shard that there is not."""
SHARDS_WITHOUT_OWNER = "ShardsWithoutOwner"
"""No replica serves these shards: there are fewer replicas than shards, or they were all put elsewhere."""
LEDGERS_UNKNOWN = "LedgersUnknown"
"""LedgerRange, and no archive has said yet which ledgers it holds."""
TOO_FEW_CHECKPOINTS = "TooFewCheckpoints"
"""LedgerRange, and the archives hold fewer checkpoints than there are shards."""


@dataclass(frozen=True, slots=True)
class ShardProblem:
    """What somebody should see to; `replica` None where it is about the pool."""

    reason: str
    message: str
    replica: str | None = None


def parse_shard_annotation(text: str | None, shard_count: int, replica: str) -> int | ShardProblem:
    """Parse a pod's annotation stellar.org/shard-id, None for a pod without, into a shard or into what is wrong."""
    allowed = f"a whole number from 0 to {shard_count - 1}"
    if text is None:
        return ShardProblem(SHARD_MISSING, f"stellar.org/shard-id: missing; it has to be {allowed}", replica)
    given = text.strip()
    shown = repr(given if len(given) <= _SHOWN_CHARACTERS else given[:_SHOWN_CHARACTERS] + "…")
    if not _WHOLE.fullmatch(given):
        return ShardProblem(SHARD_NOT_A_NUMBER, f"stellar.org/shard-id: {shown} is not {allowed}", replica)
    if int(given) >= shard_count:
        return ShardProblem(SHARD_OUT_OF_RANGE, f"stellar.org/shard-id: {shown} is not {allowed}", replica)
    return int(given)
