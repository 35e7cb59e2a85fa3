"""Names, keys and values of 60 kB that are not in order, each another one: what is refused is logged."""

import itertools
from typing import Any

from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import flood, open_channels
from tests.hostile.evil_triggers import tell_at_length

AT_ONCE = 32


async def run_words(ports: Ports, stand: Stand) -> None:
    """Do it."""
    refs = tell_at_length()
    async with open_channels(ports["grpc"], 2) as channels:
        turns = itertools.cycle(channels)

        def ask_activity() -> Any:
            return ExternalScalerStub(next(turns)).IsActive(next(refs))

        await flood([ask_activity], stand, AT_ONCE)


ATTACK = Attack("refused triggers of 60 kB", "scaler", run_words)
