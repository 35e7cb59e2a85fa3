"""The end of a program: the first SIGTERM or SIGINT is a wish to stop in order, the second one ends the process."""

import asyncio
import os
import signal
import sys


def watch_signals() -> asyncio.Future[str]:
    """Return a future that the first signal completes with its name."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[str] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        if stopping.done():
            sys.stdout.flush()
            os._exit(128 + number)  # whoever asks twice wants no more waiting
        stopping.set_result(number.name)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return stopping
