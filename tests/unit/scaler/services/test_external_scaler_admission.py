"""Which triggers get in, and that remembering them stays cheap."""

import pytest
from structlog.testing import capture_logs

from scaler.services.admission import Admission, PoolTriggerError
from scaler.triggers.fleet_spec import ServiceSource, build_pool_target
from scaler.triggers.trigger_values import TriggerError

GOOD = {"service": "core", "port": "11626", "targetReplicas": "3"}


def test_the_same_trigger_is_parsed_once_whatever_the_order_of_its_keys() -> None:
    admission = Admission(allow_static_nodes=False)
    first = admission.parse("stellar", "core", GOOD)
    assert isinstance(first.fleet.source, ServiceSource)
    assert admission.parse("stellar", "other", dict(reversed(GOOD.items()))) is first
    assert len(admission) == 1


def test_the_same_metadata_in_another_namespace_is_another_trigger() -> None:
    admission = Admission(allow_static_nodes=False)
    assert admission.parse("a", "core", GOOD).fleet.namespace == "a"
    assert admission.parse("b", "core", GOOD).fleet.namespace == "b"


def test_a_refusal_is_logged_once_and_raised_each_time() -> None:
    admission = Admission(allow_static_nodes=False)
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(TriggerError, match="nonsense"):
                admission.parse("stellar", "core", {**GOOD, "nonsense": "1"})
    assert [(line["event"], line["scaledObject"]) for line in lines] == [("triggerRefused", "core")]


def test_fixed_nodes_get_in_only_where_the_scaler_allows_them() -> None:
    nodes = {"nodes": "http://10.0.0.1:11626", "targetReplicas": "1"}
    with pytest.raises(TriggerError, match="allow-static-nodes"):
        Admission(allow_static_nodes=False).parse("stellar", "core", nodes)
    assert Admission(allow_static_nodes=True).parse("stellar", "core", nodes)


@pytest.mark.parametrize(
    ("namespaces", "why"),
    [
        pytest.param(None, "pool: 'core' .* start it with --pools", id="no pools are read"),
        pytest.param(("b", "a"), r"'core' is in namespace stellar, .* in a, b only \(--namespaces\)", id="others"),
    ],
)
def test_a_pool_that_is_not_read_is_refused_with_what_to_do_about_it(
    namespaces: tuple[str, ...] | None, why: str
) -> None:
    with pytest.raises(PoolTriggerError, match=why):
        Admission(allow_static_nodes=False, pool_namespaces=namespaces).parse("stellar", "core", {"pool": "core"})


@pytest.mark.parametrize("namespaces", [(), ("stellar",), ("a", "stellar")])
def test_a_pool_that_is_read_gets_in(namespaces: tuple[str, ...]) -> None:
    admission = Admission(allow_static_nodes=False, pool_namespaces=namespaces)
    assert admission.parse("stellar", "core", {"pool": "reads"}).fleet == build_pool_target("stellar", "reads")


def test_what_is_remembered_stays_under_its_limit_and_the_least_recently_asked_for_goes_first() -> None:
    admission = Admission(allow_static_nodes=False, remembered_characters=50_000)
    kept = admission.parse("stellar", "core", GOOD)
    for number in range(1000):
        with pytest.raises(TriggerError):
            admission.parse("stellar", "core", {**GOOD, f"key{number}": "x" * (number % 7 * 1000)})
        assert admission.parse("stellar", "core", GOOD) is kept
        assert len(admission) <= 24
