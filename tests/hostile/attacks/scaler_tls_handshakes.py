"""Handshakes without end by someone whose certificate nobody knows, or who has none."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.handshakes import shake_hands


async def _run(ports: Ports, stand: Stand) -> None:
    await shake_hands(ports["grpc"], stand)


ATTACK = Attack("handshakes without end, of nobody's certificates", "scaler_tls", _run)
