"""Is there anything to apply? What others have added and the server has filled in is not; what we no longer want is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.observed.drift import (
    are_annotations_patched,
    compute_hash,
    find_differences,
    has_drifted,
    is_status_kept,
    note_kept_annotations,
    note_kept_status,
    note_rewrite,
    with_applied_hash,
)
from controller.observed.list_map_keys import index_items, keys_of_kind


def test_what_somebody_makes_of_an_object_each_time_is_no_difference_until_something_else_changes() -> None:
    wanted = with_applied_hash(build({"image": "core", "size": 1}))
    answer = {**wanted, "spec": {"image": "mirror/core", "size": 1}}
    rewrite = note_rewrite(wanted, answer, None)
    assert rewrite is not None
    assert list(rewrite.found) == ["spec.image"]
    assert has_drifted(wanted, answer)
    assert not has_drifted(wanted, answer, rewrite)
    assert has_drifted(wanted, {**answer, "spec": {"image": "mirror/core", "size": 2}}, rewrite)
    assert has_drifted(wanted, {**answer, "spec": {"image": "evil/core", "size": 1}}, rewrite)
    assert has_drifted(with_applied_hash(build({"image": "core:2", "size": 1})), answer, rewrite)
    assert note_rewrite(wanted, wanted, rewrite) is None


def test_what_is_another_each_time_it_is_applied_is_let_be_whatever_it_is() -> None:
    wanted = with_applied_hash(build({"image": "core"}))
    first = note_rewrite(wanted, {**wanted, "spec": {"image": "mirror-1/core"}}, None)
    second = note_rewrite(wanted, {**wanted, "spec": {"image": "mirror-2/core"}}, first)
    assert not has_drifted(wanted, {**wanted, "spec": {"image": "mirror-3/core"}}, second)


def test_a_difference_is_named_by_its_path_also_in_lists_that_are_merged_by_key() -> None:
    containers = [{"name": "core", "image": "a", "env": [{"name": "A", "value": "1"}]}]
    live = [{"name": "core", "image": "b", "env": []}, {"name": "sidecar"}]
    found = find_differences(build({"containers": containers}), build({"containers": live}))
    assert list(found) == ["spec.containers[core].image", "spec.containers[core].env[A]"]


def build(spec: Any, kind: str = "StatefulSet") -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "pool"}, "spec": spec}


def is_other(wanted: Any, live: Any, kind: str = "StatefulSet") -> bool:
    stamped = with_applied_hash(build(wanted, kind))
    return has_drifted(stamped, build(live, kind) | {"metadata": stamped["metadata"], "status": {"any": "thing"}})


SAME: dict[str, tuple[Any, Any]] = {
    "equal": ({"a": 1, "b": ["x"]}, {"a": 1, "b": ["x"]}),
    "filled in by the server": ({"a": 1}, {"a": 1, "dnsPolicy": "ClusterFirst"}),
    "empty, and left out by the server": ({"a": {}, "b": [], "c": "", "d": None}, {}),
    "nothing, and left out by the server": ({"hostNetwork": False, "initialDelaySeconds": 0}, {}),
    "a quantity written otherwise": (
        {"requests": {"cpu": "0.5", "memory": 1024}},
        {"requests": {"cpu": "500m", "memory": "1Ki"}},
    ),
    "a container more": (
        {"containers": [{"name": "a", "image": "x"}]},
        {"containers": [{"name": "sidecar"}, {"name": "a", "image": "x", "tty": True}]},
    ),
    "containers in another order": (
        {"containers": [{"name": "a"}, {"name": "b"}]},
        {"containers": [{"name": "b"}, {"name": "a"}]},
    ),
    "a port with its protocol filled in": (
        {"containers": [{"name": "a", "ports": [{"containerPort": 1}]}]},
        {"containers": [{"name": "a", "ports": [{"containerPort": 1, "protocol": "TCP"}]}]},
    ),
}
OTHER: dict[str, tuple[Any, Any]] = {
    "another value": ({"a": 1}, {"a": 2}),
    "a value that is gone": ({"a": 1}, {}),
    "a part that is gone": ({"a": {"b": 1}}, {"a": None}),
    "a truth for a number": ({"a": 1}, {"a": True}),
    "a false that means something and is gone": ({"automountServiceAccountToken": False}, {}),
    "a longer list": ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a"}, {"key": "b"}]}),
    "a list in another order": ({"command": ["a", "b"]}, {"command": ["b", "a"]}),
    "a container that is gone": ({"containers": [{"name": "a"}]}, {"containers": [{"name": "b"}]}),
    "a container of another image": (
        {"containers": [{"name": "a", "image": "x"}]},
        {"containers": [{"name": "a", "image": "y"}]},
    ),
    "another quantity": ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1001m"}}),
    "a quantity that is none": ({"limits": {"cpu": "much"}}, {"limits": {"cpu": "1"}}),
    "a list that is no list": ({"containers": [{"name": "a"}]}, {"containers": "a"}),
    "items without their key": ({"containers": [{"image": "x"}]}, {"containers": [{"image": "y"}]}),
}


@pytest.mark.parametrize(("wanted", "live"), SAME.values(), ids=SAME.keys())
def test_nothing_is_to_be_written_where_it_is(wanted: Any, live: Any) -> None:
    assert not is_other(wanted, live)


@pytest.mark.parametrize(("wanted", "live"), OTHER.values(), ids=OTHER.keys())
def test_it_is_to_be_written_where_it_is(wanted: Any, live: Any) -> None:
    assert is_other(wanted, live)


def test_what_is_not_there_is_to_be_written() -> None:
    assert has_drifted(with_applied_hash(build({})), None)


def test_a_field_that_is_no_longer_wanted_is_seen_by_the_hash_of_what_was_applied() -> None:
    before, after = with_applied_hash(build({"a": 1, "b": 2})), with_applied_hash(build({"a": 1}))
    assert has_drifted(after, before)
    assert not has_drifted(after, after)


def test_what_others_have_added_to_metadata_is_left_alone() -> None:
    wanted = with_applied_hash(build({"a": 1}))
    metadata = wanted["metadata"]
    theirs = metadata | {"labels": {"x": "y"}, "annotations": metadata["annotations"] | {"note": "z"}, "uid": "u"}
    assert not has_drifted(wanted, wanted | {"metadata": theirs})


def test_an_owner_that_another_has_added_is_left_alone_and_ours_is_missed() -> None:
    ours, theirs = {"uid": "1", "name": "pool"}, {"uid": "2", "name": "other"}
    wanted = build({})
    wanted["metadata"]["ownerReferences"] = [ours]
    wanted = with_applied_hash(wanted)
    assert not has_drifted(wanted, wanted | {"metadata": wanted["metadata"] | {"ownerReferences": [theirs, ours]}})
    assert has_drifted(wanted, wanted | {"metadata": wanted["metadata"] | {"ownerReferences": [theirs]}})


def test_ports_go_by_other_keys_in_a_service_than_in_a_pod() -> None:
    assert keys_of_kind("Service")["ports"] == ("port", "protocol")
    assert keys_of_kind("StatefulSet")["ports"] == ("containerPort", "protocol")
    assert "ports" not in keys_of_kind("EndpointSlice")
    ports = [{"port": 1, "name": "a"}, {"port": 2, "name": "b"}]
    assert not is_other({"ports": ports}, {"ports": [{**one, "protocol": "TCP"} for one in reversed(ports)]}, "Service")
    assert is_other({"ports": ports}, {"ports": ports[::-1]}, "EndpointSlice")


@pytest.mark.parametrize("items", [["a"], [{}], [{"name": "a"}, {"name": "a"}], [{"name": {}}]])
def test_what_no_list_by_key_can_hold_is_not_indexed(items: list[Any]) -> None:
    assert index_items(items, ("name",)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "containers", "name", "limits"]), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "containers", "limits"]), JSON, max_size=4)


@given(OBJECTS, st.dictionaries(st.sampled_from(["theirs", "more"]), JSON))
def test_what_was_applied_is_never_to_be_applied_again_whatever_others_add(wanted: Any, added: Any) -> None:
    stamped = with_applied_hash(build(wanted))
    live = stamped | {"spec": stamped["spec"] | added, "status": added}
    assert not has_drifted(stamped, live)


@given(OBJECTS, OBJECTS)
def test_two_wishes_with_one_hash_are_one_wish(one: Any, other: Any) -> None:
    assert (compute_hash(one) == compute_hash(other)) is (_normal(one) == _normal(other))


def _normal(value: Any) -> Any:
    """Distinguish true from 1 and false from 0, as JSON does."""
    if isinstance(value, dict):
        return {key: _normal(part) for key, part in value.items()}
    return [_normal(part) for part in value] if isinstance(value, list) else (type(value).__name__, value)


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_keys_does_not_matter(names: list[str]) -> None:
    assert compute_hash(dict.fromkeys(names, 1)) == compute_hash(dict.fromkeys(sorted(names), 1))


def test_a_status_that_is_pruned_is_written_once_and_again_when_it_or_what_is_kept_changes() -> None:
    wanted = {"replicas": 3, "averageLag": 1, "conditions": [{"type": "Ready"}]}
    live = {"status": {"replicas": 3, "conditions": [{"type": "Ready"}]}}
    rewrite = note_kept_status(wanted, live)
    assert rewrite is not None
    assert list(rewrite.found) == ["status.averageLag"]
    assert is_status_kept(wanted, live, rewrite)
    assert not is_status_kept({**wanted, "replicas": 4}, live, rewrite)
    assert not is_status_kept(wanted, {"status": {"replicas": 2, "conditions": []}}, rewrite)
    assert note_kept_status(wanted, {"status": wanted}) is None
    assert not is_status_kept(wanted, live, None)


def test_annotations_that_somebody_strips_are_patched_once_for_each_object_and_text() -> None:
    patch = {"a": "1", "gone": None}
    rewrite = note_kept_annotations("uid", patch, {"metadata": {"annotations": {"b": "2"}}})
    assert rewrite is not None
    assert list(rewrite.found) == ["metadata.annotations.a"]
    assert are_annotations_patched("uid", patch, rewrite)
    assert not are_annotations_patched("another", patch, rewrite)
    assert not are_annotations_patched("uid", {**patch, "a": "2"}, rewrite)
    assert note_kept_annotations("uid", patch, {"metadata": {"annotations": {"a": "1"}}}) is None
    assert not are_annotations_patched("uid", patch, None)


@given(OBJECTS, OBJECTS, st.booleans())
def test_drift_is_a_difference_that_is_found(wanted: dict[str, Any], live: dict[str, Any], is_same: bool) -> None:
    manifest = {"kind": "StatefulSet", "spec": wanted}
    there = {"spec": wanted | live if is_same else live}
    assert has_drifted(manifest, there) == bool(find_differences(manifest, there))
