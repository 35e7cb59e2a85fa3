"""Which settings does a fleet's policy have at this moment? From the fleet's spec and what was seen. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from scaler.fleet.evidence import USED, Hearing, Verdict
from scaler.policy.policy_settings import PolicySettings
from scaler.policy.shared_address import find_shared_address
from scaler.policy.shared_database import find_stopped_database
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import NodeReport
from scaler.standing.standing import ReplicaState
from scaler.triggers.fleet_spec import FleetSpec, Reference


def build_policy(spec: FleetSpec) -> PolicySettings:
    """Build what the policy is held to by the spec alone."""
    return PolicySettings(
        spec.bounds,
        spec.sustain_seconds,
        hold_reason=spec.hold_reason,
        learned_requests_per_replica=spec.learned_requests_per_replica,
        expects_requests=spec.stats_port is not None,
        unready=spec.unready,
        keeps_volumes=spec.keeps_volumes,
    )


def hold_where_useless(
    policy: PolicySettings,
    probe: ProbeKind,
    standings: Mapping[str, ReplicaState],
    addresses: Mapping[str, str],
    steps_back: Mapping[str, tuple[float, ...]],
    interval_seconds: float,
    now: float,
) -> PolicySettings:
    """Suspend the policy if scaling would not help: a shared database that has stopped, one address for all."""
    if policy.hold_reason is not None:
        return policy
    hold = find_shared_address(steps_back, addresses, now) if steps_back else None
    if hold is None and probe is ProbeKind.HORIZON:
        hold = find_stopped_database(standings, interval_seconds, now)
    return policy if hold is None else replace(policy, hold_reason=hold)


def list_trusted(verdicts: Iterable[Verdict], heard: Mapping[Reference, Hearing]) -> list[NodeReport]:
    """List what those references said last whose word counts."""
    counting = [one.reference for one in verdicts if one.state == USED]
    return [report for one in counting if (report := heard[one].report) is not None]
