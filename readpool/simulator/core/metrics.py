"""What /metrics answers: each metric that Core has, in its shape; those of closed ledgers count, others are zero."""

import importlib.resources
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import cache

Fields = dict[str, str | int | float]

KEPT_SAMPLES = 256
CLOSE, OPERATIONS = "ledger.ledger.close", "ledger.operation.count"
_RATES = ("mean_rate", "1_min_rate", "5_min_rate", "15_min_rate")
_QUANTILES = {"median": 0.5, "75%": 0.75, "95%": 0.95, "98%": 0.98, "99%": 0.99, "99.9%": 0.999, "100%": 1.0}
_BOUNDARIES_MS = ("5000", "7000", "10000", "20000", "1.79769e+308")


class Metrics:
    """The metrics of one node; `now` gives Unix seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.clear()

    def clear(self) -> None:
        """Begin to count again, as /clearmetrics does."""
        self._began = self._now()
        self._counts = {CLOSE: 0, OPERATIONS: 0}
        self._samples: dict[str, deque[float]] = {name: deque(maxlen=KEPT_SAMPLES) for name in self._counts}

    def record_close(self, seconds: float, operations: int) -> None:
        """Count a ledger that was applied in so many seconds."""
        for name, sample in ((CLOSE, seconds * 1000), (OPERATIONS, float(operations))):
            self._counts[name] += 1
            self._samples[name].append(sample)

    def render(self, enabled: Collection[str] = ()) -> bytes:
        """Write all of them, or those that are named."""
        shown = [self._render_metric(*one) for one in _read_names() if not enabled or one[0] in enabled]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
        head = f'{{\n"ts":"{stamp}",\n"uname":"{os.uname().nodename}",\n"metrics":{{\n'
        return (head + "\n,".join(shown) + ("\n}}" if shown else "}}")).encode()

    def _render_metric(self, name: str, kind: str, event: str) -> str:
        if kind == "counter":
            return _write(name, {"type": kind, "count": 0})
        if kind == "buckets":
            timers = "\n,".join(_write_bucket(one, _build_timer(0, [], 0.0)) for one in _BOUNDARIES_MS)
            return f'"{name}":{{\n"type":"buckets",\n"boundary_unit":"ms",\n"buckets": [\n{timers}\n]\n}}'
        count, samples = self._counts.get(name, 0), sorted(self._samples.get(name, ()))
        rate = count / max(self._now() - self._began, 1.0)
        if kind == "timer":
            return _write(name, _build_timer(count, samples, rate))
        if kind == "histogram":
            return _write(name, {"type": kind, "count": count, **_summarize(samples)})
        return _write(name, {"type": kind, "count": count, "event_type": event, "rate_unit": "s", **_build_rates(rate)})


@cache
def _read_names() -> tuple[tuple[str, str, str], ...]:
    """Read name, kind and event type of each metric, in the order of their names."""
    lines = (
        importlib.resources.files("readpool.simulator.core")
        .joinpath("metrics.txt")
        .read_text(encoding="ascii")
        .splitlines()
    )
    parts = [line.split(" ") for line in lines]
    return tuple((one[-1], one[0], one[1]) for one in parts)


def _build_timer(count: int, samples: Sequence[float], rate: float) -> Fields:
    head: Fields = {"type": "timer", "count": count, "event_type": "calls", "rate_unit": "s", **_build_rates(rate)}
    return {**head, "duration_unit": "ms", **_summarize(samples)}


def _build_rates(rate: float) -> Fields:
    return dict.fromkeys(_RATES, rate)


def _summarize(samples: Sequence[float]) -> Fields:
    """Summarize sorted samples."""
    if not samples:
        return dict.fromkeys(("min", "max", "mean", "stddev", "sum", *_QUANTILES), 0)
    mean = sum(samples) / len(samples)
    deviation = (sum((one - mean) ** 2 for one in samples) / max(len(samples) - 1, 1)) ** 0.5
    quantiles = {name: samples[min(int(share * len(samples)), len(samples) - 1)] for name, share in _QUANTILES.items()}
    return {"min": samples[0], "max": samples[-1], "mean": mean, "stddev": deviation, "sum": sum(samples), **quantiles}


def _write(name: str, fields: Fields) -> str:
    return f'"{name}":{_write_fields(fields)}'


def _write_bucket(boundary: str, timer: Fields) -> str:
    return f'{{\n"boundary": {boundary},\n{_write_fields(timer)[2:]}'


def _write_fields(fields: Fields) -> str:
    lines = (
        f'"{key}":"{value}"' if isinstance(value, str) else f'"{key}":{value:.6g}' for key, value in fields.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}"
