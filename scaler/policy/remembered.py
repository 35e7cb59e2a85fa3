"""What a scaler remembers of a pool for hours, in the form in which the pool's status keeps it for the next one.

Times are Unix seconds by the clock of the scaler that reported it. Read back by policy.policy_recall, which ignores
what cannot be true.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the policy knew when it last told.

    Attributes:
        told_at: when that was.
        network: the passphrase of the network that it is of, None where it was not known.
        asked: the size that was asked for.
        fewer_since: since when fewer than that are enough; None while they are not.
        fewer_peak: the most that was wanted since then.
        regrets: scale-ins in a row that were mistakes.
        released_at: when replicas were last let go; None once that has proved right or wrong.
        overload_at: when overload was seen that called for some of them; None where it was not.
        warm_up_seconds: the middle one of the warm-ups measured; None while there are none.
        warm_ups: how many were measured, of the last ones that count.
        unrest: how many replicas were unhealthy on the average of the last minutes.
        knew_load: the request rate has been known.
    """

    told_at: float
    asked: int
    network: str | None = None
    fewer_since: float | None = None
    fewer_peak: int = 0
    regrets: int = 0
    released_at: float | None = None
    overload_at: float | None = None
    warm_up_seconds: float | None = None
    warm_ups: int = 0
    unrest: float = 0.0
    knew_load: bool = False
