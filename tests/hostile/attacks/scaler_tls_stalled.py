"""4,000 connections that begin a handshake, or do not, and then stay."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.handshakes import stall_handshakes


async def _run(ports: Ports, stand: Stand) -> None:
    await stall_handshakes(ports["grpc"], stand)


ATTACK = Attack("4,000 handshakes that are never ended", "scaler_tls", _run)
