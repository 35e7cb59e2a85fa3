"""What a node answers about itself, out of its facts: /info, /quorum and /peers, as Core does in each state."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from readpool.simulator.core import BUILD, PROTOCOL
from readpool.simulator.core.model import Header
from readpool.simulator.core.node_view import NodeFacts, PeerFacts
from readpool.simulator.core.settings import QuorumSet

SHORT = 5
"""Characters by which an account is called unless full keys are requested."""
QUORUM_COST = 988
SOROBAN_PROTOCOL = 20
BUCKET_LEVELS = 11
REMEMBERED_SLOTS = 12
NO_HASH = "0" * 64


def build_info(facts: NodeFacts, *, is_compact: bool = True) -> dict[str, Any]:
    """Return what /info says, and offline-info; not compact has the bucket list."""
    info: dict[str, Any] = {
        "build": BUILD,
        "ledger": _build_ledger(facts),
        "network": facts.network,
        "peers": {"authenticated_count": len(facts.peers), "pending_count": facts.pending_peers},
        "protocol_version": PROTOCOL,
        "quorum": _build_info_quorum(facts),
        "startedOn": f"{datetime.fromtimestamp(int(facts.started_on), UTC):%Y-%m-%dT%H:%M:%SZ}",
        "state": facts.state,
    }
    if not is_compact:
        info["ledger"]["bucketlist"] = _build_bucket_list(facts.header)
    if facts.status:
        info["status"] = list(facts.status)
    return {"info": info}


def build_quorum(facts: NodeFacts, *, is_compact: bool = False, is_full: bool = False) -> dict[str, Any]:
    """Return what /quorum says."""
    if is_compact:
        quorum = _build_info_quorum(facts)
        if facts.heard:
            quorum["qset"] |= {"cost": QUORUM_COST * len(_heard_nums(facts)), "ledger": facts.heard[-1].num}
        return quorum
    quorum = {"node": _call(facts, is_full=is_full), "qset": {"cost": None, "lag_ms": None}}
    if facts.heard:
        quorum["qset"] = _build_heard_quorum(facts, is_full=is_full)
    if facts.last_check_ledger is not None:
        quorum["transitive"] = _build_transitive(facts)
    return quorum


def build_transitive_quorum(facts: NodeFacts, *, is_full: bool = False) -> dict[str, Any]:
    """Return what /quorum?transitive=true says."""
    nodes = [(0, _call(facts, is_full=is_full)), *((1, _name(one, is_full=is_full)) for one in facts.quorum.validators)]
    shown = []
    for distance, node in nodes:
        one: dict[str, Any] = {"distance": distance, "node": node, "qset": _build_set(facts.quorum, is_full=is_full)}
        if facts.heard:
            last = facts.heard[-1]
            value = describe_value(last.validator, last.transactions_hash, last.close_time)
            one |= {"heard": last.num, "status": "tracking", "value": value, "value_id": 1}
        else:
            one |= {"status": "unknown"}
        shown.append(one)
    return _build_transitive(facts) | {"nodes": shown}


def build_peers(facts: NodeFacts, *, is_compact: bool = True, is_full: bool = False) -> dict[str, Any]:
    """Return what /peers says."""
    sides: dict[str, Any] = {"inbound": None, "outbound": None}
    for side in sides:
        found = [one for one in facts.peers if one.is_inbound == (side == "inbound")]
        sides[side] = [_build_peer(one, is_compact=is_compact, is_full=is_full) for one in found] or None
    return {"authenticated_peers": sides, "pending_peers": {"inbound": None, "outbound": None}}


def describe_value(validator: str, transactions_hash: str, close_time: int) -> str:
    """Return what a validator proposed for a slot, as Core logs it."""
    return f"[ SIGNED@{validator[:SHORT]} txH: {transactions_hash[:6]}, ct: {close_time}, upgrades: [ ] ]"


def hash_quorum(quorum: QuorumSet) -> str:
    """Return the six hexadecimal digits by which a quorum set is called."""
    return hashlib.sha256(json.dumps(_build_set(quorum, is_full=True)).encode()).hexdigest()[:6]


def _build_ledger(facts: NodeFacts) -> dict[str, Any]:
    header = facts.header
    if header is None:
        numbers = dict.fromkeys(("age", "baseFee", "baseReserve", "closeTime", "maxTxSetSize", "num", "version"), 0)
        return {**numbers, "hash": NO_HASH}
    ledger: dict[str, Any] = {
        "age": facts.age_seconds,
        "baseFee": header.base_fee,
        "baseReserve": header.base_reserve,
        "closeTime": header.close_time,
        "hash": header.hash,
        "maxTxSetSize": header.max_tx_set_size,
        "num": header.num,
        "version": header.protocol,
    }
    if header.protocol >= SOROBAN_PROTOCOL:
        ledger["maxSorobanTxSetSize"] = 1
    return ledger


def _build_bucket_list(header: Header | None) -> list[dict[str, str]]:
    """Return hashes that are other ones in each ledger; they hash nothing."""
    levels = []
    for level in range(BUCKET_LEVELS):
        # Level n takes in what closed 4^n ledgers; what no ledger has reached yet is empty.
        is_filled = header is not None and header.num > 4**level
        filled = [hashlib.sha256(f"{header and header.hash} {level} {part}".encode()).hexdigest() for part in range(2)]
        curr, snap = filled if is_filled else (NO_HASH, NO_HASH)
        levels.append({"curr": curr, "snap": snap})
    return levels


def _build_info_quorum(facts: NodeFacts) -> dict[str, Any]:
    qset: dict[str, Any] = {"cost": 0, "lag_ms": None}
    if facts.heard:
        others = 0 if facts.is_validator else 1
        qset = {
            "agree": len(facts.quorum.validators),
            "cost": QUORUM_COST * others,
            "delayed": 0,
            "disagree": 0,
            "fail_at": _fail_at(facts.quorum) * others,
            "hash": hash_quorum(facts.quorum),
            "lag_ms": facts.lag_ms,
            "ledger": facts.heard[-1].num - 1,
            "missing": 0,
            "phase": "EXTERNALIZE",
        }
        if facts.is_validator:
            qset["validated"] = True
    quorum: dict[str, Any] = {"node": _call(facts), "qset": qset}
    if facts.last_check_ledger is not None:
        quorum["transitive"] = _build_transitive(facts)
    return quorum


def _build_heard_quorum(facts: NodeFacts, *, is_full: bool) -> dict[str, Any]:
    names = [_name(one, is_full=is_full) for one in facts.quorum.validators]
    return {
        "agree": names,
        "cost": {str(num): dict.fromkeys(names, QUORUM_COST) for num in _heard_nums(facts)},
        "delayed": None,
        "disagree": None,
        "fail_at": _fail_at(facts.quorum),
        "fail_with": names[: _fail_at(facts.quorum)],
        "hash": hash_quorum(facts.quorum),
        "lag_ms": None if facts.lag_ms is None else dict.fromkeys(names, facts.lag_ms),
        "ledger": facts.heard[-1].num,
        "missing": None,
        "phase": "EXTERNALIZE",
        "value": _build_set(facts.quorum, is_full=is_full),
    }


def _build_transitive(facts: NodeFacts) -> dict[str, Any]:
    nodes = 0 if facts.is_validator else 1 + len(facts.quorum.validators)
    return {
        "critical": None,
        "intersection": True,
        "last_check_ledger": facts.last_check_ledger or 0,
        "node_count": nodes,
    }


def _build_set(quorum: QuorumSet, *, is_full: bool) -> dict[str, Any]:
    inner = [_build_set(one, is_full=is_full) for one in quorum.inner]
    return {"t": quorum.threshold, "v": [*(_name(one, is_full=is_full) for one in quorum.validators), *inner]}


def _build_peer(peer: PeerFacts, *, is_compact: bool, is_full: bool) -> dict[str, Any]:
    flow: dict[str, Any] = {
        "local_capacity": {"flood": 200, "reading": 201},
        "local_capacity_bytes": {"flood": 300_000},
        "peer_capacity": 200,
        "peer_capacity_bytes": 300_000,
    }
    shown: dict[str, Any] = {
        "address": peer.address,
        "elapsed": peer.connected_seconds,
        "flow_control": flow,
        "id": _name(peer.account, is_full=is_full),
        "latency": peer.latency_ms,
        "olver": 37,
        "ver": peer.version,
    }
    if not is_compact:
        flow |= dict.fromkeys((f"outbound_queue_delay_{one}_p75" for one in ("advert", "demand", "scp", "txs")), 0)
        shown |= dict.fromkeys(_PEER_COUNTERS, 0) | {"pull_mode": {"demand_timeouts": 0, "pull_latency": 0}}
    return shown


def _fail_at(quorum: QuorumSet) -> int:
    return len(quorum.validators) + len(quorum.inner) - quorum.threshold + 1


def _heard_nums(facts: NodeFacts) -> list[int]:
    return [one.num for one in facts.heard[-REMEMBERED_SLOTS:]]


def _call(facts: NodeFacts, *, is_full: bool = False) -> str:
    return "self" if facts.is_validator else _name(facts.account, is_full=is_full)


def _name(account: str, *, is_full: bool) -> str:
    return account if is_full else account[:SHORT]


_PEER_COUNTERS = (
    "async_read",
    "async_write",
    "byte_read",
    "byte_write",
    "duplicate_fetch_message_recv",
    "duplicate_flood_message_recv",
    "message_delay_in_async_write_p75",
    "message_delay_in_write_queue_p75",
    "message_drop",
    "message_read",
    "message_write",
    "unique_fetch_message_recv",
    "unique_flood_message_recv",
)
