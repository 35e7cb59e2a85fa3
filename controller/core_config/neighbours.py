"""Which replicas of its pool does a replica connect to first? A few by ordinal, the same however large the pool is.

So no one's configuration changes when the pool grows or shrinks, and no replica is everybody's peer.
"""

from collections.abc import Mapping
from typing import Any

from controller.observed.labels import nodes_service_name, pod_name

SLOTS_REMEMBERED = 100
"""Ledgers whose messages and transactions a replica keeps for its peers; Core takes no more than 100 ahead of its own.

Source: stellar-core src/herder/Herder.cpp (LEDGER_VALIDITY_BRACKET); by its default Core keeps 12.
"""
MOST_NEIGHBOURS = 3
"""Of the 8 peers that Core connects to by default; the rest are the network's own."""
MOST_NEIGHBOURED = 5
"""So many replicas at most have the same neighbour, whatever the size of the pool."""
_CORE_CONNECTS_TO = 8
_FIRST = 3


def choose_neighbours(ordinal: int) -> tuple[int, ...]:
    """Choose the ordinals of a replica's neighbours: the two before it and one far below; newcomers have the highest.

    The first three are each other's. Source of the far one: with halves, any two replicas are a few hops apart.
    """
    before = [ordinal - 1, ordinal - 2, ordinal // 2] if ordinal >= _FIRST else range(_FIRST)
    return tuple(dict.fromkeys(one for one in before if one != ordinal))


def build_peering(pool: str, namespace: str, ordinal: int, port: int, override: Mapping[str, Any]) -> dict[str, Any]:
    """Build what Core reads of its neighbours, at the peer port `port`; `override` is what the pool sets by itself.

    At least half of the peers that the pool lets Core connect to stay the network's own. Names end in `.svc`, so that
    the cluster's own domain completes them.
    """
    target = override.get("TARGET_PEER_CONNECTIONS", _CORE_CONNECTS_TO)
    most = min(MOST_NEIGHBOURS, target // 2) if isinstance(target, int) else MOST_NEIGHBOURS
    service = f"{nodes_service_name(pool)}.{namespace}.svc"
    names = [f"{pod_name(pool, one)}.{service}:{port}" for one in choose_neighbours(ordinal)[: max(0, most)]]
    return {"MAX_SLOTS_TO_REMEMBER": SLOTS_REMEMBERED} | ({"PREFERRED_PEERS": names} if names else {})
