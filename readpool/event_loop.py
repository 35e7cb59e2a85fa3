"""Runs a program's one coroutine on the fastest event loop that there is. For entry points alone."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end on uvloop, where that exists: on Linux and macOS."""
    try:
        import uvloop  # noqa: PLC0415 - a command's help needs none
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)
