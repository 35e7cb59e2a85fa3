"""64 connections that say nothing, at each port that the scaler and the kubelet ask; others come when they end."""

import asyncio

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.connections import Arrive, Crowd, wait_for_end

CONNECTIONS = 64


async def run_mute(ports: tuple[int, ...], stand: Stand, count: int = CONNECTIONS) -> None:
    """Do it at all of these ports."""

    async def use(reader: asyncio.StreamReader, _: asyncio.StreamWriter, arrive: Arrive) -> None:
        arrive()
        await wait_for_end(reader)

    left = set(ports)

    def stand_at(port: int) -> None:
        left.discard(port)
        if not left:
            stand()

    async with asyncio.TaskGroup() as group:
        for port in ports:
            crowd = Crowd(port, count, use, again_seconds=0.0)
            group.create_task(crowd.stand(lambda port=port: stand_at(port)))  # type: ignore[misc]


async def _run(ports: Ports, stand: Stand) -> None:
    await run_mute((ports["info"], ports["stats"]), stand)


ATTACK = Attack("64 mute connections to /info and to /ready", "gate", _run)
