"""When is a snapshot of a replica's volume taken, of which one, which are kept, and which one do newcomers start from?

Pure decisions on facts; plan.snapshot_plan gathers them and makes objects of the answers. What a snapshot has to be was
measured: atomic, and of a replica that downloaded its last buckets two minutes before, for Core does not flush them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

SETTLED_SECONDS = 120.0
"""A replica that has been fresh for this long has its buckets on disk; when measured, 35 s were enough."""
CLOCK_SECONDS = 5.0
"""The time of a snapshot may be this much too early: it is in whole seconds, and by the clock of the storage."""
PROMPT_SECONDS = 30.0
"""If the storage takes the snapshot within this time after the request, the replica's state cannot have changed in
between, except by a restart, which the status of its container shows."""
RETRY_SECONDS = 600.0
"""After a snapshot that failed or was bad, the next one is taken no sooner than this, and no later than by interval."""
FAILED_SECONDS = 600.0
"""A snapshot whose driver has told of an error for so long counts as failed."""


class Verdict(StrEnum):
    """What is known of a snapshot."""

    NONE = ""
    """Nothing yet: it is not ready."""
    GOOD = "good"
    """Replicas may start from it."""
    BAD = "bad"
    """No replica starts from it any more."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot of a pool's.

    Attributes:
        asked_at: Unix seconds when it was asked for.
        cut_at: Unix seconds when the storage made it; None while that is not told.
        donor: the replica whose volume it is of.
        donor_uid: uid of that replica's pod when it was asked for.
        fresh_since: Unix seconds since when that one was fresh then.
        fails: why its driver could not make it, as the driver says; empty where nothing is told.
        evaluated_at: Unix seconds of the verdict.
        why: the reason of a bad one.
        is_usable: it is of this pool's network, and of no newer Core than the pool runs.
    """

    name: str
    asked_at: float
    cut_at: float | None = None
    is_ready: bool = False
    donor: str = ""
    donor_uid: str = ""
    fresh_since: float | None = None
    fails: str = ""
    verdict: Verdict = Verdict.NONE
    evaluated_at: float = 0.0
    why: str = ""
    is_usable: bool = True
    is_going: bool = False

    def has_failed(self, now: float) -> bool:
        """Return whether its driver has given reason enough to wait for it no longer."""
        return bool(self.fails) and not self.is_ready and now - self.asked_at >= FAILED_SECONDS

    def is_pending(self, now: float) -> bool:
        """Return whether it may be good yet."""
        return self.verdict is Verdict.NONE and not self.is_going and not self.has_failed(now)

    @property
    def is_good(self) -> bool:
        """Whether replicas may start from it."""
        return self.verdict is Verdict.GOOD and self.is_ready and self.is_usable and not self.is_going


@dataclass(frozen=True, slots=True)
class Donor:
    """A replica as one whose volume a snapshot may be of; all times in Unix seconds by one clock.

    Attributes:
        fresh_since: None where it is not fresh, or its last answer speaks against it.
        left_at: since when it is not fresh any more; None where it is, or no one knows.
        started_at: when its Core was started last, as the kubelet says; None where it does not.
        weight: its share of the readers.
        is_settled: its pod is ready and stays, and its volume is bound and is neither given up nor made larger.
    """

    name: str
    uid: str
    fresh_since: float | None
    left_at: float | None = None
    started_at: float | None = None
    weight: int = 0
    is_settled: bool = True


@dataclass(frozen=True, slots=True)
class Occasion:
    """Whether a snapshot may be taken at all; `holds` says why not, empty where it may.

    Attributes:
        fresh: how many replicas are fresh.
        fresh_enough: how many are to be.
    """

    fresh: int
    fresh_enough: int
    holds: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done: take one of `donor`, or else wait, for what `waits_for` says, until `again_at` if known."""

    donor: str | None = None
    waits_for: str = ""
    again_at: float | None = None


