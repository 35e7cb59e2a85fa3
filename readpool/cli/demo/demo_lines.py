"""The demo in plain lines, for machines and pipes: each change once, with the second at which it was seen. Pure."""

from collections.abc import Iterator, Sequence

from readpool.cli.demo.demo_report import Moment, Verdict
from readpool.cli.demo.demo_stage import Stage
from readpool.cli.demo.stand_in import Sync
from readpool.text import make_printable


class Lines:
    """Turns what changes on a stage into lines; keeps what was said, so that nothing is said twice."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lines_told = 0
        self._moments_told = 0
        self._page = ""
        self._refusal = ""

    def read(self) -> Iterator[str]:
        """Return the lines for all that is new since the last call, in the order in which it happened."""
        if self._stage.page != self._page:
            self._page = self._stage.page
            yield f"The live page is at {self._page}"
        for t, line in sorted(self._collect(), key=lambda news: news[0]):
            yield _stamp(t, line)

    def _collect(self) -> Iterator[tuple[float, str]]:
        stage = self._stage
        for index in range(self._moments_told, len(stage.timeline)):
            moment, before = stage.timeline[index], stage.timeline[index - 1] if index else None
            yield from ((moment.t, line) for line in describe_changes(before, moment))
        self._moments_told = len(stage.timeline)
        if stage.sync and stage.sync.refusal != self._refusal:
            self._refusal = stage.sync.refusal
            yield stage.clock(), describe_refusal(stage.sync)
        yield from ((t, f"* {line}") for t, line in stage.story[self._lines_told :])
        self._lines_told = len(stage.story)


def describe_changes(before: Moment | None, moment: Moment) -> Iterator[str]:
    """Describe what differs from the moment before, one line a change; the tip alone is no news."""
    old = before.classes if before else {}
    for name, replica_class in sorted(moment.classes.items()):
        if old.get(name) != replica_class:
            was = f" (was {old[name]})" if name in old else ""
            yield f"{make_printable(name)} is {replica_class}{was}"
    for name in sorted(set(old) - set(moment.classes)):
        yield f"{make_printable(name)} is gone"
    if before is None or before.desired != moment.desired:
        says = "cannot decide" if moment.desired is None else f"asks for {moment.desired}"
        yield f"the scaler {says}: {make_printable(moment.message)}"
    if before is None or before.current != moment.current:
        yield f"{moment.current} replicas" + (f" (was {before.current})" if before else "")


def describe_refusal(sync: Sync) -> str:
    """Describe why the HPA keeps the size, or that it no longer does."""
    return f"the HPA keeps the size: {make_printable(sync.refusal)}" if sync.refusal else "the HPA has a metric"


def build_summary(stage: Stage, verdict: Verdict) -> Sequence[str]:
    """Build the end of the demo: what happened when, in a line each, and the verdict."""
    lines = ["", "What happened:"]
    lines += [_stamp(t, line) for t, line in stage.story]
    lines += ["", f"The live page was at {stage.page} while the demo ran."] if stage.page else []
    lines += ["", ("Succeeded: " if verdict.ok else "Failed: ") + verdict.why]
    return lines


def _stamp(t: float, line: str) -> str:
    return f"{t:6.1f} s  {line}"
