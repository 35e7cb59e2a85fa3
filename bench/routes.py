"""Routes that really route: shares through a Gateway, how fast readers follow the scaler's word, stale reads.

A real API server, the controller as a process, Contour with its Envoy, an Envoy that goes by endpoint discovery, and
kube-proxy by iptables; the scaler is a scripted one over real gRPC, and pods are played: replicas are small servers
that say who they are and which ledger they have. All of it shares the machine. Readers, replicas and the scripted
scaler are this program.

A change is the scaler's word that one of two replicas is fresh and the other lags, with mode FreshOnly. Its time runs
from that word to the first answer from which on the one that lags never answers again: over a kept connection to an
Envoy, over a new connection a request by kube-proxy. Weights are two of five that fall behind and recover, until
the Gateway's Envoy has the new share of each, by its own word.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.quantiles import take_percentile
from devtools.api.routes_measures import (
    Mix,
    measure_shares,
    measure_shifts,
    measure_stale_reads,
    measure_weight_shifts,
)
from devtools.api.routes_stage import RoutesStage, Way, set_routes_stage
from devtools.envoy.envoy_binary import EnvoyMissingError
from devtools.machine.needs import UnmetNeedError

REPLICAS = 5
"""Of the pool whose readers meet with one that lags."""
SMALL = (
    *(Mix(2, 0), Mix(2, 1), Mix(2, 1, 50)),
    *(Mix(REPLICAS, 1), Mix(REPLICAS, 2), Mix(REPLICAS, 4, 1)),
)
LARGE = (Mix(20, 4), Mix(20, 6), Mix(20, 10, 55))
"""From small to large: one pool takes part in all measurements, and grows."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: so many changes each, at least so many requests each, by these mixes."""

    changes: int
    requests: int
    small: Sequence[Mix]
    large: Sequence[Mix]


_FULL = Scale(60, 10_000, SMALL, LARGE)
_QUICK = Scale(2, 500, SMALL[:1], ())


def run(*, quick: bool) -> dict[str, float]:
    """Measure shares in points, changes in milliseconds, and stale answers of 10,000 by each way.

    Raises:
        UnmetNeedError: where this machine cannot; says why.
    """
    return uvloop.run(_measure(_QUICK if quick else _FULL))


async def _measure(scale: Scale) -> dict[str, float]:
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with set_routes_stage(Path(folder)) as routes:
                return await _measure_on(routes, scale)
    except EnvoyMissingError as error:
        raise UnmetNeedError(str(error)) from error


async def _measure_on(routes: RoutesStage, scale: Scale) -> dict[str, float]:
    gateway = await _measure_shifts(routes, Way.HTTP_ROUTE, scale.changes)
    router = await _measure_shifts(routes, Way.ENDPOINT_DISCOVERY, scale.changes)
    proxy = await _measure_shifts(routes, Way.KUBE_PROXY, scale.changes)
    points = [await measure_shares(routes, mix, scale.requests) for mix in scale.small]
    weights = await measure_weight_shifts(routes, Mix(REPLICAS, 2), scale.changes)
    stale = await measure_stale_reads(routes, REPLICAS, scale.requests)
    points += [await measure_shares(routes, mix, scale.requests) for mix in scale.large]
    return {
        "shift_httproute_p50_ms": _take_ms(gateway, 50),
        "shift_httproute_p99_ms": _take_ms(gateway, 99),
        "shift_eds_p50_ms": _take_ms(router, 50),
        "shift_eds_p99_ms": _take_ms(router, 99),
        "shift_kube_proxy_p50_ms": _take_ms(proxy, 50),
        "shift_kube_proxy_p99_ms": _take_ms(proxy, 99),
        "shift_httproute_weights_p50_ms": _take_ms(weights, 50),
        "shift_httproute_weights_p99_ms": _take_ms(weights, 99),
        "httproute_share_error_max_points": max(points),
        "stale_reads_weighted": float(stale.by_way[Way.HTTP_ROUTE] + stale.by_way[Way.ENDPOINT_DISCOVERY]),
        "stale_reads_read_service": float(stale.by_way[Way.KUBE_PROXY]),
        "stale_reads_plain_service": float(stale.plain),
    }


async def _measure_shifts(routes: RoutesStage, way: Way, changes: int) -> list[float]:
    shifts = await measure_shifts(routes, way, changes)
    if shifts.failures:
        raise RuntimeError(f"requests failed: {shifts.failures[:5]}")
    return shifts.seconds


def _take_ms(seconds: Sequence[float], percent: int) -> float:
    return 1000 * take_percentile(seconds, percent)
