"""The Observer's Snapshot as plain types, so that no decision knows of gRPC. Sits between the stream and the plan."""

import re
from datetime import datetime
from math import isfinite, isnan
from typing import Literal

from pydantic import ValidationError

from controller.observed.observed import CheckpointView, FleetView, ReplicaView
from readpool.history_archives import CHECKPOINT_LEDGERS
from readpool.pool.scalars import to_timestamp
from readpool.pool.status import ScalingMemory
from readpool.replica_class_messages import parse_class
from readpool.v1 import observer_pb2


def parse_fleet_view(message: observer_pb2.Snapshot, heard_at: float | None = None) -> FleetView:
    """Parse a snapshot that came at `heard_at`; a class that we do not know, of a newer scaler's, is unknown."""
    decision, tip = message.decision, message.tip
    return FleetView(
        at=message.at,
        replicas=tuple(_parse_replica(replica) for replica in message.replicas),
        tip_ledger=tip.ledger if message.HasField("tip") else None,
        is_halted=tip.halted,
        desired_replicas=decision.desired_replicas if decision.HasField("desired_replicas") else None,
        reason=decision.reason,
        message=decision.message,
        learned_requests_per_replica=_read_learned(decision),
        scaling_memory=_read_memory(decision.memory) if decision.HasField("memory") else None,
        poll_interval_seconds=_read_interval(message.poll_interval_seconds),
        heard_at=heard_at,
        checkpoint=_parse_checkpoint(message.checkpoint) if message.HasField("checkpoint") else None,
        network_protocol=message.network_protocol if message.HasField("network_protocol") else None,
    )


def _parse_checkpoint(told: observer_pb2.Checkpoint) -> CheckpointView | None:
    """Parse a checkpoint; whatever is not written as one is none, since replicas start with what it says."""
    is_ledger = 0 < told.ledger <= _LAST_LEDGER and (told.ledger + 1) % CHECKPOINT_LEDGERS == 0
    if not is_ledger or not _HASH.fullmatch(told.hash) or not 0 < told.closed_at <= _LAST_TIME:
        return None
    return CheckpointView(told.ledger, told.hash, told.closed_at)


_HASH = re.compile(r"[0-9a-f]{64}")
_LAST_LEDGER = 2**32 - 1
_LAST_TIME = 10**10 - 1


def _read_interval(seconds: float) -> float | None:
    """Read how often the scaler polls; a scaler that does not tell, or tells nonsense, polls as by default."""
    return seconds if isfinite(seconds) and seconds > 0 else None


def _read_learned(decision: observer_pb2.Decision) -> float | None:
    """Read how much one replica can serve; status accepts only numbers of zero or more."""
    learned = decision.learned_requests_per_replica
    is_told = decision.HasField("learned_requests_per_replica")
    return learned if is_told and isfinite(learned) and learned >= 0 else None


def _read_memory(memory: observer_pb2.Memory) -> ScalingMemory | None:
    """Read what the scaler remembers; None for what no scaler of ours would tell, and status would not take."""
    try:
        return ScalingMemory(
            reported_at=to_timestamp(memory.reported_at),
            network_passphrase=memory.network or None,
            desired_replicas=memory.desired_replicas,
            surplus_since=_read_time(memory, "surplus_since"),
            surplus_peak=memory.surplus_peak,
            premature_scale_ins=memory.premature_scale_ins,
            scaled_in_at=_read_time(memory, "scaled_in_at"),
            overloaded_at=_read_time(memory, "overloaded_at"),
            warm_up_seconds=_read_warm_up(memory),
            warm_ups=memory.warm_ups,
            average_unhealthy=round(memory.average_unhealthy, 2),
            request_rate_known=memory.request_rate_known,
        )
    except (ValidationError, ValueError, OverflowError, OSError):
        return None


def _read_warm_up(memory: observer_pb2.Memory) -> float | None:
    """Read it within what status takes: a network of a test closes ledgers in no time."""
    seconds = memory.warm_up_seconds
    if isnan(seconds):
        raise ValueError("a warm-up that is no number")
    return round(max(1.0, min(seconds, 86_400.0)), 1) if memory.HasField("warm_up_seconds") else None


def _read_time(
    memory: observer_pb2.Memory, name: Literal["surplus_since", "scaled_in_at", "overloaded_at"]
) -> datetime | None:
    return to_timestamp(getattr(memory, name)) if memory.HasField(name) else None


def _parse_replica(replica: observer_pb2.Replica) -> ReplicaView:
    return ReplicaView(
        name=replica.name,
        address=_read_host_port(replica.address),
        replica_class=parse_class(getattr(replica, "class")),
        since=replica.since,
        ledger=replica.ledger if replica.HasField("ledger") else None,
        lag_ledgers=replica.lag if replica.HasField("lag") else None,
        ledgers_per_second=replica.rate if replica.HasField("rate") else None,
        seconds_to_fresh=_read_seconds(replica),
        state=replica.state,
        detail=replica.detail,
        observed_at=replica.observed_at if replica.HasField("observed_at") else None,
        is_doubted=replica.suspect,
        started_on=replica.started_on if replica.HasField("started_on") else None,
        is_of_another_network=replica.of_another_network,
        volume_used_percent=_read_percent(replica),
        core_protocol=replica.core_protocol if replica.HasField("core_protocol") else None,
        is_core_too_old=replica.core_too_old,
    )


def _read_percent(replica: observer_pb2.Replica) -> int | None:
    """Read how full a volume is; status takes no more than all of it."""
    return min(100, replica.volume_used_percent) if replica.HasField("volume_used_percent") else None


def _read_host_port(address: str) -> str:
    """Read HOST:PORT from the URL that the scaler asks."""
    return address.partition("://")[2].partition("/")[0] or address


def _read_seconds(replica: observer_pb2.Replica) -> float | None:
    """Read how long a replica needs; never is as good as not known."""
    seconds = replica.seconds_to_fresh
    return seconds if replica.HasField("seconds_to_fresh") and isfinite(seconds) and seconds >= 0 else None
