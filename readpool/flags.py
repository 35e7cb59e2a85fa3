"""Flags of the programs: each is an environment variable READPOOL_… as well, and says in its words what is wrong."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

import click

from readpool.host_port import SettingsError

T = TypeVar("T")


class Parsed(click.ParamType[Any]):
    """A flag's value as one of our parsers reads it."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse the text, or end with the parser's own sentence."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except SettingsError as error:
            self.fail(str(error), param, ctx)


def choice(kind: type[StrEnum]) -> click.Choice[StrEnum]:
    """Build the type of a flag that takes one of an enumeration's values, in any case."""
    return click.Choice(kind, case_sensitive=False)


def option(*names: str, **attributes: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Build an option that is an environment variable READPOOL_… as well."""
    variable = "READPOOL_" + names[0].removeprefix("--").replace("-", "_").upper()
    attributes.setdefault("show_default", "default" in attributes)
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)
