"""Why is a pool of its size? Every way in which it can have come about has its sentence."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.pools.workload_manifests import RPC
from readpool.cli.pools.explanation import ScalerWord, compute_wanted, explain_pool
from readpool.pool.spec import ReadOnlyPool
from tests.unit.pool_statuses import FIVE, build_condition, build_conditions, build_pool, build_replica


def build_word(desired: int | None, reason: str = "OnTarget", message: str = "", **numbers: int) -> ScalerWord:
    counted = {"unhealthy": 0, "catching_up": 0, "replicas_for_load": 0} | numbers
    return ScalerWord(desired, reason, message, age_seconds=2.4, **counted)


def list_sentences(pool: ReadOnlyPool, word: ScalerWord | None = None) -> list[str]:
    return list(explain_pool(pool, word).sentences)


BEFORE: dict[str, Any] = RPC | {"replicas": 0}


@pytest.mark.parametrize(
    ("reason", "desired", "sentences"),
    [
        ("Disabled", 5, ["The scaler wants 5 (OnTarget): x.", "The pool does not scale Deployment stellar-rpc (off)."]),
        ("ScaledByKeda", 5, ["The scaler wants 5 (OnTarget): x."]),
        (
            "ScaledByKeda",
            7,
            [
                "The scaler wants 7 (OnTarget): x.",
                (
                    "KEDA scales Deployment stellar-rpc from 5: it adds replicas within seconds,"
                    " and removes some once fewer are enough."
                ),
            ],
        ),
    ],
)
def test_a_workload_has_the_size_that_others_give_it(reason: str, desired: int, sentences: list[str]) -> None:
    scaling = build_condition("Autoscaling", "True" if reason == "ScaledByKeda" else "False", reason, "off")
    pool = build_pool(*FIVE, spec=BEFORE, conditions=[scaling])
    told = explain_pool(pool, build_word(desired, "OnTarget", "x"))
    assert list(told.sentences) == sentences
    assert "requested" not in {step.name for step in told.steps}


NO_KEDA = build_condition("Autoscaling", "False", "KedaMissing", "the cluster has no KEDA")
SILENT = build_condition("Fresh", "Unknown", "ScalerUnreachable", "No connection to the scaler since 12:00")
HALTED = build_condition("Fresh", "Unknown", "NetworkHalted", "the network closes no ledgers")
TRIGGERS: dict[str, Any] = {"autoscaling": {"triggers": [{"type": "cpu", "metadata": {"value": "70"}}]}}


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        pytest.param(
            build_word(5, "OnTarget", "target 5, none unhealthy"),
            "The scaler wants 5 (OnTarget): target 5, none unhealthy.",
            id="on target",
        ),
        pytest.param(
            build_word(None, "NoTip", "The network's newest ledger is unknown."),
            "The scaler cannot decide, so the size stays as it is (NoTip): The network's newest ledger is unknown.",
            id="no ground",
        ),
    ],
)
def test_where_the_scaler_is_asked_its_own_sentence_decides(word: ScalerWord, sentence: str) -> None:
    assert list_sentences(build_pool(*FIVE), word) == [sentence]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        pytest.param({}, "The scaler last asked for 5, with a target of 5 fresh replicas.", id="on target"),
        pytest.param(
            {"desiredReplicas": 7},
            "The scaler last asked for 7: 2 more than the target of 5 fresh replicas.",
            id="more than that",
        ),
        pytest.param(
            {"desiredReplicas": None},
            "The scaler could not decide when it last reported, so the size stays as it is.",
            id="no ground",
        ),
        pytest.param(
            {"observedAt": None},
            "The scaler has not reported on this pool yet, so the size stays as it is.",
            id="never heard",
        ),
        pytest.param(
            {"conditions": build_conditions(SILENT)},
            "The size stays as it is: No connection to the scaler since 12:00.",
            id="silent",
        ),
        pytest.param(
            {"conditions": build_conditions(HALTED)},
            "The size stays as it is: the network closes no ledgers.",
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
            "KEDA has set spec.replicas to 5 so far; it asks the scaler every few seconds, then sets more.",
            id="up",
        ),
        pytest.param(3, {}, {}, "KEDA keeps 5: it scales down once fewer have been enough for 300 s.", id="down"),
        pytest.param(
            3,
            TRIGGERS,
            {},
            "KEDA keeps 5: it scales down once fewer have been enough for 300 s, by all of autoscaling.triggers.",
            id="down, beside other triggers",
        ),
        pytest.param(
            7,
            {},
            {"conditions": build_conditions(NO_KEDA)},
            "Autoscaling does not work: the cluster has no KEDA; spec.replicas stays at 5.",
            id="nobody scales",
        ),
        pytest.param(
            7,
            {"paused": True},
            {},
            "The pool is paused (spec.paused), so the size stays as it is.",
            id="paused before all else",
        ),
        pytest.param(
            5,
            {"replicas": 0},
            {},
            "The pool has not been scaled yet (spec.replicas is 0): targetReplicas applies, 5.",
            id="new",
        ),
        pytest.param(
            20,
            {"replicas": 30},
            {},
            "spec.replicas is 30, more than maxReplicas: 20 applies.",
            id="too many",
        ),
        pytest.param(3, {"replicas": 1}, {}, "spec.replicas is 1, less than minReplicas: 3 applies.", id="too few"),
    ],
)
def test_each_step_that_differs_from_the_one_before_says_why(
    desired: int, spec: dict[str, Any], status: dict[str, Any], sentence: str
) -> None:
    assert sentence in list_sentences(build_pool(*FIVE, spec=spec, **status), build_word(desired))


@pytest.mark.parametrize(
    ("there", "conditions", "sentence"),
    [
        pytest.param(3, [], "3 replicas exist, 2 to be created.", id="growing"),
        pytest.param(6, [], "6 replicas exist, 1 to be removed.", id="shrinking"),
        pytest.param(
            3,
            [build_condition("Stalled", "True", "NameTaken", "Service readers is somebody else's")],
            "3 replicas exist, 2 to be created. The pool is stalled: Service readers is somebody else's.",
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
        ("for load", "4"),
        ("catching up", "1"),
        ("desired", "7"),
        ("requested", "5"),
        ("current", "5"),
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
