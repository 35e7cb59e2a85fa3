"""How a command of the simulated Core fails: with the lines that Core prints, and its exit code. Pure."""

from collections.abc import Sequence

ABORTED = 134
"""What a shell sees of a process that an exception ended which nothing catches: SIGABRT."""


class CoreFailure(Exception):  # noqa: N818  # it ends a command, and is no fault of the program
    """A command that can't go on.

    Attributes:
        lines: what Core says of it; the first is the exception's text. Those after it are logged before it, as errors.
        exit_code: 1 for `[default FATAL] Got an exception: …`; ABORTED for `current exception: …`, where the first
            line is the exception as C++ spells it: std::runtime_error("…").
    """

    def __init__(self, lines: str | Sequence[str], exit_code: int = 1) -> None:
        self.lines = (lines,) if isinstance(lines, str) else tuple(lines)
        self.exit_code = exit_code
        super().__init__(*self.lines)


def abort(text: str, kind: str = "std::runtime_error") -> CoreFailure:
    """Give the failure of an exception that nothing catches, which ends Core with SIGABRT."""
    return CoreFailure(f'{kind}("{text}")', ABORTED)
