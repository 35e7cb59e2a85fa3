"""64 connections that say nothing to the port that the kubelet asks whether a router is ready."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.attacks.gate_silent_watchers import run_mute


async def _run(ports: Ports, stand: Stand) -> None:
    await run_mute((ports["telemetry"],), stand)


ATTACK = Attack("64 mute connections to /ready", "router", _run)
