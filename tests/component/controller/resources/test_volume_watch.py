"""The shell that reads how full a volume is: it writes what the file system says, as a whole, and ends when told to."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from controller.gate.volume_watch import build_volume_watch

CORE: dict[str, Any] = {
    "image": "core",
    "imagePullPolicy": "Always",
    "terminationMessagePolicy": "File",
    "securityContext": {},
}
SECONDS = 30.0


def read_command(data: Path, told: Path) -> list[str]:
    command: list[str] = build_volume_watch(CORE)["command"]
    return [*command[:-2], str(data), str(told)]


def wait_for(told: Path) -> str:
    deadline = time.monotonic() + SECONDS
    while not told.exists():
        assert time.monotonic() < deadline, "nothing is written"
        time.sleep(0.05)
    return told.read_text()


def test_it_tells_what_the_file_system_says_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    told = tmp_path / "used"
    shell = subprocess.Popen(read_command(tmp_path, told))
    try:
        number = wait_for(told)
        usage = os.statvfs(tmp_path)
        used = usage.f_blocks - usage.f_bfree
        percent = 100 * used / (used + usage.f_bavail)
        assert float(number) * 100 == pytest.approx(percent, abs=2.0)
        assert re.fullmatch(r"0\.[0-9]{3}|1", number)
    finally:
        shell.send_signal(signal.SIGTERM)
        assert shell.wait(SECONDS) == 0


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("/dev/sda1 100 1 99 1% /data", "0.015"),
        ("/dev/sda1 100 0 99 0% /data", "0.005"),
        ("/dev/sda1 100 83 17 83% /data", "0.835"),
        ("/dev/sda1 100 100 0 100% /data", "1"),
        ("/dev/with space 100 83 17 83% /data", "0.835"),
        ("/dev/sda1 100 83 17 83% /with 9 % and space", None),
        ("df: /data: Input/output error", None),
        ("/dev/sda1 - - - - /data", None),
    ],
)
def test_of_what_it_cannot_read_it_writes_nothing(tmp_path: Path, line: str, number: str | None) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {
        "df": f"echo '{line}'",
        "sleep": f"touch {tmp_path}/slept; exec {shutil.which('sleep')} 60",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    told = tmp_path / "used"
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    shell = subprocess.Popen(read_command(tmp_path, told), env=environment)
    try:
        wait_for(tmp_path / "slept")
        assert (told.read_text() if told.exists() else None) == number
    finally:
        shell.terminate()
        shell.wait(SECONDS)
