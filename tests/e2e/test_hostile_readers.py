"""Each attacker for a few seconds against gate and router under the chart's limits; `make hostile` takes minutes."""

from pathlib import Path

import pytest

from devtools.envoy.envoy_binary import require_envoy
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from tests.hostile.assault import make_attack
from tests.hostile.attacks import load_attacks
from tests.hostile.outcome import find_reasons
from tests.hostile.parts import run_part
from tests.hostile.report import build_table

ATTACKS = {name: one for name, one in load_attacks().items() if one.part in {"gate", "router"}}
SECONDS = 30 / len(ATTACKS)
"""Half a minute for all of them."""
pytestmark = pytest.mark.timeout(900)  # Helm may have to be built


@pytest.mark.parametrize("name", ATTACKS)
async def test_readers_who_mean_harm_do_none(name: str, tmp_path: Path) -> None:
    require_envoy()
    attack = ATTACKS[name]
    try:
        async with run_part(attack.part, tmp_path) as part:
            outcome = await make_attack(name, attack, part, SECONDS, tmp_path)
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    print(build_table([outcome]))  # noqa: T201 - what was measured
    assert find_reasons(outcome) == []
