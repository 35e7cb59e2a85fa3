"""Which failed reads a living fresh replica could have answered, and which nobody could."""

from typing import Any

import pytest

from tests.soak.answerable import LOST, NO_FAULT, NOBODY_LOOKED, list_failed
from tests.soak.history import PodSeen, Read
from tests.soak.truth import Truth
from tests.unit.soak_histories import NAMES, address, done, history, probes, ready, silent

FAILED = Read(200.0, 200.5, "503: no healthy upstream")
REMADE = PodSeen(195.0, "replica", "soak-0", "another uid", address("soak-0"), True)


def silent_all(since: float, until: float, *, behind: int = 0) -> list[Any]:
    return [probe for name in NAMES for probe in silent(name, since, until, behind=behind)]


def test_no_read_of_a_pool_that_is_well_has_failed() -> None:
    assert list_failed(Truth(history())) == ()


def test_a_read_that_failed_while_all_were_fine_could_have_been_answered_by_each() -> None:
    (failed,) = list_failed(Truth(history(reads=(FAILED,))))
    assert (failed.able, failed.cause) == (NAMES, NO_FAULT)


@pytest.mark.parametrize(
    ("unlike", "pods", "able"),
    [
        pytest.param(silent("soak-0", 195, 210), None, ("soak-1", "soak-2"), id="one is silent"),
        pytest.param(silent("soak-0", 195, 210, behind=11), None, ("soak-1", "soak-2"), id="one is behind"),
        pytest.param(silent("soak-0", 195, 210, behind=10), None, NAMES, id="one is behind, within the threshold"),
        pytest.param(silent_all(195, 210), None, (), id="all are silent"),
        pytest.param(silent_all(195, 210, behind=20), None, (), id="all are behind"),
        pytest.param(silent_all(180, 192), None, (), id="all were silent until a moment ago: nobody knows yet"),
        pytest.param(silent_all(170, 185), None, NAMES, id="all are back for a while"),
        pytest.param(
            [*probes("soak-0", 80, 150), *probes("soak-0", 199.5, 300)],
            None,
            ("soak-1", "soak-2"),
            id="one was not asked",
        ),
        pytest.param(silent_all(200.6, 230), None, (), id="all fall silent just then"),
        pytest.param([], [ready(n, is_ready=False) for n in NAMES], (), id="the kubelet calls none ready"),
        pytest.param([], [*map(ready, NAMES), REMADE], ("soak-1", "soak-2"), id="one is another pod just now"),
        pytest.param([], [ready("soak-2")], ("soak-2",), id="the API server knows one alone"),
    ],
)
def test_who_could_have_answered(unlike: list[Any], pods: list[PodSeen] | None, able: tuple[str, ...]) -> None:
    told = {} if pods is None else {"pods": tuple(pods)}
    (failed,) = list_failed(Truth(history(unlike=unlike, reads=(FAILED,), **told)))
    assert failed.able == able


@pytest.mark.parametrize(
    ("began", "ended", "able"),
    [(198, 205, ()), (200.3, 200.3, ()), (150, 160, NAMES), (230, 240, NAMES)],
)
@pytest.mark.parametrize(("verb", "target"), [("stop", "replica"), ("kill", "gate"), ("cut", "replica")])
def test_who_is_under_a_fault_of_ours_could_not_have_answered(
    verb: str, target: str, began: float, ended: float, able: tuple[str, ...]
) -> None:
    faults = tuple(done(verb, target, began, ended, name) for name in NAMES)
    (failed,) = list_failed(Truth(history(done=faults, reads=(FAILED,))))
    assert failed.able == able


def test_a_fault_of_a_program_excuses_no_read() -> None:
    faults = (done("stop", "controller", 190, 210, "controller-a", "controller-b"),)
    (failed,) = list_failed(Truth(history(done=faults, reads=(FAILED,))))
    assert (failed.able, failed.cause) == (NAMES, "controller: stop")


def test_a_read_that_was_given_up_late_could_have_been_answered_in_its_last_seconds() -> None:
    unlike = [probe for name in NAMES for probe in silent(name, 195, 210)]
    late = Read(200.0, 231.0, "no answer: ReadTimeout")
    (failed,) = list_failed(Truth(history(unlike=unlike, reads=(late,))))
    assert failed.able == NAMES


def test_where_nobody_looked_a_failed_read_is_not_excused() -> None:
    unlike = [probe for name in NAMES for probe in probes(name, 80, 150)]
    (failed,) = list_failed(Truth(history(unlike=unlike, reads=(FAILED,))))
    assert failed.able == (NOBODY_LOOKED,)


@pytest.mark.parametrize(
    ("fault", "is_failed"),
    [
        (("kill", "router", 199, 199, "router-a"), False),
        (("cut", "router", 180, 185, "router-a"), False),
        (("cut", "router", 150, 160, "router-a"), True),
        (("stop", "replica", 199, 210, "soak-0"), True),
    ],
)
def test_a_try_that_got_no_answer_at_all_failed_unless_a_router_was_hurt(fault: Any, is_failed: bool) -> None:
    lost = Read(200.0, 205.5, lost=("ReadTimeout",), ledger=200)
    failed = list_failed(Truth(history(done=(done(*fault),), reads=(lost,))))
    assert [one.failure for one in failed] == ([LOST] if is_failed else [])


def test_the_cause_is_the_fault_that_is_nearest_to_readers() -> None:
    faults = (
        done("kill", "scaler", 199, 199),
        done("stop", "replica", 190, 197, "soak-0"),
        done("pause", "user", 1, 300),
    )
    (failed,) = list_failed(Truth(history(done=faults, reads=(FAILED,))))
    assert failed.cause == "replica: stop"
