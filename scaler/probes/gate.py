"""The gate's answer to GET /stats/prometheus, as a GateReport: readers' requests, failures and times since it started.

Source: Envoy's Prometheus text (source/server/admin/prometheus_stats.cc). Whatever else stands there is passed over.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TypeVar

from scaler.probes.fields import show
from scaler.probes.report import ProbeError

_REQUESTS = "envoy_http_downstream_rq_total"
_ANSWERS = "envoy_http_downstream_rq_xx"
_TIMES = "envoy_http_downstream_rq_time_bucket"
_READ = 'envoy_http_conn_manager_prefix="read"'
_SPACE = "envoy_overload_envoy_resource_monitors_injected_resource_pressure"
"""How full the volume is whose gate was told to watch it, in per cent."""
_SPACE_SERIES = re.compile(rf"{_SPACE}(?:\{{\}})? ([0-9]{{1,3}})(?: [0-9]{{1,18}})?")
_SERIES = re.compile(rf"({_REQUESTS}|{_ANSWERS}|{_TIMES})\{{([^{{}}\n]{{1,500}})\}} ([0-9]{{1,18}})(?: [0-9]{{1,18}})?")
_CLASS = re.compile(r'(?:^|,)envoy_response_code_class="([1-5])"(?:,|$)')
_BOUND = re.compile(r'(?:^|,)le="([0-9]{1,12}(?:\.[0-9]{1,6})?|\+Inf)"(?:,|$)')
_MAX_BUCKETS = 64
_WHOLE = 100
_Key = TypeVar("_Key", str, float)


@dataclass(frozen=True, slots=True)
class GateReport:
    """What a gate counted since it started.

    Attributes:
        requests: of readers.
        failures: answered with 5xx.
        answers: answered with any status.
        times: by upper bound in milliseconds, rising, the last one infinite: how many took no longer.
        volume_used_percent: how full the replica's volume is; None where the gate watches none.
    """

    requests: int
    failures: int
    answers: int
    times: tuple[tuple[float, int], ...] = ()
    volume_used_percent: int | None = None


def parse_gate(body: bytes) -> GateReport:
    """Parse a gate's statistics.

    Raises:
        ProbeError: when they are not those of a gate, say something twice, or contradict themselves.
    """
    requests: int | None = None
    answers: dict[str, int] = {}
    times: dict[float, int] = {}
    for name, labels, value in _find_series(body):
        if name == _REQUESTS:
            if requests is not None:
                raise ProbeError(f"{_REQUESTS} appears twice")
            requests = value
        elif name == _ANSWERS:
            _put(answers, _take(_CLASS, labels), value, _ANSWERS)
        else:
            _put(times, float(_take(_BOUND, labels)), value, _TIMES)
    if requests is None:
        raise ProbeError(f"{_REQUESTS} of readers is missing")
    return GateReport(requests, answers.get("5", 0), sum(answers.values()), _order(times), _find_used_percent(body))


def _find_used_percent(body: bytes) -> int | None:
    found: int | None = None
    for line in body.decode("utf-8", "replace").split("\n"):
        if not line.startswith(_SPACE):
            continue
        told = _SPACE_SERIES.fullmatch(line.rstrip("\r"))
        if told is None or int(told[1]) > _WHOLE or found is not None:
            raise ProbeError(f"{show(line)} is not a percentage from 0 to {_WHOLE}")
        found = int(told[1])
    return found


def _find_series(body: bytes) -> Iterator[tuple[str, str, int]]:
    for line in body.decode("utf-8", "replace").split("\n"):
        if not line.startswith((_REQUESTS + "{", _ANSWERS + "{", _TIMES + "{")):
            continue
        found = _SERIES.fullmatch(line.rstrip("\r"))
        if found is None:
            raise ProbeError(f"{show(line)} is not a series with a whole number")
        if _READ in found[2].split(","):
            yield found[1], found[2], int(found[3])


def _take(pattern: re.Pattern[str], labels: str) -> str:
    found = pattern.search(labels)
    if found is None:
        raise ProbeError(f"{show(labels)} are not the labels of such a series")
    return found[1]


def _put(known: dict[_Key, int], key: _Key, value: int, name: str) -> None:
    if key in known or len(known) >= _MAX_BUCKETS:
        raise ProbeError(f"{name} appears twice for {key}, or too many times")
    known[key] = value


def _order(times: dict[float, int]) -> tuple[tuple[float, int], ...]:
    ordered = tuple(sorted(times.items()))
    if ordered and ordered[-1][0] != inf:
        raise ProbeError(f"{_TIMES} has no bound +Inf")
    if any(later[1] < earlier[1] for earlier, later in pairwise(ordered)):
        raise ProbeError(f"{_TIMES} decreases from one bound to the next")
    return ordered
