"""The command line of Core: which command is meant, with which options; what it does not take is met with usage."""

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from readpool.simulator.core import BUILD
from readpool.simulator.core.ending import hold
from readpool.simulator.core.usage import (
    ARGUMENTS,
    WITH_VALUE,
    command_usage,
    list_commands,
    list_options,
    usage,
)

_WARNING = f"Warning: running {BUILD}, which is no Stellar Core but a simulation of it"
_HELP = frozenset({"-h", "-?", "--help"})
_DEFAULT_CONFIGURATION = "stellar-core.cfg"


class Arguments:
    """What a command was given. No dataclass: importing those would double the time that `version` takes.

    Attributes:
        options: by name, with their values; a flag has "".
        positional: what stands beside the options.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self.options: dict[str, str] = {}
        self.positional: list[str] = []

    @property
    def configuration(self) -> str:
        """The path of the configuration file."""
        return self.options.get("--conf", _DEFAULT_CONFIGURATION)


class NotUnderstoodError(Exception):
    """A command line that no command takes; its text is printed before the command's usage."""


Command = Callable[[Arguments], int]


def main(words: Sequence[str]) -> int:
    """Run `stellar-core WORDS…` and return the exit code."""
    print(_WARNING, file=sys.stderr, flush=True)
    name = _find_command(words)
    if name is None or name == "help":
        print(usage(), end="")
        return 0 if name else 1
    if name in {"version", "gen-seed"}:  # these read nothing, and so refuse nothing
        return _load(name)(Arguments(name))
    try:
        arguments = _parse(name, words)
        if arguments is None:
            print(command_usage(name), end="")
            return 0
        return _run(_load(name), arguments)
    except NotUnderstoodError as error:
        print(f"{error}\n\n{command_usage(name)}", file=sys.stderr, end="")
        return 1


def _run(command: Command, arguments: Arguments) -> int:
    from readpool.simulator.core.errors import CoreFailure  # noqa: PLC0415  # `version` and `help` have to start fast

    try:
        return command(arguments)
    except CoreFailure as failure:
        from readpool.simulator.core.failing import report  # noqa: PLC0415

        return report(failure)


def _find_command(words: Sequence[str]) -> str | None:
    """Return the first word that is neither an option nor its value, if it is a command."""
    for is_option, word in _split(words):
        if not is_option:
            return word if word in list_commands() else None
    return None


def _split(words: Sequence[str]) -> Iterator[tuple[bool, str]]:
    """Go through the words, `--option=value` as one; whether each is an option or the value of one."""
    is_value = False
    for word in words:
        is_option = word.startswith("-")
        yield is_option or is_value, word
        is_value = is_option and word in WITH_VALUE


def _parse(command: str, words: Sequence[str]) -> Arguments | None:
    """Read a command's arguments; None where its usage is asked for. Raises NotUnderstoodError."""
    arguments, known = Arguments(command), list_options(command)
    rest = list(words)
    rest.remove(command)
    is_help = False
    while rest:
        option, _, value = rest.pop(0).partition("=") if rest[0].startswith("--") else (rest.pop(0), "", "")
        if not option.startswith("-"):
            arguments.positional.append(option)
        elif option in _HELP:
            is_help = True
        elif option not in known:
            raise NotUnderstoodError(f"Unrecognised token: {option}")
        else:
            arguments.options[option] = value or (_take_value(option, rest) if option in WITH_VALUE else "")
    if _is_missing(command, arguments):
        raise NotUnderstoodError(ARGUMENTS[command][1])
    return None if is_help else arguments


def _take_value(option: str, rest: list[str]) -> str:
    if not rest or rest[0].startswith("-"):
        raise NotUnderstoodError(f"Expected argument following {option}")
    return rest.pop(0)


def _is_missing(command: str, arguments: Arguments) -> bool:
    """Return whether an argument is missing. Raises NotUnderstoodError where there is one too many."""
    wanted = 1 if command in ARGUMENTS else 0
    if command == "new-hist":
        return not arguments.positional
    if len(arguments.positional) > wanted:
        raise NotUnderstoodError(f"Unrecognised token: {arguments.positional[wanted]}")
    return len(arguments.positional) < wanted


def _load(name: str) -> Command:
    """Import a command's module, and nothing that another needs."""
    if name == "run":
        hold()
    module, function = _COMMANDS.get(name, ("readpool.simulator.core.commands", "refuse"))
    command: Command = getattr(import_module(module), function)
    return command


_KEYS, _DATA, _LASTING = (
    f"readpool.simulator.core.{name}" for name in ("key_commands", "commands", "lasting_commands")
)
_COMMANDS = {
    "version": (_KEYS, "version"),
    "gen-seed": (_KEYS, "gen_seed"),
    "sec-to-pub": (_KEYS, "sec_to_pub"),
    "convert-id": (_KEYS, "convert_id"),
    "new-db": (_DATA, "new_db"),
    "upgrade-db": (_DATA, "upgrade_db"),
    "offline-info": (_DATA, "offline_info"),
    "print-publish-queue": (_DATA, "print_publish_queue"),
    "new-hist": (_LASTING, "new_hist"),
    "report-last-history-checkpoint": (_LASTING, "report_last_history_checkpoint"),
    "catchup": (_LASTING, "catchup"),
    "run": (_LASTING, "run"),
    "http-command": (_DATA, "http_command"),
}
