"""Is what this process sees of EndpointSlices current? Not once none of them has been followed for some seconds.

Then endpoint discovery lets its Envoys turn to another controller, and this one is not ready.
"""

import asyncio
from collections.abc import Callable, Collection

import structlog

from readpool.kubernetes.informer import Informer

CURRENT_SECONDS = 20.0
"""What was seen counts for so long: a connection that is lost is given up after 14 s, and should be back soon after."""
_LOOK_SECONDS = 0.5
_log = structlog.get_logger()


class Sight:
    """Whether the informers of all namespaces together have lost the API server.

    Attributes:
        is_current: False while none has been followed for CURRENT_SECONDS; one that has never listed does not count.
    """

    def __init__(self, informers: Collection[Informer]) -> None:
        self.is_current = True
        self._informers = informers
        self._listeners: list[Callable[[bool], None]] = []

    def on_change(self, listener: Callable[[bool], None]) -> None:
        """Call `listener` whenever `is_current` changes."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            is_current = self._find_lost_seconds() < CURRENT_SECONDS
            if is_current is self.is_current:
                continue
            self.is_current = is_current
            if is_current:
                _log.info("apiServerReconnected")
            else:
                _log.warning("apiServerLost")
            for listener in self._listeners:
                listener(is_current)

    def _find_lost_seconds(self) -> float:
        """Find for how long none has been followed."""
        lost = [one.lost_at for one in self._informers if one.synced.is_set()]
        at = [moment for moment in lost if moment is not None]
        return asyncio.get_running_loop().time() - max(at) if at and len(at) == len(lost) else 0.0
