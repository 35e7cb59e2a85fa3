"""Every recorded command line: the simulated Core answers as Core 22.4.1 did, and leaves the same files."""

import pytest

from tests.component.core_folders import STATE_FILE, Seen, core_folder
from tests.component.recorded_commands import RUNNING, Case, Step, list_files, load_cases

CASES = load_cases()
GOOD = "good config: new-db twice, upgrade-db, offline-info"
ENDED = "NODE5 [default INFO] got signal 15, shutting down\n"

_BUILD_DETAILS = "only build and protocol are printed: there is no Rust in it"
DIFFERS = {
    ("no config needed", "version"): ({"stdout"}, _BUILD_DETAILS),
    ("no config needed", "version --nosuchoption"): ({"stdout"}, _BUILD_DETAILS),
    (GOOD, "upgrade-db --conf node.cfg --ll debug"): ({"stderr"}, "Core's debug lines tell of its insides"),
    (GOOD, "--conf node.cfg self-check"): ({"exit_code", "stderr"}, "it is refused: what it checks is not simulated"),
}
"""What is different on purpose: by case and command, which answers are not compared, and why."""

NOT_WRITTEN = {"stellar.db-shm", "stellar.db-wal"}
"""What an abort leaves of Core's database: the simulated one closes it first."""


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_recorded_command_line_is_answered_as_core_answered_it(case: Case) -> None:
    with core_folder(case) as folder:
        for step in case.steps:
            folder.prepare(step)
            seen = folder.execute(step)
            expected = Seen(step.exit_code, step.stdout, step.stderr)
            different, _ = DIFFERS.get((case.name, step.argv), (set(), ""))
            assert _leave_out(_cut(seen, step), different) == _leave_out(expected, different), step.argv
        assert _comparable(list_files(folder.path), case) == _comparable(case.files, case)


def test_version_says_first_what_core_says_first() -> None:
    case = CASES[0]
    recorded = next(step for step in case.steps if step.argv == "version")
    with core_folder(case) as folder:
        assert folder.execute(recorded).stdout.splitlines() == recorded.stdout.splitlines()[:2]


def test_what_differs_on_purpose_is_among_the_recorded_cases() -> None:
    assert set(DIFFERS) <= {(case.name, step.argv) for case in CASES for step in case.steps}


def _cut(seen: Seen, step: Step) -> Seen:
    """Cut what a running node says at the line until which it was recorded, once it has ended as SIGTERM ends it."""
    if not step.runs:
        return seen
    start, line, rest = seen.stderr.partition(RUNNING)
    assert ENDED in rest
    assert rest.endswith("NODE5 [default INFO] Application destroyed\n")
    return Seen(seen.exit_code, seen.stdout, start + line)


def _leave_out(seen: Seen, fields: set[str]) -> dict[str, object]:
    answers = {"exit_code": seen.exit_code, "stdout": seen.stdout, "stderr": seen.stderr}
    return {name: answer for name, answer in answers.items() if name not in fields}


def _comparable(names: frozenset[str], case: Case) -> set[str]:
    """Leave out what the tests put there, what the simulated Core does not write, and what the recording missed."""
    names -= {"node.cfg", "DIR", "DIR/history", "DIR/history/.well-known", STATE_FILE, *NOT_WRITTEN}
    if case.name == "buckets removed, database kept":
        names -= {"buckets/bucket-HEX64.xdr"}  # listed before it was removed
    return {name for name in names if not name.startswith(("buckets/tmp", "buckets/meta-debug"))}
