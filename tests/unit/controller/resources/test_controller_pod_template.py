"""The pod of a replica: what it runs, and how a pool's own template goes over ours."""

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.resources.pod_template import build_pod_template, merge_template
from controller.resources.start_command import PREPARE, START
from controller.resources.stateful_set import build_stateful_set
from tests.unit.observed_pools import SETTINGS, build_pool

SELECTOR = {"app.kubernetes.io/name": "stellar-core", "app.kubernetes.io/instance": "pool", "stellar.org/pool": "pool"}


def build(**spec: Any) -> dict[str, Any]:
    return build_pod_template(build_pool(**spec), SETTINGS)


def find(template: dict[str, Any], name: str = "stellar-core") -> dict[str, Any]:
    spec = template["spec"]
    return next(one for one in (*spec["initContainers"], *spec["containers"]) if one["name"] == name)


def test_core_runs_the_version_with_the_configuration_of_its_own_name() -> None:
    template = build(image="registry.example.com/core", version="v23.0.0", imagePullPolicy="Always")
    core, prepare = find(template), find(template, "prepare")
    assert core["image"] == prepare["image"] == "registry.example.com/core:v23.0.0"
    assert core["imagePullPolicy"] == "Always"
    own = ["/etc/stellar/$(POD_NAME).cfg", "/var/lib/stellar"]
    assert core["command"] == [
        "sh",
        "-c",
        START,
        "start",
        *own,
        "/etc/readpool-checkpoint/checkpoint",
        "11626",
        "60",
        "80",
    ]
    assert core["env"] == [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    assert prepare["command"] == ["sh", "-c", PREPARE, "prepare", *own]
    assert {mount["name"]: mount["mountPath"] for mount in core["volumeMounts"]} == {
        "data": "/var/lib/stellar",
        "config": "/etc/stellar",
        "shard": "/etc/readpool",
        "checkpoint": "/etc/readpool-checkpoint",
    }


def test_a_container_can_read_its_shard_from_a_volume() -> None:
    volumes = {one["name"]: one for one in build()["spec"]["volumes"]}
    assert volumes["shard"]["downwardAPI"]["items"] == [
        {"fieldRef": {"fieldPath": "metadata.annotations"}, "path": "annotations"}
    ]
    assert volumes["config"] == {"name": "config", "configMap": {"name": "pool-config"}}


def test_a_pod_starts_with_or_without_a_checkpoint_that_others_vouch_for() -> None:
    volumes = {one["name"]: one for one in build()["spec"]["volumes"]}
    assert volumes["checkpoint"]["configMap"] == {"name": "pool-checkpoint", "optional": True}


def test_nothing_of_the_scripts_is_expanded_by_the_kubelet() -> None:
    assert not re.search(r"\$\([A-Za-z_.-][A-Za-z0-9_.-]*\)|\$\$", START + PREPARE)


def test_core_is_never_killed_for_being_busy() -> None:
    core = find(build())
    assert "livenessProbe" not in core
    assert core["readinessProbe"]["httpGet"]["path"] == "/info"


def test_resources_are_cores_own_and_its_preparation_has_the_same() -> None:
    template = build(resources={"requests": {"cpu": "500m"}, "limits": {}})
    assert find(template)["resources"] == find(template, "prepare")["resources"] == {"requests": {"cpu": "500m"}}


def test_replicas_are_spread_over_zones_and_nodes_without_waiting_for_them() -> None:
    spreads = build()["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spreads] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert {one["whenUnsatisfiable"] for one in spreads} == {"ScheduleAnyway"}
    assert all(one["labelSelector"]["matchLabels"] == SELECTOR for one in spreads)


def test_a_template_adds_to_ours_and_goes_over_it_field_by_field() -> None:
    theirs = {
        "metadata": {"labels": {"team": "a", "stellar.org/pool": "another"}, "annotations": {"note": "b"}},
        "spec": {
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 5,
            "containers": [
                {"name": "stellar-core", "env": [{"name": "A", "value": "1"}], "securityContext": {"runAsUser": 7}},
                {"name": "beside", "image": "busybox"},
            ],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
        },
    }
    template = build(template=theirs)
    assert template["metadata"] == {
        "labels": SELECTOR | {"team": "a", "app.kubernetes.io/managed-by": "readpool"},
        "annotations": {"note": "b"},
    }
    spec = template["spec"]
    assert (spec["tolerations"], spec["terminationGracePeriodSeconds"]) == ([{"operator": "Exists"}], 5)
    assert [one["name"] for one in spec["volumes"]] == ["config", "shard", "checkpoint", "scratch"]
    assert {one["name"] for one in spec["containers"]} >= {"stellar-core", "beside"}
    core = find(template)
    assert [one["name"] for one in core["env"]] == ["POD_NAME", "A"]
    assert core["securityContext"]["runAsUser"] == 7
    assert core["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_hook_of_the_template_takes_the_place_of_ours_since_a_hook_does_one_thing() -> None:
    hook = {"preStop": {"sleep": {"seconds": 5}}}
    template = build(template={"spec": {"containers": [{"name": "stellar-core", "lifecycle": hook}]}})
    assert find(template)["lifecycle"] == hook


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param({"metadata": {"labels": None}}, id="no labels"),
        pytest.param({"metadata": {"labels": {"stellar.org/pool": None}}}, id="our label taken away"),
        pytest.param({"metadata": {"labels": "all"}}, id="labels that are none"),
        pytest.param({"metadata": {}}, id="nothing"),
    ],
)
def test_the_labels_that_the_selector_stands_on_cannot_be_taken_away(theirs: dict[str, Any]) -> None:
    assert build(template=theirs)["metadata"]["labels"].items() >= SELECTOR.items()


MERGES: dict[str, tuple[Any, Any, Any]] = {
    "a field": ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
    "a field more": ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "a field of a field": ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
    "null takes a field away": ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
    "and out of what only they say": ({}, {"a": {"b": None, "c": [{"d": None}]}}, {"a": {"c": [{}]}}),
    "a field of a field as well": ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
    "a probe has one handler": (
        {"readinessProbe": {"httpGet": {"path": "/info", "port": 1}, "periodSeconds": 5}},
        {"readinessProbe": {"exec": {"command": ["/ready.sh"]}, "initialDelaySeconds": 30}},
        {"readinessProbe": {"exec": {"command": ["/ready.sh"]}, "initialDelaySeconds": 30, "periodSeconds": 5}},
    ),
    "ours where theirs is null": (
        {"readinessProbe": {"httpGet": {"path": "/info", "port": 1}}},
        {"readinessProbe": {"exec": None, "periodSeconds": 9}},
        {"readinessProbe": {"httpGet": {"path": "/info", "port": 1}, "periodSeconds": 9}},
    ),
    "the same handler by field": (
        {"readinessProbe": {"httpGet": {"path": "/info", "port": 1}}},
        {"readinessProbe": {"httpGet": {"path": "/other"}}},
        {"readinessProbe": {"httpGet": {"path": "/other", "port": 1}}},
    ),
    "a volume has one source": (
        {"volumes": [{"name": "shard", "downwardAPI": {"items": []}}]},
        {"volumes": [{"name": "shard", "emptyDir": {}}]},
        {"volumes": [{"name": "shard", "emptyDir": {}}]},
    ),
    "a variable has a value or a source": (
        {"env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        {"env": [{"name": "POD_NAME", "value": "x"}]},
        {"env": [{"name": "POD_NAME", "value": "x"}]},
    ),
    "and one source": (
        {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
    ),
    "a plain list as a whole": ({"command": ["a", "b"]}, {"command": ["c"]}, {"command": ["c"]}),
    "a list by its key": (
        {"volumes": [{"name": "a", "x": 1}, {"name": "b"}]},
        {"volumes": [{"name": "c"}, {"name": "a", "y": 2}]},
        {"volumes": [{"name": "a", "x": 1, "y": 2}, {"name": "b"}, {"name": "c"}]},
    ),
    "ports by number and protocol": (
        {"ports": [{"containerPort": 1, "name": "a", "protocol": "TCP"}]},
        {"ports": [{"containerPort": 1, "name": "b"}, {"containerPort": 1, "protocol": "UDP"}]},
        {
            "ports": [
                {"containerPort": 1, "name": "b", "protocol": "TCP"},
                {"containerPort": 1, "protocol": "UDP"},
            ]
        },
    ),
    "items without their key, which the API server refuses": (
        {"containers": [{"name": "a"}]},
        {"containers": [{"image": "x"}]},
        {"containers": [{"name": "a"}, {"image": "x"}]},
    ),
    "another kind of thing": ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
}


@pytest.mark.parametrize(("ours", "theirs", "merged"), MERGES.values(), ids=MERGES.keys())
def test_theirs_goes_over_ours(ours: Any, theirs: Any, merged: Any) -> None:
    before = copy.deepcopy((ours, theirs))
    assert merge_template(ours, theirs) == merged
    assert (ours, theirs) == before


ITEMS = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc")}, optional={"image": st.text(max_size=2)}),
    unique_by=lambda one: one["name"],
    max_size=3,
)
TEMPLATES = st.fixed_dictionaries(
    {},
    optional={
        "containers": ITEMS,
        "volumes": ITEMS,
        "nodeSelector": st.dictionaries(st.sampled_from("xy"), st.text(max_size=1)),
        "tolerations": ITEMS,
        "priority": st.integers(0, 3),
    },
)


@given(TEMPLATES, TEMPLATES)
def test_merging_the_same_template_again_changes_nothing_and_none_of_it_is_lost(ours: Any, theirs: Any) -> None:
    merged = merge_template(ours, theirs)
    assert merge_template(merged, theirs) == merged
    assert merge_template(ours, {}) == ours
    assert merge_template({}, theirs) == theirs
    for name in ("containers", "volumes"):
        names = {one["name"] for one in (*ours.get(name, ()), *theirs.get(name, ()))}
        assert {one["name"] for one in merged.get(name, ())} == names
    for name in theirs.keys() - {"containers", "volumes", "nodeSelector"}:
        assert merged[name] == theirs[name]


def test_pods_are_replaced_by_nobody_but_the_controller_and_start_together() -> None:
    spec = build_stateful_set(build_pool(), 3, SETTINGS, None)["spec"]
    assert (spec["updateStrategy"], spec["podManagementPolicy"]) == ({"type": "OnDelete"}, "Parallel")
    assert (spec["replicas"], spec["serviceName"], spec["selector"]) == (3, "pool-nodes", {"matchLabels": SELECTOR})


def test_the_claim_template_of_a_stateful_set_that_is_there_never_changes() -> None:
    (before,) = build_stateful_set(build_pool(), 3, SETTINGS, None)["spec"]["volumeClaimTemplates"]
    live = copy.deepcopy(before)
    live |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}
    live["spec"]["volumeMode"] = "Filesystem"
    (same,) = build_stateful_set(build_pool(), 3, SETTINGS, {"spec": {"volumeClaimTemplates": [live]}})["spec"][
        "volumeClaimTemplates"
    ]
    assert same == before
    larger = build_pool(storage={"size": "200Gi"})
    (kept,) = build_stateful_set(larger, 3, SETTINGS, {"spec": {"volumeClaimTemplates": [live]}})["spec"][
        "volumeClaimTemplates"
    ]
    assert kept == {name: part for name, part in live.items() if name != "status"}
