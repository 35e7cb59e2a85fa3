"""Whatever comes from outside, each parser understands it or refuses it: a few of the inputs of `make fuzz`."""

from random import Random

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.fuzz.running import run_target
from tests.fuzz.targets import build_targets

TARGETS = build_targets()


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_are_almost_right_are_parsed_or_refused(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=max(3, int(100 * target.share)), deadline=None)
    @given(st.randoms(use_true_random=False))
    def try_inputs(random: Random) -> None:
        body = target.mutate(random, target.seeds)
        note(repr(body))
        target.run(body)

    try_inputs()


@pytest.mark.parametrize("name", TARGETS)
def test_the_inputs_that_others_are_made_of_are_real(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", ["trigger", "pool manifest", "gate statistics"])
def test_a_run_tells_how_many_how_fast_and_how_much_memory(name: str) -> None:
    outcome = run_target(name, 50, seed=1)
    assert (outcome.inputs, outcome.crashes, outcome.is_good) == (50, (), True)
    assert "50 inputs" in str(outcome)
    assert "MiB" in str(outcome)
