"""What does one Envoy want, what has it got, and what is it owed? The discovery protocol without its messages, purely.

One object a stream, for both variants of the protocol: the state of the world (each request names all that is wanted)
and delta (each names what is added or no longer wanted). controller.eds.eds_service reads and writes the stream.
See "xDS REST and gRPC protocol" in Envoy's documentation. What a client names is bounded, and no step of the work on it
grows with what it has named before.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

WILDCARD = "*"
MOST_IN_ONE_ANSWER = 1000
MOST_NAMES = 4096
"""That one stream may name. An Envoy that has more pools than that takes them all by the wildcard."""
MOST_NAME_LENGTH = 63 + 1 + 253
"""NAMESPACE/SERVICE, as long as Kubernetes lets the two be."""
MOST_VERSION_LENGTH = 64
Versions = Callable[[str], str | None]
"""Gives the version of a pool's assignment as it is now; None for a pool that is not there."""


class TooManyNames(Exception):  # noqa: N818 - it is what happened, in the words of the status it becomes
    """A stream names more than one may."""


class NotANameError(ValueError):
    """What a stream names cannot be a pool, or a version of one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be sent: the names of pools, and of those that are gone. A pool that is not there has no endpoints."""

    nonce: str
    names: tuple[str, ...]
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class Subscription:
    """The state of a stream.

    Attributes:
        names: what is wanted by name.
        is_wildcard: whatever there is, is wanted.
        sent: the version of each pool that was sent last; "" for one that the client has been told is gone.
        owed: what has to be sent even if nothing has changed, in the order in which that came about.
        changed: what may have changed since it was sent, likewise.
        charged: how many of its names are counted to its caller.
    """

    names: set[str] = field(default_factory=set)
    is_wildcard: bool = False
    sent: dict[str, str] = field(default_factory=dict)
    owed: dict[str, None] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    charged: int = 0
    _owes_answer: bool = False
    _has_begun: bool = False
    _answers: int = 0
    _initial: int = 0
    _is_acknowledged: bool = True

    def take_whole_request(self, names: Collection[str], nonce: str, known: Iterable[str]) -> bool:
        """Apply a request of the state-of-the-world variant; `known` are the pools that there are.

        The same names over again, when the last answer had been acknowledged, ask for them again: so does an Envoy that
        has renewed a cluster and waits for its endpoints before it uses it.

        Returns:
            Whether it counted: one that answers an older answer than the last does not.

        Raises:
            TooManyNames: it names too many; nothing of it counts then.
            NotANameError: one of the names cannot be a pool's.
        """
        check_names(names)
        if nonce and nonce != self._nonce:
            return False
        wanted = set(names)
        is_repeated = self._has_begun and self._is_acknowledged and bool(nonce)
        if WILDCARD in wanted or (not wanted and (not self._has_begun or self.is_wildcard)):
            self._want_all(known)
        else:
            self.is_wildcard = False
        wanted.discard(WILDCARD)
        self.owed |= dict.fromkeys(wanted if is_repeated and wanted == self.names else wanted - self.names)
        self._forget(self.names - wanted)
        self.names = wanted
        self._has_begun = True
        self._is_acknowledged = self._is_acknowledged or bool(nonce)
        return True

    def take_delta_request(
        self,
        subscribe: Collection[str],
        unsubscribe: Collection[str],
        initial_versions: Mapping[str, str],
        known: Iterable[str],
    ) -> None:
        """Apply a request of the delta variant. What the client says it has from an earlier stream is not sent again.

        Raises:
            TooManyNames: it names too many, or with those that it has named before; nothing of it counts then.
            NotANameError: one of the names cannot be a pool's, or a version not one of ours.
        """
        for named in (subscribe, unsubscribe, initial_versions):
            check_names(named)
        check_versions(initial_versions.values())
        added, removed = set(subscribe), set(unsubscribe)
        if len(self.names) + len(added) > MOST_NAMES and len((self.names | added) - removed) > MOST_NAMES:
            raise TooManyNames(_TOO_MANY)
        if not self._has_begun:
            self.sent |= initial_versions
            self._initial = len(initial_versions)
            self.changed |= dict.fromkeys(initial_versions)
        if WILDCARD in added or (not added and not self._has_begun):
            self._want_all(known)
        if WILDCARD in removed:
            self.is_wildcard = False
        added.discard(WILDCARD)
        self.names |= added
        self.names -= removed
        again = added if self._has_begun else added - initial_versions.keys()
        self.owed |= dict.fromkeys(again & self.names)
        self._forget(removed - self.names - {WILDCARD})
        self._has_begun = True

    @property
    def named(self) -> int:
        """How many names of the client's are kept for as long as the stream is open; the wildcard counts as many."""
        return len(self.names) + self._initial + (MOST_IN_ONE_ANSWER if self.is_wildcard else 0)

    def note_change(self, name: str) -> bool:
        """Note that a pool's assignment has changed; tell whether that is this stream's matter."""
        if not self.is_wildcard and name not in self.names:
            return False
        self.changed[name] = None
        return True

    def build_answer(self, version_of: Versions) -> Answer | None:
        """Build what is to be sent next, and take it as sent; None where there is nothing to say."""
        names, removed = [], []
        for name, is_due in self._take_next():
            version = version_of(name) or ""
            is_owed = is_due and name in self.names
            if version == self.sent.get(name) and not is_owed:
                continue
            if version or name in self.names:
                names.append(name)
            elif self.sent.get(name):
                removed.append(name)
            if version or name in self.names:
                self.sent[name] = version
            else:
                self.sent.pop(name, None)
        if not names and not removed and not self._owes_answer:
            return None
        self._owes_answer = False
        self._answers += 1
        self._is_acknowledged = False
        return Answer(self._nonce, tuple(names), tuple(removed))

    def _take_next(self) -> list[tuple[str, bool]]:
        """Pop the oldest that may have to be sent, as many as go into an answer; for each, whether it has to be."""
        owed = tuple(islice(self.owed, MOST_IN_ONE_ANSWER))
        for name in owed:
            del self.owed[name]
            self.changed.pop(name, None)
        changed = tuple(islice(self.changed, MOST_IN_ONE_ANSWER - len(owed)))
        for name in changed:
            del self.changed[name]
        return sorted([*((name, True) for name in owed), *((name, False) for name in changed)])

    @property
    def is_behind(self) -> bool:
        """Whether there may be more to send."""
        return bool(self.owed or self.changed or self._owes_answer)

    @property
    def _nonce(self) -> str:
        return str(self._answers)

    def _want_all(self, known: Iterable[str]) -> None:
        if not self.is_wildcard:
            self.changed |= dict.fromkeys(known)
            self._owes_answer = True  # it waits for the first answer, even if that is empty
        self.is_wildcard = True

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.owed.pop(name, None)
            if not self.is_wildcard:
                self.changed.pop(name, None)
                self.sent.pop(name, None)
            elif self.sent.get(name) == "":
                del self.sent[name]  # no pool: nothing has to be told of it again


_TOO_MANY = f"a stream can subscribe to at most {MOST_NAMES} names; subscribe to {WILDCARD} for all pools"


def check_names(names: Collection[str]) -> None:
    """Check what one request names.

    Raises:
        TooManyNames: there are too many.
        NotANameError: one of them is longer than the name of a pool can be.
    """
    if len(names) > MOST_NAMES:
        raise TooManyNames(_TOO_MANY)
    if any(len(name) > MOST_NAME_LENGTH for name in names):
        raise NotANameError(f"a resource name is NAMESPACE/SERVICE, at most {MOST_NAME_LENGTH} characters")


def check_versions(versions: Iterable[str]) -> None:
    """Check the versions that a client says it has.

    Raises:
        NotANameError: one of them is longer than any of ours.
    """
    if any(len(version) > MOST_VERSION_LENGTH for version in versions):
        raise NotANameError(f"a version has at most {MOST_VERSION_LENGTH} characters")
