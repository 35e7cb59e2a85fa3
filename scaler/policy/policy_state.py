"""What the policy remembers between decisions. Kept by the fleet, folded by policy.policy, told by policy_recall."""

from dataclasses import dataclass, field, replace

from scaler.policy.capacity import Capacity
from scaler.policy.policy_facts import Flapping
from scaler.policy.policy_release import Surplus
from scaler.policy.policy_warmup import WarmUps
from scaler.standing.overload import Overload


@dataclass(frozen=True, slots=True)
class PolicyMemory:
    """What the policy remembers; an empty one is of a scaler that just started and has nothing to recall.

    Attributes:
        grounded_since: when it last had no ground, in seconds: no lack is older than that.
        surplus: the size last asked for, and what is known of letting replicas go.
        flapping: how many are degraded on the average.
        warm_ups: how long new replicas took to be fresh.
        capacity: what has been learned of a replica's capacity.
        overload: whether overload was seen since the target was last enough; a surplus that was there before anybody
            watched counts as what it called for.
        is_undecided: there was no decision at the last look: what is there now is not what was asked for.
        recalled_at: when this was taken from another process, in seconds; None from the first decision on.
        may_hide_lack: what was there at the first decision after a restart may be in place of a replica that was
            overdue, and seems to be on its way again: that it has been so for long is not known any more.
    """

    grounded_since: float | None = None
    surplus: Surplus = field(default_factory=Surplus)
    flapping: Flapping = field(default_factory=Flapping)
    warm_ups: WarmUps = field(default_factory=WarmUps)
    capacity: Capacity = field(default_factory=Capacity)
    overload: Overload = field(default_factory=Overload)
    is_undecided: bool = False
    recalled_at: float | None = None
    may_hide_lack: bool = False

    @property
    def has_decided(self) -> bool:
        """Whether this process has decided anything yet."""
        return self.surplus.last_desired is not None and self.recalled_at is None

    def with_other_bounds(self) -> "PolicyMemory":
        """Forget a release of which other bounds decide whether it was a mistake."""
        return replace(self, surplus=replace(self.surplus, scaled_in_at=None))
