"""The demo's scaler process: the real one, which never outlives whoever started it, and says why when it dies."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from readpool.cli.demo.scaler_process import RunningScaler, ScalerError, run_scaler


def is_alive(scaler: RunningScaler) -> bool:
    try:
        os.kill(scaler.process.pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_serves_on_free_loopback_ports_and_is_ended_after_the_block(tmp_path: Path) -> None:
    async with run_scaler(tmp_path / "log") as scaler:
        assert scaler.grpc.startswith("127.0.0.1:")
        assert scaler.telemetry.startswith("127.0.0.1:")
        assert is_alive(scaler)
    assert not is_alive(scaler)
    assert scaler.process.returncode == 0, "it was asked to end, and drained"


async def test_it_ends_with_a_block_that_fails_or_is_cancelled(tmp_path: Path) -> None:
    started = list[RunningScaler]()

    async def hold() -> None:
        async with run_scaler(tmp_path / "log") as scaler:
            started.append(scaler)
            holding.cancel()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert not is_alive(started[0])


async def test_its_death_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    async with run_scaler(tmp_path / "log") as scaler:
        os.kill(scaler.process.pid, signal.SIGKILL)
        with pytest.raises(ScalerError, match=r"ended by SIGKILL.*\n.*log:\n(.*\n)*.*serving"):
            await scaler.wait_for_death()


async def test_flags_that_it_refuses_are_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ScalerError, match=r"exit code 2.*\n(.*\n)*.*--poll-interval"):
        async with run_scaler(tmp_path / "log", "--poll-interval", "0"):
            pass
