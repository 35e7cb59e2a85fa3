"""Proves the policy: a hundred model days, ours beside its rivals and without each guard. Prints a table and a verdict.

`python -m bench.policy_bench [--days N] [--jobs N] [--first SEED] [--report FILE.json] [--warm-up SECONDS] [--plain]
[--measured] [--front [--picture FILE.svg]] [--only NAME]`; the exit code is 0 when every judged claim holds. With
`--front` only what the front is made of is lived, and `--picture` draws it; with `--only` only whom it names, and
nothing is judged.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.__main__ import RESULTS
from bench.policy import contenders as c
from bench.policy.days import Change, Results, compute_figure, find_measured_starts, live_days
from bench.policy.front import build_front, find_behind, format_front, list_names
from bench.policy.picture import draw_front
from bench.policy.verdict import Claim, format_table, judge, mix_fixed
from readpool.simulator.day.oddities import DAY_SECONDS


def main() -> int:
    """Run the days and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="seed of the first day")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--front", action="store_true", help="ours and rivals of five to eight, and who knows the day")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the front there; only with --front")
    parser.add_argument("--warm-up", type=_parse_seconds, help="newcomers download for so long, in the middle")
    parser.add_argument("--plain", action="store_true", help="days on which nothing odd happens")
    parser.add_argument("--measured", action="store_true", help="replicas start as bench/results.json has it")
    known = list(dict.fromkeys([*(one.name for one in c.list_contenders()), *list_names()]))
    parser.add_argument("--only", action="append", choices=known, metavar="NAME", help="a contender; may be repeated")
    args = parser.parse_args()
    if args.picture and not args.front:
        parser.error("--picture draws the front, so it needs --front")
    if args.front:
        return _draw_front(args)
    if args.only:
        results = _live(args, args.only)
        print(format_table(results))
        return _write(args, _report(results, []))
    results = _live(args, [contender.name for contender in c.list_contenders()])
    for ours in (c.OURS, c.OURS_BLIND):
        hours = compute_figure(results[ours], "replica_hours")
        results[f"fixed {hours / 24:.2f}, as {ours}"] = mix_fixed(results, hours)
    _print_tables(results)
    claims = judge(results)
    for claim in claims:
        print(f"{'true ' if claim.holds else 'FALSE'}{' ' if claim.is_judged else '*'} {claim.text}")
    for words, is_judged in (("judged", True), ("told, not judged (docs/lab/policy.md says why)", False)):
        some = [claim.holds for claim in claims if claim.is_judged is is_judged]
        print(f"{'  ' if is_judged else '* '}{words}: {sum(some)} of {len(some)} hold")
    _write(args, _report(results, claims))
    return 0 if all(claim.holds for claim in claims if claim.is_judged) else 1


def _draw_front(args: argparse.Namespace) -> int:
    results = _live(args, list_names())
    front = build_front(results)
    print(format_front(front))
    for family in (c.OURS, c.OURS_BLIND):
        print(f"{family}, behind fixed pools at equal hours: {'; '.join(find_behind(front, family)) or 'nowhere'}")
    if args.picture:
        args.picture.write_text(draw_front(front))
    return _write(args, _report(results, []) | {"front": [asdict(point) for point in front]})


def _parse_seconds(text: str) -> float:
    """Parse a number of seconds within a day; argparse says which option is not one."""
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < DAY_SECONDS:
            return seconds
    raise argparse.ArgumentTypeError(f"must be more than 0 s and less than a day ({DAY_SECONDS:.0f} s), not {text!r}")


def _write(args: argparse.Namespace, report: dict[str, object]) -> int:
    if args.report:
        args.report.write_text(json.dumps(report, indent=1))
    return 0


def _live(args: argparse.Namespace, names: Sequence[str]) -> Results:
    measured = find_measured_starts(json.loads(RESULTS.read_text(encoding="utf-8"))) if args.measured else None
    first, days, change = args.first, args.days, Change(args.warm_up, args.plain, measured)
    results: Results = {name: [] for name in names}
    started = time.monotonic()
    for done, day in enumerate(live_days(range(first, first + days), names, args.jobs, change), 1):
        for name, result in day.items():
            results[name].append(result)
        left = (time.monotonic() - started) / done * (days - done)
        print(f"\r{done} of {days} days, {left:.0f} s left   ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return results


def _print_tables(results: Results) -> None:
    print(format_table(results))
    for words, is_outgrown in (("sized for their traffic", False), ("outgrown", True)):
        some = {name: [d for d in days if d.is_outgrown is is_outgrown] for name, days in results.items()}
        kept = {name: days for name, days in some.items() if days and not name.startswith("  ")}
        if kept:
            print(f"\nPools {words}, {len(next(iter(kept.values())))} days:\n\n{format_table(kept)}")
    print()


def _report(results: Results, claims: list[Claim]) -> dict[str, object]:
    return {
        "claims": [asdict(claim) for claim in claims],
        "days": {name: [asdict(day) for day in days] for name, days in results.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
