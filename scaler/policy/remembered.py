"""What a scaler remembers of a pool for hours, in the form in which the pool's status keeps it for the next one.

Times are Unix seconds by the clock of the scaler that reported it. Read back by policy.policy_recall, which ignores
what cannot be true.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the policy knew when it last told.

    Attributes:
        reported_at: when that was.
        network: the passphrase of the network that it is of, None where it was not known.
        asked: the size that was asked for.
        surplus_since: since when fewer than that are enough; None while they are not.
        surplus_peak: the most that was wanted since then.
        premature_scale_ins: scale-ins in a row that were mistakes.
        scaled_in_at: when replicas were last let go; None once that has proved right or wrong.
        overloaded_at: when overload was seen that called for some of them; None where it was not.
        warm_up_seconds: the middle one of the warm-ups measured; None while there are none.
        warm_ups: how many were measured, of the last ones that count.
        average_unhealthy: how many replicas were unhealthy on the average of the last minutes.
        request_rate_known: the request rate has been known.
    """

    reported_at: float
    asked: int
    network: str | None = None
    surplus_since: float | None = None
    surplus_peak: int = 0
    premature_scale_ins: int = 0
    scaled_in_at: float | None = None
    overloaded_at: float | None = None
    warm_up_seconds: float | None = None
    warm_ups: int = 0
    average_unhealthy: float = 0.0
    request_rate_known: bool = False
