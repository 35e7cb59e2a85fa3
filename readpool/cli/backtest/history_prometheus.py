"""A pool's history from Prometheus, by its HTTP API: range queries of the scaler's own metrics, a piece at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import httpx

from readpool.cli.backtest.history import HistoryError, Sample, Setting

MAX_POINTS = 10_000
"""A series in one answer; Prometheus refuses more than 11,000."""
_TIMEOUT_SECONDS = 60.0
_SERIES: Mapping[str, str] = {
    "requests": "max by (fleet) (readpool_requests_per_second{%s})",
    "replicas": "sum by (fleet) (max by (fleet, class) (readpool_replicas{%s}))",
    "halted": "max by (fleet) (readpool_network_halted{%s})",
    "lags": "min by (fleet, replica) (readpool_replica_lag_ledgers{%s})",
}
_SETTING: Mapping[str, str] = {
    "target": "max by (fleet) (readpool_target_replicas{%s})",
    "minimum": "max by (fleet) (readpool_min_replicas{%s})",
    "maximum": "max by (fleet) (readpool_max_replicas{%s})",
    "lag_threshold": "max by (fleet) (readpool_lag_threshold_ledgers{%s})",
}
Progress = Callable[[int, int], None]
"""Called with how many of how many queries are done."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in Unix seconds, and the step between two samples."""

    start: float
    end: float
    step: float


async def fetch_history(
    client: httpx.AsyncClient, url: str, fleet: str, span: Span, progress: Progress
) -> tuple[list[Sample], Setting]:
    """Fetch samples of a fleet, and the setting that it had last.

    Raises:
        HistoryError: Prometheus cannot be reached, refuses, or has no such fleet.
    """
    selector = f'fleet="{_escape(fleet)}"'
    setting = await _fetch_setting(client, url, selector, span.end, fleet)
    pieces = _split(span)
    total, done = len(pieces) * len(_SERIES), 0
    found: dict[str, dict[str, dict[float, float]]] = {name: {} for name in _SERIES}
    for piece in pieces:
        for name, query in _SERIES.items():
            parameters = {"query": query % selector, "start": piece.start, "end": piece.end, "step": piece.step}
            for series in await _ask(client, url, "query_range", parameters):
                points = found[name].setdefault(_read_label(series, "replica"), {})
                points.update(_read_points(series))
            done += 1
            progress(done, total)
    return _build_samples(found, span), setting


def _split(span: Span) -> list[Span]:
    pieces, start = [], span.start
    while start <= span.end:
        end = min(span.end, start + (MAX_POINTS - 1) * span.step)
        pieces.append(Span(start, end, span.step))
        start = end + span.step
    return pieces


async def _fetch_setting(client: httpx.AsyncClient, url: str, selector: str, at: float, fleet: str) -> Setting:
    values = {}
    for name, query in _SETTING.items():
        # The last that was told within the hour: a fleet may just be between two scalers.
        series = await _ask(client, url, "query", {"query": f"last_over_time({query % selector}[1h:1m])", "time": at})
        points = [value for one in series for value in _read_points(one).values()]
        if not points:
            raise HistoryError(
                f"Prometheus has no {query.split('(')[-1].split('{')[0]} of fleet {fleet!r} in the last hour. Name the"
                " pool as NAMESPACE/NAME, as the fleet label has it, and see that the scaler is scraped."
            )
        values[name] = int(max(points))
    return Setting(values["target"], values["minimum"], values["maximum"], values["lag_threshold"])


async def _ask(client: httpx.AsyncClient, url: str, path: str, parameters: Mapping[str, object]) -> list[Any]:
    address = f"{url.rstrip('/')}/api/v1/{path}"
    data = {name: str(value) for name, value in parameters.items()}
    try:
        response = await client.post(address, data=data, timeout=_TIMEOUT_SECONDS)
        answer = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise HistoryError(f"{address}: {error or type(error).__name__}") from error
    if not isinstance(answer, dict) or answer.get("status") != "success":
        said = answer.get("error") if isinstance(answer, dict) else None
        words = str(said or "not an answer of Prometheus")[:300]
        raise HistoryError(f"{address}: HTTP {response.status_code}, {words}")
    result = answer.get("data", {}).get("result") if isinstance(answer.get("data"), dict) else None
    if not isinstance(result, list):
        raise HistoryError(f"{address}: an answer without a result")
    return result


def _read_label(series: Any, name: str) -> str:
    labels = series.get("metric") if isinstance(series, dict) else None
    return str(labels.get(name, "")) if isinstance(labels, dict) else ""


def _read_points(series: Any) -> dict[float, float]:
    if not isinstance(series, dict):
        return {}
    points = series.get("values") or ([series["value"]] if "value" in series else [])
    try:
        read = {float(at): float(value) for at, value in points}
    except (TypeError, ValueError) as error:
        raise HistoryError("a series with points that are no numbers") from error
    return {at: value for at, value in read.items() if isfinite(value)}


def _build_samples(found: Mapping[str, Mapping[str, Mapping[float, float]]], span: Span) -> list[Sample]:
    requests, replicas, halted = (found[name].get("", {}) for name in ("requests", "replicas", "halted"))
    lags = found["lags"]
    samples = []
    for number in range(int((span.end - span.start) / span.step) + 1):
        at = span.start + number * span.step
        size = replicas.get(at)
        if size is None:
            continue
        samples.append(
            Sample(
                at,
                requests.get(at),
                int(size),
                {name: int(points[at]) for name, points in lags.items() if at in points},
                halted.get(at, 0.0) > 0,
            )
        )
    return samples


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
