"""Signals that this process was started to ignore, which what it starts would ignore as well.

A shell without job control has what it runs in the background ignore SIGINT and SIGQUIT, and `nohup` SIGHUP. A handler
does not outlive exec(), while "ignore" does: a test that ends a process by one of these would wait for ever.
"""

import signal
from types import FrameType

ENDING = (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)


def use_default_signals() -> None:
    """Make what this process starts end on signals again; it goes on ignoring those that it was to, but SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _ignore)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do what SIG_IGN does, in this process alone."""
