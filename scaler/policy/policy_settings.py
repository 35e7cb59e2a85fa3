"""What the policy is held to: a pool's bounds, and how patient, how bold and how cautious its sizing is.

docs/lab/policy.md says what each number is worth.
"""

from dataclasses import dataclass
from math import ceil

from scaler.policy.hold_reasons import HoldReason
from scaler.policy.policy_release import ReleaseSettings

_LONGEST_ASKED_SECONDS = 600.0
"""No replica takes longer to be asked for, however long a lack must last."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The pool's size: never under `minimum`, normally `target` fresh ones, never over `maximum`."""

    minimum: int
    target: int
    maximum: int


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What the policy is held to.

    Attributes:
        bounds: the pool's size.
        sustain_seconds: how long a replica must lag, or not answer, before it counts as lacking. A warm-up counts as no
            shorter: before a newcomer is there to be measured KEDA and the HPA have been asking for a while.
        flapping_sustains: over how many times that long replicas that take turns at lagging are averaged.
        surge_ratio: share of the target that may catch up at once beyond it, so that a bad hour does not flood the
            archives.
        catch_up_deadline_seconds: a replica that catches up for longer than this is no longer counted on,
        deadline_warm_ups: unless that is less than so many times what is usual in this pool;
        hung_warm_ups: or for longer than so many times what was measured in this pool, if that is less,
        least_deadline_seconds: and longer than this.
        assumed_warm_up_seconds: what a new replica needs to be fresh while none has been measured. Core waits for the
            next 64-ledger checkpoint: 255 s were seen at best.
        headroom: share of a replica's capacity that it is planned to serve.
        look_ahead_warm_ups: for how many warm-ups ahead to provide for a load that keeps growing.
        wait_warm_ups: fewer must have been enough for so many warm-ups before a replica may go: it takes one to undo.
        overload_wait_seconds: or for this long, if overload called for some of them and the capacity is unknown: that
            all is calm may be their doing.
        premature_seconds: a scale-in after which more were wanted within this time was a mistake.
        longest_wait_seconds: no number of mistakes makes the wait longer than this.
        release_share: so much of the pool may go at a time, and always one: the rest shows whether it is missed.
        hold: why there is to be no decision, whatever is seen.
        learned_requests_per_replica: requests/s that one replica bore, as was learned before this process; counts until
            it has learned for itself.
        expects_requests: the request rate is told where all is well, so that it lacks where it is not known.
        unready: what the pool's controller says keeps its pods from being ready; empty where it says nothing.
        keeps_volumes: the volume of a replica that is let go stays, or may: one of its name may come back with it.
    """

    bounds: Bounds
    sustain_seconds: float = 60.0
    flapping_sustains: float = 5.0
    surge_ratio: float = 0.25
    catch_up_deadline_seconds: float = 3600.0
    deadline_warm_ups: float = 3.0
    hung_warm_ups: float = 10.0
    least_deadline_seconds: float = 900.0
    assumed_warm_up_seconds: float = 300.0
    headroom: float = 0.85
    look_ahead_warm_ups: float = 1.0
    wait_warm_ups: float = 1.0
    overload_wait_seconds: float = 2 * 3600.0
    premature_seconds: float = 3600.0
    longest_wait_seconds: float = 6 * 3600.0
    release_share: float = 0.1
    hold_reason: HoldReason | None = None
    learned_requests_per_replica: float | None = None
    expects_requests: bool = True
    unready: str = ""
    keeps_volumes: bool = True

    def release(self, warm_up_seconds: float, *, is_unexplained: bool) -> ReleaseSettings:
        """Return when replicas that are no longer needed may be removed."""
        least_seconds = self.overload_wait_seconds if is_unexplained else 0.0
        wait_seconds = max(self.wait_warm_ups * warm_up_seconds, least_seconds)
        return ReleaseSettings(wait_seconds, self.premature_seconds, self.longest_wait_seconds, self.release_share)

    def catch_up_deadline(self, measured_seconds: float | None) -> float:
        """Return for how many seconds a replica that catches up is counted on; None while no warm-up was measured."""
        usual_seconds = max(measured_seconds or self.assumed_warm_up_seconds, self.sustain_seconds)
        deadline_seconds = self.catch_up_deadline_seconds
        if measured_seconds is not None:
            hung_seconds = max(self.hung_warm_ups * usual_seconds, self.least_deadline_seconds)
            deadline_seconds = min(deadline_seconds, hung_seconds)
        return max(deadline_seconds, self.deadline_warm_ups * usual_seconds)

    def look_ahead(self, measured_seconds: float) -> float:
        """Return how many seconds ahead to provide for the load; a sustain of a day says nothing about its trend."""
        asked_after = min(self.sustain_seconds, _LONGEST_ASKED_SECONDS)
        return self.look_ahead_warm_ups * max(measured_seconds, asked_after)

    def request_rate_known(self, *, known_here: bool) -> bool:
        """Return whether the request rate was known before, to this process or to one that learned from it."""
        return self.expects_requests and (known_here or self.learned_requests_per_replica is not None)

    @property
    def flapping_seconds(self) -> float:
        """Over how long replicas that take turns at lagging are averaged."""
        return self.flapping_sustains * self.sustain_seconds

    @property
    def surge(self) -> int:
        """Replicas that may catch up at once beyond the target."""
        return max(1, ceil(self.surge_ratio * self.bounds.target))