def choose_step(
    snapshots: Collection[Snapshot], donors: Iterable[Donor], occasion: Occasion, interval: float, now: float
) -> Step:
    """Choose whether a snapshot is taken now, and of whom.

    Never while another one is being taken, and never while fewer replicas are fresh than required: reading a volume
    slows down the replica that serves from it.
    """
    due_at = compute_due_time(snapshots, interval, now)
    if any(one.is_pending(now) for one in snapshots):
        return Step(waits_for="the current one")
    if now < due_at:
        return Step(again_at=due_at)
    if occasion.holds:
        return Step(waits_for=occasion.holds)
    if occasion.fresh < occasion.fresh_enough:
        return Step(waits_for=f"{occasion.fresh_enough} fresh replicas ({occasion.fresh} now)")
    settled = [one for one in donors if one.is_settled and one.fresh_since is not None]
    ready = [one for one in settled if _compute_settled_time(one) <= now]
    if not ready:
        soonest = min(map(_compute_settled_time, settled), default=None)
        minutes = int(SETTLED_SECONDS // 60)
        return Step(waits_for=f"a replica that has been fresh for {minutes} min", again_at=soonest)
    return Step(donor=min(ready, key=_rank_by(snapshots)).name)


def _rank_by(snapshots: Collection[Snapshot]) -> Callable[[Donor], tuple[bool, int, bool, float, str]]:
    """Rank donors: the lowest weight first; of equal ones, those that the last snapshot was not taken from.

    So a fault of one volume does not spoil all snapshots.
    """
    suspects = {one.donor for one in snapshots if one.verdict is Verdict.BAD}
    last = max(snapshots, key=_age).donor if snapshots else ""
    return lambda one: (one.name in suspects, one.weight, one.name == last, _compute_settled_time(one), one.name)


def compute_due_time(snapshots: Iterable[Snapshot], interval: float, now: float) -> float:
    """Compute when the next snapshot is due: by the interval, or sooner where the newest one is of no use."""
    newest = max(snapshots, key=_age, default=None)
    if newest is None:
        return now
    is_useless = newest.verdict is Verdict.BAD or newest.has_failed(now) or not newest.is_usable
    return newest.asked_at + (min(interval, RETRY_SECONDS) if is_useless else interval)


def _compute_settled_time(donor: Donor) -> float:
    """Compute from when on a snapshot of a replica is safe."""
    return max(donor.fresh_since or 0.0, donor.started_at or 0.0) + SETTLED_SECONDS


def evaluate_snapshot(snapshot: Snapshot, donor: Donor | None) -> tuple[Verdict, str]:
    """Judge a snapshot that is ready: was its replica settled at the very moment at which it was cut?

    `donor` is the replica as it is by now, None where it is not there. The storage may take its time, and a replica
    that lost its network meanwhile downloads buckets, which are not on disk at once.
    """
    cut_at = snapshot.asked_at if snapshot.cut_at is None else snapshot.cut_at
    if snapshot.fresh_since is None or cut_at - snapshot.fresh_since < SETTLED_SECONDS - CLOCK_SECONDS:
        return Verdict.BAD, "its replica may not have been fresh for long enough"
    is_same = donor is not None and donor.uid == snapshot.donor_uid
    if donor is not None and is_same and _has_started_before(donor, snapshot.asked_at, cut_at):
        return Verdict.BAD, f"{snapshot.donor} restarted while it was taken"
    if cut_at - snapshot.asked_at <= PROMPT_SECONDS:
        return Verdict.GOOD, ""
    if donor is not None and is_same and _has_stayed_fresh(donor, snapshot.asked_at, cut_at):
        return Verdict.GOOD, ""
    late = int(cut_at - snapshot.asked_at)
    return Verdict.BAD, f"taken {late} s after the request, and {snapshot.donor} may have been catching up then"


def _has_started_before(donor: Donor, asked_at: float, cut_at: float) -> bool:
    return donor.started_at is not None and asked_at - 1.0 <= donor.started_at <= cut_at + 1.0


def _has_stayed_fresh(donor: Donor, asked_at: float, cut_at: float) -> bool:
    if donor.fresh_since is not None:
        return donor.fresh_since <= asked_at
    return donor.left_at is not None and donor.left_at > cut_at


def choose_kept(snapshots: Iterable[Snapshot], keep: int, in_use: Collection[str], now: float) -> frozenset[str]:
    """Choose which snapshots stay: the newest good ones, those in use, and a bad one until a good one follows.

    `in_use` are the names of those that a volume is being made from.
    """
    known = sorted(snapshots, key=_age, reverse=True)
    good = [one for one in known if one.is_good]
    kept = {one.name for one in good[:keep]}
    kept |= {one.name for one in known if one.name in in_use or one.is_pending(now) or one.is_going}
    idle = [one for one in known if one.verdict is Verdict.GOOD and not one.is_good and not one.has_failed(now)]
    # One of another network or of a newer Core may serve a pool that is as it was before.
    kept |= {one.name for one in idle if one.is_usable or len(good) < keep}
    useless = [one for one in known if one.verdict is Verdict.BAD or one.has_failed(now)]
    kept |= {one.name for one in useless[:1] if not any(_follows(later, one, now) for later in good)}
    return frozenset(kept)


def _follows(good: Snapshot, useless: Snapshot, now: float) -> bool:
    """Return whether a good snapshot was asked for after another was found to be of no use."""
    found_at = useless.evaluated_at if useless.verdict is Verdict.BAD else min(now, useless.asked_at + FAILED_SECONDS)
    return good.asked_at > found_at


def choose_seed(snapshots: Iterable[Snapshot], replica: str) -> str | None:
    """Choose the snapshot that a new replica's volume is made from: the newest good one; None where there is none.

    Never one of its own volume: a replica that was given up may have been so for what is on it.
    """
    good = [one for one in snapshots if one.is_good and one.donor != replica]
    newest: Snapshot | None = max(good, key=_age, default=None)
    return newest.name if newest is not None else None


def _age(snapshot: Snapshot) -> tuple[float, str]:
    return snapshot.asked_at, snapshot.name


RESTORE_SECONDS = 900.0
"""So long the storage may take to make a volume of a snapshot: about as long as a replica takes that starts from
nothing."""
BAD_COPY_EXIT = 65
"""How Core's container ends that has given up the volume it started from; the next start begins from nothing."""
_ABORTED = 134
"""Core ends so where its database and its buckets do not go together."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A volume that was made of a snapshot, and how the replica on it does.

    Attributes:
        snapshot: its name.
        claim: name of the volume's claim.
        has_been_fresh: its replica has been, on this volume.
        exits: exit codes of Core's container, as far as the kubelet still knows.
        message: with which it ended.
        is_unprovisioned: there is no volume yet.
        unprovisioned_since: Unix seconds since when its pod waits for the storage to create it; None where it does
            not wait, or for something else.
    """

    snapshot: str
    claim: str
    replica: str
    has_been_fresh: bool = False
    exits: tuple[int, ...] = ()
    message: str = ""
    is_unprovisioned: bool = False
    unprovisioned_since: float | None = None


@dataclass(frozen=True, slots=True)
class Trials:
    """What became of copies: `bad` snapshots and why, and `unprovisioned` claims that are to be recreated."""

    bad: Mapping[str, str]
    unprovisioned: tuple[str, ...] = ()


def evaluate_copies(copies: Sequence[Copy], known: Collection[str], now: float) -> Trials:
    """Judge snapshots by what became of their copies. A copy that no storage makes is given up as well.

    `known` are the names of snapshots that are there and are not going; no volume comes of any other.
    """
    bad: dict[str, str] = {}
    unprovisioned = []
    for one in copies:
        if BAD_COPY_EXIT in one.exits or (_ABORTED in one.exits and not one.has_been_fresh):
            told = f": {one.message}" if one.message else ""
            bad.setdefault(one.snapshot, f"{one.replica} failed to start from it{told}")
        since = one.unprovisioned_since
        is_late = one.is_unprovisioned and since is not None and now - since >= RESTORE_SECONDS
        if is_late:
            minutes = int(RESTORE_SECONDS // 60)
            bad.setdefault(one.snapshot, f"no volume was provisioned from it for {one.replica} in {minutes} min")
        if is_late or (one.is_unprovisioned and one.snapshot not in known):
            unprovisioned.append(one.claim)
    return Trials(bad, tuple(unprovisioned))
