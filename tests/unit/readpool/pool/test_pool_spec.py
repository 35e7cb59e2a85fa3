"""The door for manifests: what a ReadOnlyPool may say, what holds when it says nothing, and how it is refused."""

from typing import Any

import pytest
import yaml

from devtools.pools.pool_manifests import (
    ACCEPTED,
    EXAMPLE,
    MINIMAL_SPEC,
    REFUSED,
    Refused,
    build_manifest,
    read_example,
)
from readpool.pool.errors import PoolError
from readpool.pool.spec import (
    Network,
    PoolSpec,
    RetentionPolicy,
    ShardStrategy,
    SourceKind,
    parse_pool,
    parse_what_is_understood,
)

MODEL_ALONE = {
    "a truth as a number": ({"paused": 1}, "spec.paused", "must be a valid boolean"),
    "a fraction of a replica": ({"minReplicas": 3.5}, "spec.minReplicas", "must be a valid integer"),
    "a size that is true": ({"storage": {"size": True}}, "spec.storage.size", "must be a valid string"),
    "a list for a part": ({"storage": []}, "spec.storage", "must be an object"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_impossible_is_refused_by_field_and_sentence(case: Refused) -> None:
    with pytest.raises(PoolError) as refused:
        parse_pool(build_manifest(case.name, **case.spec))
    assert refused.value.field.startswith(case.field)
    assert case.said_by_model in refused.value.allowed
    assert str(refused.value).startswith(f"{refused.value.field}: ")


@pytest.mark.parametrize(("spec", "field", "allowed"), MODEL_ALONE.values(), ids=MODEL_ALONE.keys())
def test_what_the_api_server_lets_through_is_refused_here(spec: dict[str, Any], field: str, allowed: str) -> None:
    with pytest.raises(PoolError) as refused:
        parse_pool(build_manifest(**spec))
    assert refused.value.field == field
    assert refused.value.allowed.startswith(allowed)


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_lies_on_an_edge_is_accepted_and_reads_the_same_when_written_out(spec: dict[str, Any]) -> None:
    pool = parse_pool(build_manifest(**spec))
    written = pool.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert parse_pool(build_manifest(**written)).spec == pool.spec


@pytest.mark.parametrize("manifest", [{}, {"metadata": {"name": "pool"}}, {"metadata": {"name": "pool"}, "spec": None}])
def test_a_manifest_without_name_or_spec_is_refused(manifest: dict[str, Any]) -> None:
    with pytest.raises(PoolError, match="missing"):
        parse_pool(manifest)


def test_an_override_is_text_to_the_door_so_that_a_typo_in_it_stops_nothing_but_the_configuration() -> None:
    assert (
        parse_pool(build_manifest(coreConfigOverride="LOG_COLOR = yes")).spec.core_config_override == "LOG_COLOR = yes"
    )


LENIENT = {
    "a bad number": ({"minReplicas": "many"}, "min_replicas", 3),
    "bounds that cross": ({"minReplicas": 9, "targetReplicas": 2, "maxReplicas": 2}, "max_replicas", 20),
    "a part that is none": ({"storage": []}, "paused", False),
    "nothing that is required": ({"network": None, "version": 7}, "paused", False),
    "a bad archive among good ones": ({"historyArchiveUrls": ["nonsense", "https://a.example.com"]}, "paused", False),
}


@pytest.mark.parametrize(("bad", "field", "value"), LENIENT.values(), ids=LENIENT.keys())
def test_what_is_understood_of_a_bad_spec_is_enough_for_its_readers(bad: Any, field: str, value: Any) -> None:
    weights = {"enabled": True, "laggingNodeWeight": 3}
    manifest = build_manifest(**({"version": "v22.4.1", "loadBalancing": weights} | bad))
    with pytest.raises(PoolError):
        parse_pool(manifest)
    spec = parse_what_is_understood(manifest).spec
    assert getattr(spec, field) == value
    assert (spec.load_balancing.enabled, spec.load_balancing.lagging_node_weight) == (True, 3)


def test_the_example_of_the_proposal_says_what_it_says() -> None:
    pool = parse_pool(read_example())
    spec = pool.spec
    assert (pool.namespace, pool.name) == ("stellar-nodes", "mainnet-readonly-pool")
    assert (spec.network, spec.version) == (Network.MAINNET, "v21.0.0")
    assert (spec.min_replicas, spec.target_replicas, spec.max_replicas) == (3, 5, 20)
    assert (spec.load_balancing.enabled, spec.load_balancing.lag_threshold) == (True, 1000)
    assert (spec.shard_balancing.enabled, spec.shard_balancing.strategy) == (True, ShardStrategy.ROUND_ROBIN)
    assert spec.resources.requests == {"cpu": "500m", "memory": "1Gi"}
    assert (spec.storage.storage_class, spec.storage.retention_policy) == ("standard", RetentionPolicy.DELETE)
    assert spec.history_archive_urls == ("https://archive1.example.com", "https://archive2.example.com")


DEFAULTS = {
    "minReplicas": 3,
    "maxReplicas": 20,
    "targetReplicas": 5,
    "replicas": 0,
    "loadBalancing.enabled": False,
    "loadBalancing.freshNodeWeight": 100,
    "loadBalancing.laggingNodeWeight": 10,
    "loadBalancing.lagThreshold": 1000,
    "loadBalancing.updateIntervalSeconds": 30,
    "loadBalancing.mode": "Weighted",
    "shardBalancing.enabled": False,
    "shardBalancing.shardCount": 4,
    "shardBalancing.strategy": "RoundRobin",
    "shardBalancing.autoRebalance": True,
    "storage.retentionPolicy": "Delete",
    "coreConfigOverride": "",
    "alerting": False,
    "autoscaling.enabled": True,
    "autoscaling.sustainSeconds": 60,
    "paused": False,
    "replacement.enabled": False,
    "replacement.afterSeconds": 1800,
    "gate.enabled": True,
}


@pytest.mark.parametrize(("path", "default"), DEFAULTS.items(), ids=DEFAULTS.keys())
def test_the_defaults_are_those_that_were_promised(path: str, default: object) -> None:
    part = PoolSpec.model_validate(MINIMAL_SPEC).model_dump(mode="json", by_alias=True)
    for key in path.split("."):
        part = part[key]
    assert part == default


@pytest.mark.parametrize("strategy", list(ShardStrategy))
def test_each_strategy_is_known_by_both_spellings(strategy: ShardStrategy) -> None:
    for spelling in (strategy, strategy[0].lower() + strategy[1:]):
        manifest = build_manifest(shardBalancing={"strategy": spelling})
        assert parse_pool(manifest).spec.shard_balancing.strategy is strategy


def test_what_a_newer_definition_has_is_ignored() -> None:
    assert parse_pool(build_manifest(fromTheFuture={"a": 1})).spec == parse_pool(build_manifest()).spec


def test_what_the_api_server_says_of_a_pool_is_kept() -> None:
    manifest = build_manifest()
    manifest["metadata"] |= {"uid": "u-1", "generation": 7, "annotations": {"a": "b"}, "labels": {"c": "d"}}
    manifest["metadata"]["deletionTimestamp"] = "2026-11-24T03:41:05Z"
    pool = parse_pool(manifest)
    assert (pool.uid, pool.generation) == ("u-1", 7)
    assert pool.deletion_timestamp is not None
    assert pool.deletion_timestamp.timestamp() == 1795491665


def test_a_data_source_is_told_by_its_kind() -> None:
    manifest = build_manifest(storage={"dataSource": {"kind": "VolumeSnapshot", "name": "weekly"}})
    source = parse_pool(manifest).spec.storage.data_source
    assert source is not None
    assert (source.kind, source.name) == (SourceKind.SNAPSHOT, "weekly")


def test_a_long_value_is_shown_by_its_beginning() -> None:
    with pytest.raises(PoolError) as refused:
        parse_pool(build_manifest(version="v 21" * 40))
    assert len(str(refused.value)) < 250
    assert refused.value.value == "v 21" * 40


def test_the_examples_of_pools_are_pools() -> None:
    examples = sorted(EXAMPLE.parents[1].glob("readonlypool*.yaml"))
    manifests = [one for path in examples for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    pools = [parse_pool(one) for one in manifests if one["kind"] == "ReadOnlyPool"]
    assert len(pools) == len(examples)
    assert [pool.name for pool in pools if pool.spec.storage.snapshots.enabled] == ["readers"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("10m", 600), ("1h30m", 5400), ("720h", 2_592_000), ("1h0m1s", 3601), ("600s", 600)]
)
def test_an_interval_is_read_as_kubernetes_reads_durations(text: str, seconds: int) -> None:
    manifest = build_manifest(storage={"snapshots": {"interval": text}})
    assert parse_pool(manifest).spec.storage.snapshots.interval_seconds == seconds
