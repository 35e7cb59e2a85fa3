"""What readers met with, as a scaler tells it: read with care, and in the words of a terminal. Pure."""

from dataclasses import dataclass
from math import isfinite

from readpool.v1 import observer_pb2 as pb

_MOST = 1e12
"""No replica serves as many requests, and no request takes as many milliseconds: more is not believed."""
_WHOLE = 100.0


@dataclass(frozen=True, slots=True)
class Requests:
    """What readers met with over the last minute; whatever is not known is None.

    Attributes:
        per_second: requests that came in.
        p90_ms: the milliseconds that nine in ten responses did not exceed.
        error_percent: the share of responses with 5xx.
    """

    per_second: float | None = None
    p90_ms: float | None = None
    error_percent: float | None = None


def read_requests(told: pb.Snapshot | pb.Replica) -> Requests:
    """Read what a fleet's or a replica's readers met with; numbers that cannot be are not known."""
    if not told.HasField("requests"):
        return Requests()
    figures = told.requests
    return Requests(
        per_second=_bound(figures.requests_per_second, _MOST),
        p90_ms=_bound(figures.latency_p90_ms, _MOST) if figures.HasField("latency_p90_ms") else None,
        error_percent=_bound(figures.error_percent, _WHOLE),
    )


def show_rate(rate: float | None) -> str:
    """Show requests a second, such as `0.4/s`, `12.5/s` or `1,250/s`."""
    return "-" if rate is None else f"{_show_number(rate)}/s"


def show_milliseconds(milliseconds: float | None) -> str:
    """Show a time in the unit that fits, such as `0.6 ms`, `48 ms` or `2.5 s`."""
    if milliseconds is None:
        return "-"
    in_seconds = milliseconds >= 1000  # noqa: PLR2004  # a second
    return f"{_show_number(milliseconds / 1000)} s" if in_seconds else f"{_show_number(milliseconds)} ms"


def show_percent(percent: float | None) -> str:
    """Show a share, such as `0 %`, `0.04 %` or `12.5 %`: few errors are never shown as none."""
    if percent is None:
        return "-"
    if percent == 0.0:
        return "0 %"
    return f"{max(percent, 0.01):.2f} %" if percent < 1 else f"{_show_number(percent)} %"


def describe_requests(requests: Requests) -> str:
    """Return what readers met with in words, such as `12.5 requests/s, p90 3.1 ms, 0 % errors`; empty if unknown."""
    if requests.per_second is None:
        return ""
    return (
        f"{_show_number(requests.per_second)} requests/s, p90 {show_milliseconds(requests.p90_ms)},"
        f" {show_percent(requests.error_percent)} errors"
    )


def _bound(number: float, most: float) -> float | None:
    return number if isfinite(number) and 0.0 <= number <= most else None


def _show_number(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:,.0f}"  # noqa: PLR2004  # three digits are enough to read
