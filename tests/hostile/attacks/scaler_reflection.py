"""400 streams of reflection, on each of which it is asked without end."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import reflect


async def _run(ports: Ports, stand: Stand) -> None:
    await reflect(ports["grpc"], stand)


ATTACK = Attack("400 streams of reflection", "scaler", _run)
