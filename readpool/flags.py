"""Flags of the programs, each also an environment variable READPOOL_…, and the exit codes for bad settings.

Exit codes: 2 for a command line that is wrong, 1 for a program that cannot start as things are (docs/cli.md).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TypeVar

import click
import structlog

from readpool.host_port import SettingsError, StartError

T = TypeVar("T")
_log = structlog.get_logger()


class Parsed(click.ParamType[Any]):
    """A flag's type that uses one of our parsers."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse the text, or fail with the parser's own error message."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except SettingsError as error:
            self.fail(str(error), param, ctx)


def choice(kind: type[StrEnum]) -> click.Choice[StrEnum]:
    """Return the type of a flag that takes one of an enumeration's values, case-insensitively."""
    return click.Choice(kind, case_sensitive=False)


def option(*names: str, **attributes: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return an option that is also an environment variable READPOOL_…."""
    variable = "READPOOL_" + names[0].removeprefix("--").replace("-", "_").upper()
    attributes.setdefault("show_default", "default" in attributes)
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)


@contextmanager
def starting() -> Iterator[None]:
    """Turn what keeps a program from starting into words and an exit code, for the block that reads and applies flags.

    Raises:
        click.UsageError: for a setting that is wrong.
        SystemExit: with 1 if it cannot start; the reason is an event in the log, which machines read.
    """
    try:
        yield
    except StartError as error:
        _log.critical("cannotStart", message=str(error))
        raise SystemExit(1) from None
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
