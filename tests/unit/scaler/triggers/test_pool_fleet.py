"""What a trigger by pool stands for: from a ReadOnlyPool's manifest to what its fleet is held to, or why to hold."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.pools.pool_manifests import ACCEPTED, ARCHIVE, REFUSED, Refused, build_manifest
from devtools.pools.workload_manifests import CORE, RPC
from devtools.pools.workload_manifests import HORIZON as HORIZONS
from readpool.pool.spec import parse_pool
from scaler.policy.policy import Bounds
from scaler.policy.remembered import Remembered
from scaler.probes import parse_horizon
from scaler.probes.kinds import ProbeKind
from scaler.triggers.fleet_spec import FleetSpec, PoolSource, Reference, ServiceSource, build_pool_target
from scaler.triggers.pool_fleet import ReferenceRules, build_unread, derive_fleet
from scaler.triggers.pool_hold_reasons import was_deleted

ASKED = build_pool_target("stellar", "reads")
NODES = ServiceSource("reads-nodes", "info")
TESTNET = "Test SDF Network ; September 2015"
HORIZON = {"type": "horizon", "url": "https://horizon.example.com"}
ANY, NONE = ReferenceRules(allow_any=True), ReferenceRules()


def derive(rules: ReferenceRules = NONE, before: FleetSpec | None = None, **spec: Any) -> FleetSpec:
    """Derive the fleet of a pool that says these things."""
    return derive_fleet(ASKED, build_manifest("reads", "stellar", **spec), rules, before)


def reason(spec: FleetSpec) -> str:
    assert spec.hold_reason
    return spec.hold_reason.reason


def message(spec: FleetSpec) -> str:
    assert spec.hold_reason
    return spec.hold_reason.message


def test_the_least_pool_is_held_to_the_defaults_of_its_definition() -> None:
    assert derive() == FleetSpec(
        "stellar",
        NODES,
        Bounds(3, 5, 20),
        ProbeKind.CORE,
        TESTNET,
        lag_threshold=1000,
        sustain_seconds=60.0,
        stats_port="stats",
        keeps_volumes=False,
    )


@pytest.mark.parametrize(
    ("spec", "kind"), [(RPC, ProbeKind.RPC), (HORIZONS, ProbeKind.HORIZON), (CORE, ProbeKind.CORE)]
)
def test_the_pods_of_a_workload_are_asked_as_its_probe_says_and_have_no_gates(
    spec: dict[str, Any], kind: ProbeKind
) -> None:
    fleet = derive(**spec)
    assert (fleet.source, fleet.probe, fleet.stats_port, fleet.hold_reason) == (NODES, kind, None, None)
    assert fleet.keeps_volumes  # they are not ours


def test_volumes_of_removed_replicas_stay_where_the_pool_retains_them() -> None:
    assert derive(storage={"retentionPolicy": "Retain"}).keeps_volumes


SAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "its size": (
        {"minReplicas": 2, "targetReplicas": 4, "maxReplicas": 9},
        {"bounds": Bounds(2, 4, 9)},
    ),
    "when a replica lags": ({"loadBalancing": {"lagThreshold": 12}}, {"lag_threshold": 12}),
    "for how long": ({"autoscaling": {"sustainSeconds": 120}}, {"sustain_seconds": 120.0}),
    "a public network": (
        {"network": "Mainnet"},
        {"network": "Public Global Stellar Network ; September 2015"},
    ),
    "a network of its own": (
        {"network": "Custom", "networkPassphrase": "Standalone Network ; February 2017"},
        {"network": "Standalone Network ; February 2017"},
    ),
    "that no gate tells of readers": ({"gate": {"enabled": False}}, {"stats_port": None}),
    "its references": (
        {"references": [HORIZON, {"type": "archive", "url": ARCHIVE}]},
        {
            "references": (
                Reference(ProbeKind.HORIZON, "https://horizon.example.com"),
                Reference(ProbeKind.ARCHIVE, ARCHIVE),
            )
        },
    ),
    "that nobody scales it, which is its own affair": ({"autoscaling": {"enabled": False}}, {}),
    "how many replicas there are": ({"replicas": 7}, {}),
}


@pytest.mark.parametrize(("spec", "expected"), SAYS.values(), ids=SAYS.keys())
def test_the_fleet_is_held_to_what_the_pool_says(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert derive(ANY, **spec) == replace(derive(), **expected)


def test_what_was_learned_of_a_replica_is_read_from_the_status() -> None:
    manifest = build_manifest("reads", "stellar") | {"status": {"learnedRequestsPerReplica": 450.5}}
    assert derive_fleet(ASKED, manifest, NONE) == replace(derive(), learned_requests_per_replica=450.5)


@pytest.mark.parametrize(
    ("verdict", "message", "unready"),
    [
        pytest.param(
            "False", "0 of 5 replicas are ready: 5 starting", "0 of 5 replicas are ready: 5 starting", id="said"
        ),
        pytest.param("True", "5 of 5 replicas are ready", "", id="all are"),
        pytest.param("False", "5 crash:\n\x1b[31mno", "5 crash:  [31mno", id="not as it came from a container"),
        pytest.param("False", "a" * 9000, "a" * 400 + "…", id="nor at any length"),
    ],
)
def test_why_pods_are_not_ready_is_read_from_the_status(verdict: str, message: str, unready: str) -> None:
    ready = {"type": "Ready", "status": verdict, "reason": "Counted", "message": message}
    told = {"conditions": [ready | {"lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    assert derive_fleet(ASKED, build_manifest("reads", "stellar") | {"status": told}, NONE).unready == unready


def test_what_is_remembered_of_its_scaling_is_read_from_the_status_and_makes_no_other_fleet() -> None:
    memory = {
        "reportedAt": "2027-01-15T08:00:00Z",
        "desiredReplicas": 7,
        "surplusSince": "2027-01-15T07:00:00Z",
        "prematureScaleIns": 2,
    }
    manifest = build_manifest("reads", "stellar") | {"status": {"scalingMemory": memory}}
    spec = derive_fleet(ASKED, manifest, NONE)
    assert spec.remembered == Remembered(1_800_000_000.0, 7, surplus_since=1_799_996_400.0, premature_scale_ins=2)
    assert spec == derive()


@pytest.mark.parametrize(
    "odd",
    [
        {"desiredReplicas": 0},
        {"desiredReplicas": "many"},
        {"desiredReplicas": 10**9},
        {"reportedAt": "yesterday"},
        {"reportedAt": None},
    ],
)
def test_a_memory_that_nobody_can_have_told_is_none_and_the_pool_is_scaled_all_the_same(odd: dict[str, Any]) -> None:
    memory = {"reportedAt": "2027-01-15T08:00:00Z", "desiredReplicas": 7} | odd
    spec = derive_fleet(ASKED, build_manifest("reads", "stellar") | {"status": {"scalingMemory": memory}}, NONE)
    assert (spec.remembered, spec.hold_reason) == (None, None)


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_whatever_the_api_server_accepts_is_a_fleet_without_a_hold(spec: dict[str, Any]) -> None:
    assert derive(ANY, **spec).hold_reason is None


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_whatever_is_not_understood_holds_and_says_field_and_what_is_allowed(case: Refused) -> None:
    held = derive_fleet(ASKED, build_manifest(case.name, "stellar", **case.spec), ANY)
    assert reason(held) == "PoolInvalid"
    assert f"invalid: {case.field}" in message(held)
    assert case.said_by_model in message(held)
    assert held.source == ASKED.source


def test_a_pool_that_is_no_longer_understood_stays_observed_as_it_was() -> None:
    before = derive(lagThreshold=7)
    held = derive(before=before, minReplicas=0)
    assert replace(held, hold_reason=None) == before
    assert derive(before=held) == before


def test_a_paused_pool_stays_observed_and_holds() -> None:
    paused = derive(paused=True)
    assert replace(paused, hold_reason=None) == derive()
    assert reason(paused) == "Paused"
    assert "spec.paused" in message(paused)


def test_a_pool_on_its_way_out_stays_observed_and_holds() -> None:
    manifest = build_manifest("reads", "stellar")
    manifest["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    going = derive_fleet(ASKED, manifest, NONE)
    assert replace(going, hold_reason=None) == derive()
    assert reason(going) == "PoolTerminating"


REFUSED_REFERENCES = {
    "none is allowed": (NONE, HORIZON, "ReferencesNotAllowed", "spec.references[0]: horizon=https://horizon"),
    "another is the operator's": (
        ReferenceRules(trusted=(Reference(ProbeKind.RPC, HORIZON["url"]),)),
        HORIZON,
        "ReferencesNotAllowed",
        "--allow-static-nodes",
    ),
    "a port that is none": (ANY, {**HORIZON, "url": "https://h:99999"}, "PoolInvalid", "spec.references[0].url: "),
}


@pytest.mark.parametrize(
    ("rules", "reference", "why", "says"), REFUSED_REFERENCES.values(), ids=REFUSED_REFERENCES.keys()
)
def test_a_reference_that_must_not_be_asked_holds_and_is_not_asked(
    rules: ReferenceRules, reference: dict[str, str], why: str, says: str
) -> None:
    held = derive(rules, references=[reference])
    assert replace(held, hold_reason=None) == derive()
    assert reason(held) == why
    assert says in message(held)


def test_a_reference_that_is_the_operators_own_is_no_tenants_choice() -> None:
    own = Reference(ProbeKind.HORIZON, HORIZON["url"])
    fleet = derive(ReferenceRules(trusted=(own,)), references=[HORIZON])
    assert (fleet.references, fleet.hold_reason) == ((own,), None)


def test_a_pool_that_is_not_there_yet_and_one_that_is_there_no_more_are_told_apart() -> None:
    missing = derive_fleet(ASKED, None, NONE)
    assert (reason(missing), message(missing)) == ("PoolNotFound", "ReadOnlyPool stellar/reads does not exist.")
    assert missing.source == PoolSource("reads")
    assert derive_fleet(ASKED, None, NONE, before=build_unread(ASKED)) == missing
    deleted = derive_fleet(ASKED, None, NONE, before=derive())
    assert (reason(deleted), deleted.source) == ("PoolDeleted", PoolSource("reads"))
    assert derive_fleet(ASKED, None, NONE, before=deleted) == deleted
    assert was_deleted(deleted)
    assert not was_deleted(missing)
    assert derive(before=deleted) == derive(before=missing) == derive()


SCALARS = st.none() | st.booleans() | st.integers(-10, 10_000) | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
COUNTS = st.integers(0, 5001)
SPECS = st.fixed_dictionaries(
    {"network": st.sampled_from(["Testnet", "Mainnet", "Custom"]) | JSON, "version": st.just("v21.0.0") | JSON},
    optional={
        **dict.fromkeys(("minReplicas", "targetReplicas", "maxReplicas", "replicas"), COUNTS | JSON),
        "networkPassphrase": st.text(max_size=210) | JSON,
        "references": st.lists(st.just(HORIZON) | JSON, max_size=9) | JSON,
        "loadBalancing": st.fixed_dictionaries({"lagThreshold": st.integers(0, 1_000_001)}) | JSON,
        "autoscaling": st.fixed_dictionaries({"sustainSeconds": st.integers(0, 86_401)}) | JSON,
        "paused": st.booleans() | JSON,
    },
)
RULES = st.sampled_from([ANY, NONE])


@given(SPECS | JSON, RULES)
def test_any_spec_at_all_gives_a_fleet_within_bounds_or_a_reason_to_hold(spec: Any, rules: ReferenceRules) -> None:
    manifest = {"metadata": {"name": "reads", "namespace": "stellar"}, "spec": spec}
    fleet = derive_fleet(ASKED, manifest, rules)
    hash(fleet)
    if fleet.source == ASKED.source:
        assert reason(fleet) == "PoolInvalid"
        return
    assert fleet.source == NODES
    assert 1 <= fleet.bounds.minimum <= fleet.bounds.target <= fleet.bounds.maximum <= 5000
    assert fleet.network
    assert 1 <= fleet.lag_threshold <= 1_000_000
    assert fleet.sustain_seconds >= 1
    assert rules.allow_any or not fleet.references
    assert bool(fleet.hold_reason) or not parse_pool(manifest).spec.paused


@given(SPECS, SPECS, RULES)
def test_what_was_before_counts_for_nothing_once_the_pool_is_understood(
    first: dict[str, Any], second: dict[str, Any], rules: ReferenceRules
) -> None:
    before = derive(rules, **first)
    after = derive(rules, before=before, **second)
    if after.hold_reason is None or after.hold_reason.reason != "PoolInvalid":
        assert after == derive(rules, **second)
    else:
        assert after.source in (before.source, NODES)


@pytest.mark.parametrize("passphrase", ["Ours\u00a0; 2026", "Ours\u200d; 2026"])
def test_a_passphrase_is_compared_as_what_a_node_says_is_shown(passphrase: str) -> None:
    held_to = derive(network="Custom", networkPassphrase=passphrase).network
    root = json.dumps({"history_latest_ledger": 3, "network_passphrase": passphrase}).encode()
    assert held_to == "Ours ; 2026"
    assert not parse_horizon(root).is_of_another(held_to)
