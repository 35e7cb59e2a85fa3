"""What the demo knows while it runs: the fleet as the scaler sees it, the last sync, the story so far."""

from collections.abc import Callable
from dataclasses import dataclass, field

from readpool.cli.demo.demo_plan import DemoPlan
from readpool.cli.demo.demo_report import Moment
from readpool.cli.demo.demo_story import Act
from readpool.cli.demo.stand_in import Sync
from readpool.replica_class_messages import parse_class
from readpool.v1 import observer_pb2 as pb


@dataclass(slots=True)
class Stage:
    """The demo at one moment.

    Attributes:
        plan: the demo in numbers.
        clock: seconds since the demo began.
        page: the address of the live page; empty until the scaler serves.
        snapshot: the fleet as the scaler saw it last.
        sync: what the stand-in's last sync came to.
        act: where the story stands.
        story: what was said, and when.
        timeline: the fleet whenever it changed.
    """

    plan: DemoPlan
    clock: Callable[[], float]
    page: str = ""
    snapshot: pb.Snapshot | None = None
    sync: Sync | None = None
    act: Act = Act.GATHERING
    story: list[tuple[float, str]] = field(default_factory=list)
    timeline: list[Moment] = field(default_factory=list)

    def note(self, current: int) -> None:
        """Note the fleet in the timeline if anything of it has changed, with the replicas that there are now."""
        moment = self.look(current)
        if moment is not None and not (self.timeline and _facts(self.timeline[-1]) == _facts(moment)):
            self.timeline.append(moment)

    def look(self, current: int) -> Moment | None:
        """Look at the fleet as it is now; None while the scaler has told nothing of it."""
        return None if self.snapshot is None else build_moment(self.clock(), self.snapshot, current)

    def tell(self, line: str) -> None:
        """Add a line to the story."""
        self.story.append((self.clock(), line))


def build_moment(t: float, snapshot: pb.Snapshot, current: int) -> Moment:
    """Build a moment of the timeline from a snapshot."""
    decision = snapshot.decision
    return Moment(
        t=t,
        tip=snapshot.tip.ledger if snapshot.HasField("tip") else None,
        desired=decision.desired_replicas if decision.HasField("desired_replicas") else None,
        current=current,
        classes={replica.name: str(parse_class(getattr(replica, "class"))) for replica in snapshot.replicas},
        message=decision.message,
    )


def _facts(moment: Moment) -> tuple[object, ...]:
    return moment.tip, moment.desired, moment.current, moment.classes
