"""How long each part of the demo takes and how large it is, from what was asked for. Pure; the numbers of the story."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from readpool.simulator.hpa import DEFAULT_SCALE_DOWN, DEFAULT_SCALE_UP, HpaSpec

NAMESPACE = "demo"
SERVICE = "core"
PORT_NAME = "info"


@dataclass(frozen=True, slots=True)
class Limits:
    """What --nodes and --seconds may be: with simulated nodes, and with real processes, which need memory and time."""

    nodes: tuple[int, int]
    seconds: tuple[float, float]


SIMULATED = Limits((2, 200), (60, 900))
REAL = Limits((2, 12), (75, 1800))


class PlanError(ValueError):
    """A demo that cannot be played. The message names the option, the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """The demo in numbers.

    Attributes:
        nodes: the pool's target; the maximum is two more, so that a runaway would show.
        seconds: within which the story must be told.
        is_core: real stellar-core processes, else simulated ones.
        poll_interval_seconds: how often the scaler asks each node.
        sync_seconds: how often the stand-in for KEDA and the HPA asks the scaler; Kubernetes does every 15 s.
        sustain_seconds: how long a replica must be behind before it is replaced.
        stabilization_seconds: how long fewer must be enough before the HPA lets a replica go; Kubernetes waits 300 s.
        pause_seconds: how long a state of the story is left standing for people to look at.
        lag_threshold: ledgers behind from which a replica lags.
    """

    nodes: int
    seconds: float
    is_core: bool
    poll_interval_seconds: float
    sync_seconds: float
    sustain_seconds: float
    stabilization_seconds: float
    pause_seconds: float
    lag_threshold: int

    @property
    def maximum(self) -> int:
        """The most replicas that the pool may have."""
        return self.nodes + 2

    @property
    def hpa(self) -> HpaSpec:
        """What the stand-in's HPA is told, as the ScaledObject of a pool tells it: no tolerance."""
        down = replace(DEFAULT_SCALE_DOWN, tolerance=0.0, stabilization_window_seconds=self.stabilization_seconds)
        return HpaSpec(1, self.maximum, scale_up=replace(DEFAULT_SCALE_UP, tolerance=0.0), scale_down=down)

    def trigger_metadata(self, scaler_address: str) -> Mapping[str, str]:
        """Return the metadata of the trigger, as in a ScaledObject."""
        return {
            "scalerAddress": scaler_address,
            "service": SERVICE,
            "port": PORT_NAME,
            "targetReplicas": str(self.nodes),
            "minReplicas": "1",
            "maxReplicas": str(self.maximum),
            "lagThreshold": str(self.lag_threshold),
            "sustainSeconds": f"{self.sustain_seconds:g}",
        }


def build_plan(nodes: int, seconds: float, *, is_core: bool) -> DemoPlan:
    """Scale the story to what was asked for.

    Raises:
        PlanError: when it cannot be told with so many nodes, or in so little time.
    """
    limits, kind = (REAL, "real nodes (--core)") if is_core else (SIMULATED, "simulated nodes")
    _check("--nodes", nodes, limits.nodes, kind)
    _check("--seconds", seconds, limits.seconds, kind)
    beat = min(seconds, 180.0) / 90
    return DemoPlan(
        nodes=nodes,
        seconds=seconds,
        is_core=is_core,
        poll_interval_seconds=0.5,
        sync_seconds=1.0,
        sustain_seconds=max(2, round(5 * beat)),
        stabilization_seconds=round(5 * beat, 1),
        pause_seconds=4 * beat,
        lag_threshold=5,
    )


def _check(option: str, value: float, bounds: tuple[float, float], kind: str) -> None:
    low, high = bounds
    if not low <= value <= high:  # NaN is within nothing
        raise PlanError(f"{option} {value:g}: with {kind} it must be {low:g} to {high:g}.")
