"""When Python looks for garbage in cycles: seldom for all of it, since such a look stops every answer until it is done.

By itself Python looks through the whole heap again and again while fleets come: 0.1 to 0.2 s a time at 5,000 nodes,
which KEDA would wait for, and 0.05 s through a large middle-aged part. What has no cycles, as snapshots have none, is
freed at once either way.
"""

import asyncio
import gc

_YOUNG_OBJECTS = 1_000
"""A look at these takes a millisecond at most; ten times as many took up to 30."""
_NEVER_ROUNDS = 1_000_000_000
_WHOLE_HEAP_SECONDS = 60.0


async def collect_seldom() -> None:
    """Exclude present objects from collection, and collect the rest every 60 s. Runs until cancelled."""
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, _NEVER_ROUNDS, _NEVER_ROUNDS)
    while True:
        await asyncio.sleep(_WHOLE_HEAP_SECONDS)
        gc.collect()
