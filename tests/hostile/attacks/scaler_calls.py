"""256 calls of KEDA's at once, without end: for a fleet of another's and for one of its own, that are in order."""

import itertools
from typing import Any

from readpool.keda.externalscaler_pb2 import GetMetricsRequest
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import flood, open_channels
from tests.hostile.evil_triggers import build_ref
from tests.hostile.keda import VICTIM

AT_ONCE = 256


async def run_calls(ports: Ports, stand: Stand) -> None:
    """Do it, over eight connections."""
    async with open_channels(ports["grpc"], 8) as channels:
        turns = itertools.cycle(channels)
        own, others = build_ref(), build_ref(VICTIM, port=str(ports["nodes"]))

        def ask_metric() -> Any:
            request = GetMetricsRequest(scaledObjectRef=others, metricName="desiredReplicas")
            return ExternalScalerStub(next(turns)).GetMetrics(request)

        def ask_activity() -> Any:
            return ExternalScalerStub(next(turns)).IsActive(own)

        await flood([ask_metric, ask_activity], stand, AT_ONCE)


ATTACK = Attack("256 calls at once, without end", "scaler", run_calls)
