"""What a node says of itself at a moment: its state, network and lies, as one CoreInfo. Pure; core_info renders it."""

import hashlib
from base64 import b32encode
from dataclasses import dataclass

from readpool.simulator.core_info import PROTOCOL_VERSION, CoreInfo, CoreState, HeardQuorum, LedgerInfo
from readpool.simulator.network import UNKNOWN_HASH, Network
from readpool.simulator.node_state import NodeState, Phase
from readpool.simulator.node_steps import CONSENSUS_STUCK_SECONDS, HEARING_SECONDS

YOUNG_LEDGER = 2
"""Up to here a private network's ledgers are of protocol 0."""
_EMPTY_LEDGER = LedgerInfo(0, UNKNOWN_HASH, 0, 0, 0, base_fee=0, base_reserve=0, max_tx_set_size=0)


@dataclass(frozen=True, slots=True)
class Persona:
    """Who a node says it is: what its keys are made from, its network's passphrase, and the lead that it makes up."""

    seed: int
    passphrase: str
    claimed_lead: int = 0


def build_info(state: NodeState, network: Network, persona: Persona, now: float) -> CoreInfo:
    """Build what a node answers to `/info` at `now`."""
    if state.phase is Phase.BOOTING:
        node_id = _build_node_id(persona, state.starts)
        return CoreInfo(CoreState.BOOTING, persona.passphrase, state.started_on, node_id, _EMPTY_LEDGER)
    has_heard = state.checked_ledger is not None
    return CoreInfo(
        state=_tell_state(state, network, now),
        network=persona.passphrase,
        started_on=state.started_on,
        node_id=_build_node_id(persona, state.starts),
        ledger=_tell_ledger(state, network, persona, now),
        authenticated_peers=int(has_heard or now - state.phase_since >= HEARING_SECONDS),
        heard=_tell_heard(state, network, persona, now) if has_heard else None,
        last_check_ledger=state.checked_ledger,
        status=state.status,
    )


def _tell_ledger(state: NodeState, network: Network, persona: Persona, now: float) -> LedgerInfo:
    num = state.ledger + persona.claimed_lead
    close_time = int(now) if persona.claimed_lead else network.close_time(num)
    is_young = num <= YOUNG_LEDGER
    return LedgerInfo(
        num=num,
        hash=network.ledger_hash(num),
        close_time=close_time,
        version=0 if is_young else PROTOCOL_VERSION,
        age=max(0, int(now) - close_time) if close_time else 0,
        max_soroban_tx_set_size=None if is_young or not state.has_applied else 1,
    )


def _tell_state(state: NodeState, network: Network, now: float) -> CoreState:
    if state.phase is Phase.JOINING:
        return CoreState.JOINING if state.ledger <= 1 else CoreState.CONNECTED
    if state.phase is not Phase.FOLLOWING:
        return CoreState.CATCHING_UP
    last = max(network.newest_closed_at(now), state.phase_since)
    is_silent = state.ledger >= network.tip(now) and now - last >= CONSENSUS_STUCK_SECONDS
    return CoreState.JOINING if is_silent or now < state.stuck_until else CoreState.SYNCED


def _tell_heard(state: NodeState, network: Network, persona: Persona, now: float) -> HeardQuorum:
    """Return what it hears: the network's newest, but after a stop only what waits in its sockets, in order."""
    if persona.claimed_lead or (state.phase is Phase.FOLLOWING and now < state.backlog_until):
        return HeardQuorum(state.ledger + persona.claimed_lead - 1)
    lag_ms = None if state.phase is not Phase.FOLLOWING or state.status else 1 + persona.seed % 12
    return HeardQuorum(max(network.tip(now), state.ledger) - 1, lag_ms)


def _build_node_id(persona: Persona, starts: int) -> str:
    """Build the start of a node's key, which a watcher makes again at each start."""
    digest = hashlib.sha256(f"{persona.seed}/{starts}".encode()).digest()
    return "G" + "ABCD"[digest[0] % 4] + b32encode(digest[1:6]).decode()[:3]
