"""The table at the end of a soak, and the line of progress while it runs. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.soak.history import History
from tests.soak.verdict import Verdict

MOST_SHOWN = 10


def render_table(verdict: Verdict, title: str) -> str:
    """Render what was seen and what is wrong with it."""
    return "\n".join([title, *_render_acts(verdict), *_render_figures(verdict), *_render_details(verdict)])


def find_quantile(values: Iterable[float], share: float) -> float:
    """Find the value that so large a share of them does not exceed; nan of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def _render_acts(verdict: Verdict) -> Iterator[str]:
    done = verdict.history.done
    failed = Counter(one.cause for one in verdict.failed)
    yield f"\n{'':32}{'done':>6}{'recovered p50':>15}{'p99':>9}{'failed reads':>14}"
    for is_fault in (True, False):
        for kind, count in sorted(Counter(one.act.kind for one in done if one.act.is_fault is is_fault).items()):
            seconds = [one.seconds for one in verdict.recoveries if one.act.kind == kind]
            yield f"{kind:32}{count:6}{_render_times(seconds)}{failed.pop(kind, 0):14}"
    for cause, count in sorted(failed.items()):
        yield f"{cause:32}{'':6}{_render_times(())}{count:14}"


def _render_times(seconds: Sequence[float]) -> str:
    if not seconds:
        return f"{'-':>15}{'-':>9}"
    return f"{find_quantile(seconds, 0.5):13.1f} s{find_quantile(seconds, 0.99):7.1f} s"


def _render_figures(verdict: Verdict) -> Iterator[str]:
    history = verdict.history
    minutes = max((history.ended_at - history.began_at) / 60, 1e-9)
    answered = [read.ended_at - read.sent_at for read in history.reads if not read.failure]
    able = [one for one in verdict.failed if one.able]
    wrong = [one for one in verdict.scalings if one.wrong]
    dead = [one for one in verdict.dead if not one.is_excused]
    faults = sum(one.act.is_fault for one in history.done)
    recovered = [one.seconds for one in verdict.recoveries]
    writes = sum(history.writes.values())
    yield ""
    yield from _align(
        ("faults", f"{faults}, and {len(history.done) - faults} things that users do; {_render_skipped(history)}"),
        ("reads", f"{len(history.reads):,}; answered within {_render_answered(answered)}"),
        ("asked again by readers", f"{sum(bool(read.lost) for read in history.reads)} times, as no answer came at all"),
        ("failed reads", f"{len(verdict.failed)}, {len(able)} of them a living replica could have answered"),
        ("wrong scalings", f"{len(wrong)} of {len(verdict.scalings)}"),
        (
            "addresses of pods gone > 2 s",
            f"{len(dead)}, and {len(verdict.dead) - len(dead)} while nobody could write slices",
        ),
        ("time to recover", f"p50 {find_quantile(recovered, 0.5):.1f} s, p99 {find_quantile(recovered, 0.99):.1f} s"),
        ("writes to the API", f"{writes}, {writes / minutes:.0f} a minute{_render_counts(history.writes.items())}"),
        ("settled", "no" if history.unsettled else f"{history.settled_seconds:.0f} s after the last was taken back"),
    )


def _align(*rows: tuple[str, str]) -> Iterator[str]:
    for name, value in rows:
        yield f"{name:32}{value}"


def _render_skipped(history: History) -> str:
    return f"{len(history.skipped)} could not be done"


def _render_answered(answered: Sequence[float]) -> str:
    return f"{1000 * find_quantile(answered, 0.5):.0f} ms p50, {find_quantile(answered, 0.99):.2f} s p99"


def _render_counts(counts: Iterable[tuple[str, int]]) -> str:
    ordered = sorted(counts, key=lambda one: -one[1])
    return f" ({', '.join(f'{name} {count}' for name, count in ordered)})" if ordered else ""


def _render_details(verdict: Verdict) -> Iterator[str]:
    began = verdict.history.began_at
    failures = Counter((one.cause, one.failure, bool(one.able)) for one in verdict.failed)
    for (cause, failure, is_able), count in failures.most_common(MOST_SHOWN):
        yield f"  {count} failed, {cause}: {failure}{'' if is_able else ' (nobody could have answered)'}"
    for read in [one for one in verdict.failed if one.able][:MOST_SHOWN]:
        able = ", ".join(read.able)
        yield f"  {read.read.sent_at - began:.1f} s: failed though {able} could have answered: {read.failure}"
    for scaling in [one for one in verdict.scalings if one.wrong][:MOST_SHOWN]:
        yield f"  {scaling.at - began:.1f} s: wrong scaling: {scaling}"
    for dead in [one for one in verdict.dead if not one.is_excused][:MOST_SHOWN]:
        yield f"  {dead.gone_at - began:.1f} s: {dead.name} was gone, {dead.address} stayed {dead.seconds:.1f} s"
    yield ""
    yield "It held." if verdict.holds else f"It did not hold: {'; '.join(verdict.problems)}."
