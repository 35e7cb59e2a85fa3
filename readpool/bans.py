"""Bans of callers that go on although they are refused, or send far too much: they get no response for a while. Pure.

A refusal costs nearly as much as an answer, and gRPC takes calls first come, first served: without this one, a caller
that does not stop delays all others. KEDA, the controller and Envoy take a refusal for an answer, and come back later.
"""

from dataclasses import dataclass

REFUSALS_A_SECOND = 200
"""That are forgotten again as they come."""
MOST_REFUSALS = 1000
"""Beyond those."""
MOST_REFUSALS_AGAIN = 50
"""Of a caller that has been banned and is not forgiven yet."""
FIRST_SECONDS, LAST_SECONDS = 10.0, 300.0
FORGIVEN_SECONDS = 600.0
MOST_CALLERS = 4096


@dataclass(slots=True)
class _Record:
    at: float
    refusals: float = 0.0
    until: float = 0.0
    ban_seconds: float = 0.0


class Bans:
    """Those that are not answered."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._banned: dict[str, float] = {}

    def note_refusal(self, caller: str, now: float) -> float | None:
        """Note that a caller was refused; return for how many seconds it is banned if that is one time too many."""
        record = self._records.get(caller)
        if record is None:
            if len(self._records) >= MOST_CALLERS:
                self._records.clear()
            record = self._records[caller] = _Record(now)
        record.refusals = max(0.0, record.refusals - REFUSALS_A_SECOND * (now - record.at)) + 1
        record.at = now
        most = MOST_REFUSALS_AGAIN if _is_on_probation(record, now) else MOST_REFUSALS
        if record.refusals < most or now < record.until:
            return None
        return self._ban(caller, record, now)

    def ban(self, caller: str, now: float) -> float | None:
        """Ban a caller for something else; return for how many seconds, None where it is banned already."""
        record = self._records.setdefault(caller, _Record(now))
        return None if now < record.until else self._ban(caller, record, now)

    def _ban(self, caller: str, record: _Record, now: float) -> float:
        """Ban a caller, for twice as long as last time if that was not long ago."""
        is_again = _is_on_probation(record, now)
        record.ban_seconds = min(LAST_SECONDS, 2 * record.ban_seconds) if is_again else FIRST_SECONDS
        record.until, record.refusals = now + record.ban_seconds, 0.0
        self._banned[caller] = record.until
        return record.ban_seconds

    def list_banned(self, now: float) -> frozenset[str]:
        """List those that are banned now."""
        if self._banned:
            self._banned = {caller: until for caller, until in self._banned.items() if now < until}
        return frozenset(self._banned)


def _is_on_probation(record: _Record, now: float) -> bool:
    return bool(record.ban_seconds) and now - record.until < FORGIVEN_SECONDS
