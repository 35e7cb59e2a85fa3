"""Which shard does a replica's name lead to? Rendezvous hashing with bounded load. Under controller.shards.shards.

The score of shard S for replica R is blake2b("S/R"), 8 bytes, big-endian: the same in any process of any version.
"""

from collections.abc import Iterable
from hashlib import blake2b


def assign_by_hash(names: Iterable[str], shard_count: int) -> dict[str, int]:
    """Assign each name a shard from 0 to shard_count - 1; the order of `names` does not matter.

    The highest score comes first, wherever replica and shard are both still free. So sizes differ by one at most, and
    no shard is left out while there are names enough. A name that comes or goes moves at most 2 * (shard_count - 1)
    others: one chain of moves for the place that comes or goes with it, one for itself, and no chain meets a shard
    twice (rendezvous hashing: Thaler and Ravishankar, 1998; the chains: deferred acceptance, Gale and Shapley, 1962).
    """
    known = sorted(set(names))
    room = _compute_room(len(known), shard_count)
    pairs = sorted((-compute_score(shard, name), shard, name) for shard in range(shard_count) for name in known)
    assigned: dict[str, int] = {}
    for _, shard, name in pairs:
        if room[shard] and name not in assigned:
            assigned[name] = shard
            room[shard] -= 1
    return assigned


def compute_score(shard: int, name: str) -> int:
    """Compute how well a shard and a replica go together: 64 bits, higher is better."""
    return int.from_bytes(blake2b(f"{shard}/{name}".encode(), digest_size=8).digest(), "big")


def _compute_room(count: int, shard_count: int) -> list[int]:
    """Share out `count` places evenly, the first shards taking what is over; one each while there are too few names."""
    if count <= shard_count:
        return [1] * shard_count
    even, over = divmod(count, shard_count)
    return [even + (shard < over) for shard in range(shard_count)]
