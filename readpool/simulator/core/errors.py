"""How a command of the simulated Core fails: with the lines that Core prints, and its exit code. Pure."""

from collections.abc import Sequence

ABORTED = 134
"""What a shell sees of a process that an exception ended which nothing catches: SIGABRT."""


class CoreFailure(Exception):  # noqa: N818  # it ends a command, and is no fault of the program
    """A command that can't go on.

    Attributes:
        lines: what Core says of it: the text of the exception.
        exit_code: 1 for `[default FATAL] Got an exception: …`; ABORTED for `current exception: …`, where it
            is spelt as in C++: std::runtime_error("…").
    """

    def __init__(self, lines: str | Sequence[str], exit_code: int = 1) -> None:
        self.lines = (lines,) if isinstance(lines, str) else tuple(lines)
        self.exit_code = exit_code
        super().__init__(*self.lines)


def abort(text: str, kind: str = "std::runtime_error") -> CoreFailure:
    """Return the failure of an exception that nothing catches, which ends Core with SIGABRT."""
    return CoreFailure(f'{kind}("{text}")', ABORTED)


class NotSetUpError(CoreFailure):
    """A node that cannot be set up to run; why, was logged before."""

    def __init__(self) -> None:
        super().__init__("Unable to setup the application to run")
