"""What one node answers to `/info`, byte for byte as Stellar Core 22 writes it. The last pure step before the socket.

Which fields are absent in which state, that arrays may be null and how long lists wrap was taken from recorded answers.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

BUILD = "v22.4.1"
PROTOCOL_VERSION = 22
RIGHT_MARGIN = 74
"""Where jsoncpp's styled writer breaks a list over several lines."""


class CoreState(StrEnum):
    """The words Core has for its state. The mark belongs to the last one."""

    BOOTING = "Booting"
    JOINING = "Joining SCP"
    CONNECTED = "Connected"
    CATCHING_UP = "Catching up"
    SYNCED = "Synced!"


@dataclass(frozen=True, slots=True)
class LedgerInfo:
    """The last ledger that the node has closed.

    `close_time` is Unix seconds, 0 while it is unknown. `max_soroban_tx_set_size` is absent (None) on a young node.
    """

    num: int
    hash: str
    close_time: int
    version: int
    age: int
    base_fee: int = 100
    base_reserve: int = 100_000_000
    max_tx_set_size: int = 100
    max_soroban_tx_set_size: int | None = None


@dataclass(frozen=True, slots=True)
class HeardQuorum:
    """What the node has heard of its quorum set: the ledger that it saw externalized, one less than the network's."""

    ledger: int
    lag_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CoreInfo:
    """One answer. `heard` is None until the node hears its quorum, `last_check_ledger` until it has checked it."""

    state: CoreState
    network: str
    started_on: float
    node_id: str
    ledger: LedgerInfo
    authenticated_peers: int = 0
    pending_peers: int = 0
    heard: HeardQuorum | None = None
    last_check_ledger: int | None = None
    status: tuple[str, ...] = ()


def render_info(info: CoreInfo) -> bytes:
    """Render the body of an answer to `/info`."""
    body: dict[str, object] = {
        "build": BUILD,
        "ledger": _build_ledger(info.ledger),
        "network": info.network,
        "peers": {"authenticated_count": info.authenticated_peers, "pending_count": info.pending_peers},
        "protocol_version": PROTOCOL_VERSION,
        "quorum": _build_quorum(info),
        "startedOn": f"{datetime.fromtimestamp(int(info.started_on), UTC):%Y-%m-%dT%H:%M:%SZ}",
        "state": str(info.state),
    }
    if info.status:
        body["status"] = list(info.status)
    return write_styled({"info": body})


def render_exception(message: str) -> bytes:
    """Render a command's error, which Core sends with status 200."""
    return f'{{"exception": {json.dumps(message)}}}'.encode()


def write_styled(value: object) -> bytes:
    """Write JSON as jsoncpp's StyledWriter does: sorted keys, three spaces, ` : `, and a newline at the end."""
    return (_write(value, "") + "\n").encode()


def _build_ledger(ledger: LedgerInfo) -> dict[str, object]:
    fields: dict[str, object] = {
        "age": ledger.age,
        "baseFee": ledger.base_fee,
        "baseReserve": ledger.base_reserve,
        "closeTime": ledger.close_time,
        "hash": ledger.hash,
        "maxTxSetSize": ledger.max_tx_set_size,
        "num": ledger.num,
        "version": ledger.version,
    }
    if ledger.max_soroban_tx_set_size is not None:
        fields["maxSorobanTxSetSize"] = ledger.max_soroban_tx_set_size
    return fields


def _build_quorum(info: CoreInfo) -> dict[str, object]:
    qset: dict[str, object] = {"cost": 0, "lag_ms": None}
    if info.heard is not None:
        qset = {
            "agree": 1,
            "cost": 988,
            "delayed": 0,
            "disagree": 0,
            "fail_at": 1,
            "hash": "d05a3b",
            "lag_ms": info.heard.lag_ms,
            "ledger": info.heard.ledger,
            "missing": 0,
            "phase": "EXTERNALIZE",
        }
    quorum: dict[str, object] = {"node": info.node_id, "qset": qset}
    if info.last_check_ledger is not None:
        quorum["transitive"] = {
            "critical": None,
            "intersection": True,
            "last_check_ledger": info.last_check_ledger,
            "node_count": 2,
        }
    return quorum


def _write(value: object, indent: str) -> str:
    deeper = indent + "   "
    if isinstance(value, dict) and value:
        members = ",\n".join(
            f"{deeper}{json.dumps(key, ensure_ascii=False)} : {_write(value[key], deeper)}" for key in sorted(value)
        )
        return f"{{\n{members}\n{indent}}}"
    if isinstance(value, list) and value:
        items = [_write(item, deeper) for item in value]
        is_flat = not any(isinstance(item, dict | list) and item for item in value)
        if is_flat and len(items) * 3 < RIGHT_MARGIN and sum(map(len, items)) + 2 * (len(items) - 1) + 4 < RIGHT_MARGIN:
            return f"[ {', '.join(items)} ]"
        return "[\n" + ",\n".join(deeper + item for item in items) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)
