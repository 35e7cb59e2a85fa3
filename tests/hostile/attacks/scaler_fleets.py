"""Fleets without end, of namespaces without end, by calls and by streams of observers."""

import itertools
from typing import Any

from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import flood, open_channels
from tests.hostile.evil_triggers import name_fleets

AT_ONCE = 64


async def run_fleets(ports: Ports, stand: Stand) -> None:
    """Do it."""
    refs = name_fleets()
    async with open_channels(ports["grpc"], 4) as channels:
        turns = itertools.cycle(channels)

        def ask_activity() -> Any:
            return ExternalScalerStub(next(turns)).IsActive(next(refs))

        await flood([ask_activity], stand, AT_ONCE)


ATTACK = Attack("fleets without end", "scaler", run_fleets)
