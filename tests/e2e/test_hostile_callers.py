"""All attackers of a scaler's ports, and of a controller's, at once for a few seconds; `make hostile` takes minutes.

Two are made by themselves: one that takes no answers, which is banned before it does harm among others, and one of TLS.

KEDA, the Lease and the class of another tenant are looked after meanwhile. How soon each has to be served is bounded
loosely here, where other tests run beside it.
"""

from pathlib import Path

import pytest

from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from tests.hostile.assault import make_attack
from tests.hostile.attacks import load_attack
from tests.hostile.outcome import find_reasons
from tests.hostile.parts import run_part
from tests.hostile.priority import come_first
from tests.hostile.report import build_table

SECONDS = 2.0
PATIENCE = 20.0
pytestmark = pytest.mark.timeout(900)  # Helm and Kubernetes may have to be built


@pytest.mark.parametrize(
    "name", ["scaler_all_at_once", "scaler_untaken", "scaler_tls_stalled", "controller_all_at_once"]
)
async def test_callers_who_mean_harm_do_none(name: str, tmp_path: Path) -> None:
    attack = load_attack(name)
    try:
        with come_first():
            async with run_part(attack.part, tmp_path) as part:
                outcome = await make_attack(name, attack, part, SECONDS, tmp_path)
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    print(build_table([outcome]))  # noqa: T201 - what was measured
    assert find_reasons(outcome, PATIENCE) == []
