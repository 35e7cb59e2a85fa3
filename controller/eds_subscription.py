"""What does one Envoy want, what has it got, and what is it owed? The discovery protocol without its messages, purely.

One object a stream, for both variants of the protocol: the state of the world (each request names all that is wanted)
and delta (each names what is added or no longer wanted). controller.eds_service reads and writes the stream.
See "xDS REST and gRPC protocol" in Envoy's documentation.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

WILDCARD = "*"
MOST_IN_ONE_ANSWER = 1000
Versions = Callable[[str], str | None]
"""Gives the version of a pool's assignment as it is now; None for a pool that is not there."""


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
        owed: what has to be sent even if nothing has changed.
        changed: what may have changed since it was sent.
    """

    names: set[str] = field(default_factory=set)
    is_wildcard: bool = False
    sent: dict[str, str] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    _owes_answer: bool = False
    _has_begun: bool = False
    _answers: int = 0
    _is_acknowledged: bool = True

    def take_whole_request(self, names: Iterable[str], nonce: str, known: Iterable[str]) -> bool:
        """Take a request of the state-of-the-world variant; `known` are the pools that there are.

        The same names over again, when the last answer had been acknowledged, ask for them again: so does an Envoy that
        has renewed a cluster and waits for its endpoints before it uses it.

        Returns:
            Whether it counted: one that answers an older answer than the last does not.
        """
        if nonce and nonce != self._nonce:
            return False
        wanted = set(names)
        is_repeated = self._has_begun and self._is_acknowledged and bool(nonce)
        if WILDCARD in wanted or (not wanted and (not self._has_begun or self.is_wildcard)):
            self._want_all(known)
        else:
            self.is_wildcard = False
        wanted.discard(WILDCARD)
        self.owed |= wanted if is_repeated and wanted == self.names else wanted - self.names
        self._forget(self.names - wanted)
        self.names = wanted
        self._has_begun = True
        self._is_acknowledged = self._is_acknowledged or bool(nonce)
        return True

    def take_delta_request(
        self,
        subscribe: Iterable[str],
        unsubscribe: Iterable[str],
        initial_versions: Mapping[str, str],
        known: Iterable[str],
    ) -> None:
        """Take a request of the delta variant. What the client says it has from an earlier stream is not sent again."""
        added, removed = set(subscribe), set(unsubscribe)
        if not self._has_begun:
            self.sent |= initial_versions
            self.changed |= initial_versions.keys()
        if WILDCARD in added or (not added and not self._has_begun):
            self._want_all(known)
        if WILDCARD in removed:
            self.is_wildcard = False
        added.discard(WILDCARD)
        self.names = (self.names | added) - removed
        again = added if self._has_begun else added - initial_versions.keys()
        self.owed |= again & self.names
        self._forget(removed - self.names - {WILDCARD})
        self._has_begun = True

    def note_change(self, name: str) -> bool:
        """Note that a pool's assignment has changed; tell whether that is this stream's matter."""
        if not self.is_wildcard and name not in self.names:
            return False
        self.changed.add(name)
        return True

    def build_answer(self, version_of: Versions) -> Answer | None:
        """Build what is to be sent next, and take it as sent; None where there is nothing to say."""
        names, removed = [], []
        candidates = sorted(self.owed | self.changed)[:MOST_IN_ONE_ANSWER]
        for name in candidates:
            version = version_of(name) or ""
            is_owed = name in self.owed and name in self.names
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
        self.owed.difference_update(candidates)
        self.changed.difference_update(candidates)
        if not names and not removed and not self._owes_answer:
            return None
        self._owes_answer = False
        self._answers += 1
        self._is_acknowledged = False
        return Answer(self._nonce, tuple(names), tuple(removed))

    @property
    def is_behind(self) -> bool:
        """Whether there may be more to send."""
        return bool(self.owed or self.changed or self._owes_answer)

    @property
    def _nonce(self) -> str:
        return str(self._answers)

    def _want_all(self, known: Iterable[str]) -> None:
        if not self.is_wildcard:
            self.changed |= set(known)
            self._owes_answer = True  # it waits for the first answer, even if that is empty
        self.is_wildcard = True

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.owed.discard(name)
            if not self.is_wildcard:
                self.changed.discard(name)
                self.sent.pop(name, None)
