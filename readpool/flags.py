"""Flags of the programs. Each is also an environment variable READPOOL_…, and its parser's error is shown as it is."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

import click

from readpool.host_port import SettingsError

T = TypeVar("T")


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
