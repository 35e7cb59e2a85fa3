"""Names, keys and values of 60 kB that are not in order, each another one: what is refused is logged."""

from tests.hostile.attack import Attack, Ports, Stand
from tests.hostile.calls import flood_activity
from tests.hostile.evil_triggers import tell_at_length

AT_ONCE = 32


async def run_words(ports: Ports, stand: Stand) -> None:
    """Do it."""
    await flood_activity(ports["grpc"], tell_at_length(), stand, connections=2, at_once=AT_ONCE)


ATTACK = Attack("refused triggers of 60 kB", "scaler", run_words)
