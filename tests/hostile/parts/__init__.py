"""The parts of an installation that are attacked, one a module with an asynchronous context `run_part(folder)`."""

import importlib
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tests.hostile.part import Part


def run_part(name: str, folder: Path) -> AbstractAsyncContextManager[Part]:
    """Run the part of a module."""
    part: AbstractAsyncContextManager[Part] = importlib.import_module(f"{__name__}.{name}").run_part(folder)
    return part
