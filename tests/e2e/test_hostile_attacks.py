"""Attacks and what judges them: one that does harm is seen to, and what has held is told so."""

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_where_impossible
from tests.hostile.assault import make_attack
from tests.hostile.attacks import load_attack, load_attacks
from tests.hostile.core import build_query
from tests.hostile.memory_group import make_memory_group
from tests.hostile.outcome import find_reasons
from tests.hostile.part import Part
from tests.hostile.processes import read_line, run_program
from tests.hostile.readers import be_honest, write_query

SECONDS = 2.0


@contextlib.asynccontextmanager
async def run_bare_core(folder: Path) -> AsyncIterator[Part]:
    """Run a Core that nothing stands before."""
    log = folder / "core.log"
    async with run_program([sys.executable, "-m", "tests.hostile.core"], log) as core:
        _, query = map(int, (await read_line(core, log)).split())

        async def find_harm() -> list[str]:
            return [] if core.returncode is None else [f"Core has ended with {core.returncode}"]

        reader = be_honest("readers", query, write_query(build_query(1)), 0.1)
        yield Part({"read": query}, [reader], find_harm=find_harm)


@pytest.mark.timeout(300)
async def test_one_query_with_a_length_that_is_no_int_ends_a_core_that_nothing_is_before(tmp_path: Path) -> None:
    async with run_bare_core(tmp_path) as part:
        attack = load_attack("gate_deadly_lengths")
        outcome = await make_attack("gate_deadly_lengths", attack, part, SECONDS, tmp_path)
    reasons = find_reasons(outcome)
    assert "Core has ended with -6" in reasons
    assert "readers: failed once it was over" in reasons


async def test_silence_alone_does_core_no_harm(tmp_path: Path) -> None:
    async with run_bare_core(tmp_path) as part:
        attack = load_attack("gate_slow_heads")
        outcome = await make_attack("gate_slow_heads", attack, part, SECONDS, tmp_path)
    assert find_reasons(outcome) == []
    (readers,) = outcome.groups
    assert len(outcome.during(readers)) > 5


async def test_who_takes_more_memory_than_its_group_has_is_killed_and_counted(tmp_path: Path) -> None:
    try:
        with make_memory_group("test-eater", 64 << 20) as memory:
            eat = "kept = [bytearray(b'x' * (1 << 20)) for _ in range(256)]"
            async with run_program([sys.executable, "-c", eat], tmp_path / "eater.log", memory) as eater:
                await eater.wait()
            assert memory.count_kills() == 1
    except UnmetNeedError as error:
        skip_where_impossible(str(error))


def test_each_attack_has_a_part_to_attack() -> None:
    attacks = load_attacks()
    parts = {path.stem for path in (Path(__file__).parents[1] / "hostile" / "parts").glob("[a-z]*.py")}
    assert {attack.part for attack in attacks.values()} <= parts
    assert len({(attack.part, attack.name) for attack in attacks.values()}) == len(attacks)
