"""How much of something is given out: as a whole, to one caller, and to one namespace that a caller names. Pure.

A caller is an address. A namespace is only what a caller says, so what is taken in its name is counted within the
caller: no one can use up another one's by naming it.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from readpool.text import make_printable, shorten

MOST_SHOWN = 63
"""Characters of a caller or a namespace in a sentence: as long as the name of a namespace can be."""
_Key = TypeVar("_Key")


class Scope(StrEnum):
    """Whose share is used up."""

    PROCESS = "process"
    CALLER = "caller"
    NAMESPACE = "namespace"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is given out.

    Attributes:
        process: to all together; None where somebody else counts that.
        caller: to one caller.
        namespace: to one caller for one namespace; None where there are no namespaces.
    """

    process: int | None
    caller: int
    namespace: int | None = None


class OverBudget(Exception):  # noqa: N818 - it is what happened, in the words of the status it becomes
    """No more is given out. The message says to whom and how much there is; `what` and `scope` are for counting."""

    def __init__(self, what: str, scope: Scope, message: str) -> None:
        super().__init__(message)
        self.what = what
        self.scope = scope


class Budget:
    """What has been given out of one thing, such as streams.

    Args:
        what: the thing, in the plural, as the refusal names it.
        limits: the most of it.
    """

    def __init__(self, what: str, limits: Limits) -> None:
        self.what = what
        self.limits = limits
        self._taken = 0
        self._by_caller: Counter[str] = Counter()
        self._by_namespace: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        """Count what has been given out."""
        return self._taken

    def take(self, caller: str, namespace: str = "", count: int = 1) -> None:
        """Grant `count` more.

        Raises:
            OverBudget: that would be too many; nothing is given out then.
        """
        refusal = self.find_refusal(caller, namespace, count)
        if refusal is not None:
            raise refusal
        self._taken += count
        self._by_caller[caller] += count
        if self.limits.namespace is not None:
            self._by_namespace[caller, namespace] += count

    def give_back(self, caller: str, namespace: str = "", count: int = 1) -> None:
        """Return what was taken with the same arguments."""
        self._taken -= count
        _subtract(self._by_caller, caller, count)
        if self.limits.namespace is not None:
            _subtract(self._by_namespace, (caller, namespace), count)

    @contextmanager
    def hold(self, caller: str, namespace: str = "", count: int = 1) -> Iterator[None]:
        """Grant `count` more for as long as the block runs.

        Raises:
            OverBudget: as `take`.
        """
        self.take(caller, namespace, count)
        try:
            yield
        finally:
            self.give_back(caller, namespace, count)

    def find_refusal(self, caller: str, namespace: str = "", count: int = 1) -> OverBudget | None:
        """Explain why `count` more are refused; None if they are not."""
        limits, what, who = self.limits, self.what, _show(caller) or "one caller"
        taken = self._by_namespace[caller, namespace]
        if limits.namespace is not None and taken + count > limits.namespace:
            where = f"for namespace {_show(namespace)}" if namespace else "for all namespaces"
            message = f"{who} has {taken} {what} {where}, at most {limits.namespace} are allowed"
            return OverBudget(what, Scope.NAMESPACE, message)
        taken = self._by_caller[caller]
        if taken + count > limits.caller:
            message = f"{who} has {taken} {what}, at most {limits.caller} are allowed"
            return OverBudget(what, Scope.CALLER, message)
        if limits.process is not None and self._taken + count > limits.process:
            return OverBudget(
                what, Scope.PROCESS, f"{self._taken} {what} are in use, at most {limits.process} are allowed"
            )
        return None


def _subtract(counts: Counter[_Key], key: _Key, count: int) -> None:
    counts[key] -= count
    if counts[key] <= 0:
        del counts[key]


def _show(text: str) -> str:
    return make_printable(shorten(text, MOST_SHOWN))
