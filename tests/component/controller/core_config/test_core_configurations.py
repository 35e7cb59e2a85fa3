"""What the controller writes, and what is odd, as recorded: read by the simulated Core as Core 22.4.1 read it."""

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import pytest

from devtools.core.simulated_core import simulated_core
from tests.component.core_folders import PATIENCE_SECONDS, Seen, core_folder
from tests.component.recorded_commands import (
    RUNNING,
    Case,
    Step,
    load_cases,
    load_configurations,
    load_second_process,
)

CONFIGURATIONS = load_configurations()
GOOD = next(case for case in load_cases() if case.name == "good config run")
LATER = {
    "LOG_FILE_PATH": "Could not open log file x, check access rights",
    "METADATA_OUTPUT_STREAM": 'fs::openFile("x") failed: Is a directory',
    "DATABASE": "No backend name found in x",
}


@pytest.mark.parametrize("case", CONFIGURATIONS, ids=[case.name for case in CONFIGURATIONS])
def test_what_the_controller_writes_is_taken_as_core_takes_it(case: Case) -> None:
    with core_folder(case) as folder:
        (folder.path / "DIR").mkdir()
        for step in case.steps:
            assert folder.execute(step) == Seen(step.exit_code, step.stdout, step.stderr)


@pytest.mark.parametrize(("key", "said"), LATER.items(), ids=list(LATER))
def test_a_path_that_is_a_folder_is_refused_when_it_is_opened(key: str, said: str) -> None:
    with core_folder(GOOD) as folder:
        (folder.path / "x").mkdir()
        configuration = folder.path / "node.cfg"
        lines = [line for line in configuration.read_text().splitlines() if not line.startswith(f"{key}=")]
        configuration.write_text("\n".join([f'{key}="x"', *lines]))
        seen = folder.execute(Step("--conf node.cfg offline-info", 1, "", "", runs=False))
    assert seen.exit_code == 1
    assert f"Got an exception: {said}\n" in seen.stderr


def test_a_second_process_in_a_folder_is_refused_and_the_first_goes_on() -> None:
    with core_folder(GOOD) as folder, contextlib.ExitStack() as stack:
        assert folder.execute(GOOD.steps[0]).exit_code == 0
        first = _run_in_background(folder.path, stack)
        for step in load_second_process():
            expected = Seen(step.exit_code, step.stdout, step.stderr)
            seen = folder.execute(Step(step.argv.replace("node2.cfg", "node.cfg"), 1, "", "", runs=False))
            assert Seen(seen.exit_code, seen.stdout, seen.stderr.replace("node.cfg", "node2.cfg")) == expected, (
                step.argv
            )
        assert first.poll() is None
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE_SECONDS) == 0


def _run_in_background(folder: Path, stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """Start a node, and wait until it runs."""
    log = folder / "run.log"
    with log.open("wb") as file:
        process = subprocess.Popen([simulated_core(), "--conf", "node.cfg", "run"], cwd=folder, stderr=file)
    stack.callback(process.wait)
    stack.callback(process.kill)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while RUNNING not in log.read_text():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process
