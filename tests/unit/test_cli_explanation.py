"""Why is a pool of its size? Every way in which it can have come about has its sentence."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.cli.pools.explanation import ScalerWord, compute_wanted, explain_pool
from readpool.pool.spec import ReadOnlyPool
from tests.unit.pool_statuses import FIVE, build_condition, build_conditions, build_pool, build_replica


def build_word(desired: int | None, reason: str = "OnTarget", message: str = "", **numbers: int) -> ScalerWord:
    counted = {"unhealthy": 0, "catching_up": 0, "replicas_for_load": 0} | numbers
    return ScalerWord(desired, reason, message, age_seconds=2.4, **counted)


def list_sentences(pool: ReadOnlyPool, word: ScalerWord | None = None) -> list[str]:
    return list(explain_pool(pool, word).sentences)


NO_KEDA = build_condition("Autoscaling", "False", "KedaMissing", "the cluster has no KEDA")
SILENT = build_condition("Fresh", "Unknown", "ScalerSilent", "the scaler has not been heard since 12:00")
HALTED = build_condition("Fresh", "Unknown", "NetworkHalted", "the network closes no ledgers")
TRIGGERS: dict[str, Any] = {"autoscaling": {"triggers": [{"type": "cpu", "metadata": {"value": "70"}}]}}


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        pytest.param(
            build_word(5, "OnTarget", "5 wanted fresh and none lacking"),
            "The scaler wants 5 (OnTarget): 5 wanted fresh and none lacking.",
            id="on target",
        ),
        pytest.param(
            build_word(None, "NoTip", "The network's newest ledger is not known."),
            "The scaler decides nothing, and the size stays (NoTip): The network's newest ledger is not known.",
            id="no ground",
        ),
    ],
)
def test_where_the_scaler_is_asked_its_own_sentence_decides(word: ScalerWord, sentence: str) -> None:
    assert list_sentences(build_pool(*FIVE), word) == [sentence]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        pytest.param({}, "The scaler wanted 5 for a target of 5 fresh ones.", id="on target"),
        pytest.param(
            {"desiredReplicas": 7}, "The scaler wanted 7, 2 more than the target of 5 fresh ones.", id="more than that"
        ),
        pytest.param(
            {"desiredReplicas": None},
            "The scaler had no ground to decide when it was last heard, so the size stays.",
            id="no ground",
        ),
        pytest.param(
            {"observedAt": None},
            "The scaler has said nothing of this pool yet, so nobody decides on its size.",
            id="never heard",
        ),
        pytest.param(
            {"conditions": build_conditions(SILENT)},
            "Nobody decides on its size, and it stays as it is: the scaler has not been heard since 12:00.",
            id="silent",
        ),
        pytest.param(
            {"conditions": build_conditions(HALTED)},
            "Nobody decides on its size, and it stays as it is: the network closes no ledgers.",
            id="halted",
        ),
    ],
)
def test_where_it_is_not_the_status_has_to_do(status: dict[str, Any], sentence: str) -> None:
    assert list_sentences(build_pool(*FIVE, **status))[0] == sentence


@pytest.mark.parametrize(
    ("desired", "spec", "status", "sentence"),
    [
        pytest.param(
            7,
            {},
            {},
            "KEDA has asked for 5 so far; it hears the scaler each few seconds and then asks for more.",
            id="up",
        ),
        pytest.param(
            3, {}, {}, "KEDA still asks for 5: fewer must have been wanted for 300 s before one goes.", id="down"
        ),
        pytest.param(
            3,
            TRIGGERS,
            {},
            "KEDA still asks for 5: fewer must have been wanted for 300 s before one goes,"
            " by each of autoscaling.triggers as well.",
            id="down, beside other triggers",
        ),
        pytest.param(
            7,
            {},
            {"conditions": build_conditions(NO_KEDA)},
            "Nobody scales it: the cluster has no KEDA; spec.replicas stays at 5.",
            id="nobody scales",
        ),
        pytest.param(
            7,
            {"paused": True},
            {},
            "It is paused (spec.paused): nothing changes its size.",
            id="paused before all else",
        ),
        pytest.param(
            5,
            {"replicas": 0},
            {},
            "Nobody has scaled it yet (spec.replicas is 0), which counts as targetReplicas: 5.",
            id="new",
        ),
        pytest.param(
            20,
            {"replicas": 30},
            {},
            "spec.replicas is 30, which is beyond maxReplicas and counts as 20.",
            id="too many",
        ),
        pytest.param(
            3, {"replicas": 1}, {}, "spec.replicas is 1, which is beyond minReplicas and counts as 3.", id="too few"
        ),
    ],
)
def test_each_step_that_differs_from_the_one_before_says_why(
    desired: int, spec: dict[str, Any], status: dict[str, Any], sentence: str
) -> None:
    assert sentence in list_sentences(build_pool(*FIVE, spec=spec, **status), build_word(desired))


@pytest.mark.parametrize(
    ("there", "conditions", "sentence"),
    [
        pytest.param(3, [], "3 are there; 2 are being made.", id="growing"),
        pytest.param(6, [], "6 are there; 1 are to go.", id="shrinking"),
        pytest.param(
            3,
            [build_condition("Stalled", "True", "NameTaken", "Service readers is somebody else's")],
            "3 are there; 2 are being made. It is stalled: Service readers is somebody else's.",
            id="stalled",
        ),
    ],
)
def test_what_is_not_there_yet_is_counted(there: int, conditions: list[dict[str, Any]], sentence: str) -> None:
    pool = build_pool(*FIVE, currentReplicas=there, conditions=build_conditions(*conditions))
    assert sentence in list_sentences(pool, build_word(5))


def test_the_sum_shows_what_the_scaler_added() -> None:
    told = explain_pool(
        build_pool(*FIVE), build_word(7, "ReplacingUnhealthy", unhealthy=2, catching_up=1, replicas_for_load=4)
    )
    assert [(step.name, step.figure) for step in told.steps] == [
        ("target", "5"),
        ("unhealthy", "+2"),
        ("for the load", "4"),
        ("catching up", "1"),
        ("desired", "7"),
        ("asked for", "5"),
        ("there", "5"),
    ]


def test_without_the_scaler_the_sum_counts_the_replicas_of_the_status() -> None:
    classes = ("lagging", "lagging", "unreachable", "catchingUp", "fresh")
    pool = build_pool(*(build_replica(f"readers-{n}", one, None) for n, one in enumerate(classes)))
    figures = {step.name: step.figure for step in explain_pool(pool, None).steps}
    assert (figures["lagging"], figures["unreachable"], figures["catching up"], figures["desired"]) == (
        "2",
        "1",
        "1",
        "5",
    )


words = st.none() | st.builds(
    ScalerWord,
    st.none() | st.integers(0, 5000),
    st.text(),
    st.text(),
    st.integers(0, 5000),
    st.integers(0, 5000),
    st.integers(0, 5000),
    st.floats(-1e6, 1e6),
)


@given(st.integers(0, 5000), st.integers(0, 10), st.booleans(), words)
def test_every_pool_has_a_reason_for_its_size(replicas: int, there: int, paused: bool, word: ScalerWord | None) -> None:
    pool = build_pool(*FIVE, spec={"replicas": replicas, "paused": paused}, currentReplicas=there)
    told = explain_pool(pool, word)
    assert told.sentences[0]
    assert 3 <= compute_wanted(pool) <= 20
    if there != compute_wanted(pool):
        assert len(told.sentences) > 1, "what is not as the scaler wants has a sentence of its own"
