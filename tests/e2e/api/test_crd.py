"""The ReadOnlyPool on a real API server: taken, refused, explained, defaulted, scaled, merged."""

import json
from typing import Any

import pytest

from devtools.api.api_server import ApiServer
from devtools.cluster.access import Access, KubectlError
from devtools.pools.pool_manifests import ACCEPTED, ARCHIVE, REFUSED, Manifest, Refused, build_manifest, read_example
from devtools.pools.workload_manifests import RPC
from readpool.pool.spec import ShardStrategy, parse_pool
from readpool.pool.status import PoolStatus, dump_status
from tests.unit.readpool.pool.test_pool_status import FULL_STATUS

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def access(api_server: ApiServer) -> Access:
    return api_server.access


def apply(access: Access, manifest: Manifest, *flags: str) -> str:
    """Apply a manifest as a user of kubectl does, and return what it says."""
    return access.kubectl("apply", *flags, "-f", "-", stdin=json.dumps(manifest))


def apply_as(access: Access, field_manager: str, manifest: Manifest, *flags: str) -> str:
    """Apply a manifest on the server's side as one of several field managers."""
    return apply(access, manifest, "--server-side", f"--field-manager={field_manager}", *flags)


def read(access: Access, namespace: str) -> Manifest:
    """Read the pool of the test."""
    found = access.get("rop", "pool", namespace)
    assert found is not None
    return found


def test_the_example_of_the_proposal_applies_as_it_stands(access: Access) -> None:
    example = read_example()
    access.kubectl("create", "namespace", example["metadata"]["namespace"])
    apply(access, example)
    table = access.kubectl("get", "rop", "-n", "stellar-nodes").splitlines()
    assert table[0].split() == ["NAME", "NETWORK", "REPLICAS", "READY", "FRESH", "LAGGING", "TIP", "AGE"]
    assert table[1].split()[:2] == ["mainnet-readonly-pool", "Mainnet"]
    assert "readonlypool.stellar.org/mainnet-readonly-pool" in access.kubectl(
        "get", "stellar", "-n", "stellar-nodes", "-o", "name"
    )


@pytest.mark.parametrize("strategy", [*ShardStrategy, *(s[0].lower() + s[1:] for s in ShardStrategy)])
def test_each_spelling_of_a_strategy_applies_to_the_example(access: Access, namespace: str, strategy: str) -> None:
    example = read_example()
    example["metadata"]["namespace"] = namespace
    example["spec"]["shardBalancing"]["strategy"] = strategy
    assert "created" in apply(access, example)


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_impossible_is_refused_with_its_field_and_sentence(access: Access, case: Refused) -> None:
    with pytest.raises(KubectlError) as refused:
        apply(access, build_manifest(case.name, **case.spec))
    assert case.said_by_server in str(refused.value)
    if case.field != "metadata.name":
        assert case.field in str(refused.value)


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_lies_on_an_edge_is_taken_and_read_as_it_was_written(
    access: Access, namespace: str, spec: Manifest
) -> None:
    manifest = build_manifest("pool", namespace, **spec)
    apply(access, manifest)
    assert parse_pool(read(access, namespace)).spec == parse_pool(manifest).spec


def test_a_field_that_does_not_exist_is_refused(access: Access, namespace: str) -> None:
    with pytest.raises(KubectlError, match=r'unknown field "spec\.loadBalancing\.lagTreshold"'):
        apply(access, build_manifest("pool", namespace, loadBalancing={"lagTreshold": 5}))


def test_the_servers_defaults_are_the_models(access: Access, namespace: str) -> None:
    manifest = build_manifest("pool", namespace)
    apply(access, manifest)
    stored = read(access, namespace)
    assert parse_pool(stored).spec == parse_pool(manifest).spec
    written = parse_pool(manifest).spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert stored["spec"] == without_empty(written)


def without_empty(written: Any) -> Any:
    """Leave out what defaults to nothing, which the server does not write."""
    if not isinstance(written, dict):
        return written
    kept = {key: without_empty(value) for key, value in written.items() if value not in ("", [])}
    return {key: value for key, value in kept.items() if key not in {"template", "requests", "limits"}}


FORBIDDEN_CHANGES = {
    "another network": ({"network": "Mainnet"}, "spec.network: ", "create a new pool instead"),
    "a smaller volume": (
        {"storage": {"storageClass": "fast", "size": "50Gi"}},
        "spec.storage.size: ",
        "volumes cannot shrink",
    ),
    "a smaller volume in other units": (
        {"storage": {"storageClass": "fast", "size": "100G"}},
        "spec.storage.size: ",
        "volumes cannot shrink",
    ),
    "another class": (
        {"storage": {"storageClass": "slow", "size": "100Gi"}},
        "spec.storage.storageClass: ",
        "cannot change its class",
    ),
    "no class any more": ({"storage": {"size": "100Gi"}}, "spec.storage.storageClass: ", "cannot change its class"),
    "fewer replicas than the maximum allows for ranges": (
        {
            "shardBalancing": {"enabled": True, "strategy": "LedgerRange", "shardCount": 8},
            "historyArchiveUrls": [ARCHIVE],
            "maxReplicas": 7,
        },
        "spec.shardBalancing.shardCount: ",
        "its own replica",
    ),
}
STORED = {"storage": {"storageClass": "fast", "size": "100Gi"}}


@pytest.mark.parametrize(("change", "field", "sentence"), FORBIDDEN_CHANGES.values(), ids=FORBIDDEN_CHANGES.keys())
def test_what_cannot_change_is_refused(
    access: Access, namespace: str, change: Manifest, field: str, sentence: str
) -> None:
    apply(access, build_manifest("pool", namespace, **STORED))
    with pytest.raises(KubectlError) as refused:
        apply(access, build_manifest("pool", namespace, **(STORED | change)))
    assert field in str(refused.value)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"storage": {"storageClass": "fast", "size": "200Gi"}}, id="a larger volume"),
        pytest.param(
            {"storage": {"storageClass": "fast", "size": "100Gi", "retentionPolicy": "Retain"}}, id="retention"
        ),
        pytest.param({"version": "v22.0.0"}, id="another version"),
        pytest.param({"paused": True}, id="a pause"),
    ],
)
def test_what_may_change_does(access: Access, namespace: str, change: Manifest) -> None:
    apply(access, build_manifest("pool", namespace, **STORED))
    apply(access, build_manifest("pool", namespace, **(STORED | change)))
    assert read(access, namespace)["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(RPC, {}, id="replicas of its own instead"),
        pytest.param({}, RPC, id="a workload instead"),
        pytest.param(RPC, RPC | {"workloadRef": {"kind": "Deployment", "name": "other"}}, id="another workload"),
    ],
)
def test_what_a_pool_stands_before_cannot_change(
    access: Access, namespace: str, before: Manifest, after: Manifest
) -> None:
    apply(access, build_manifest("pool", namespace, **before))
    with pytest.raises(KubectlError, match=r"spec.workloadRef: .*is immutable"):
        apply(access, build_manifest("pool", namespace, **after))


def test_a_pool_before_a_workload_is_not_scaled_itself(access: Access, namespace: str) -> None:
    apply(access, build_manifest("pool", namespace, **RPC))
    with pytest.raises(KubectlError, match="scale the workload itself"):
        access.kubectl("scale", "rop/pool", "--replicas=4", "-n", namespace)


def test_a_networks_passphrase_cannot_change(access: Access, namespace: str) -> None:
    apply(access, build_manifest("pool", namespace, network="Custom", networkPassphrase="one"))
    with pytest.raises(KubectlError, match=r"spec.networkPassphrase: .*create a new pool instead"):
        apply(access, build_manifest("pool", namespace, network="Custom", networkPassphrase="two"))


def test_kubectl_scales_a_pool_that_begins_with_no_replicas(access: Access, namespace: str) -> None:
    apply(access, build_manifest("pool", namespace))
    assert read(access, namespace)["spec"]["replicas"] == 0
    access.kubectl("scale", "rop/pool", "--replicas=7", "-n", namespace)
    assert read(access, namespace)["spec"]["replicas"] == 7
    apply(access, build_manifest("pool", namespace, paused=True))
    assert read(access, namespace)["spec"]["replicas"] == 7


def test_the_scale_subresource_says_what_an_autoscaler_asks(access: Access, namespace: str) -> None:
    apply(access, build_manifest("pool", namespace))
    path = f"/apis/stellar.org/v1alpha1/namespaces/{namespace}/readonlypools/pool/scale"
    assert json.loads(access.kubectl("get", "--raw", path))["spec"] == {}
    write_status(access, namespace, PoolStatus(replicas=4, selector="app=core"))
    access.kubectl("scale", "rop/pool", "--replicas=5", "-n", namespace)
    scale = json.loads(access.kubectl("get", "--raw", path))
    assert scale["spec"] == {"replicas": 5}
    assert scale["status"] == {"replicas": 4, "selector": "app=core"}


def write_status(access: Access, namespace: str, status: PoolStatus, field_manager: str = "readpool") -> None:
    """Write a pool's status as the controller does."""
    manifest = {
        "apiVersion": "stellar.org/v1alpha1",
        "kind": "ReadOnlyPool",
        "metadata": {"name": "pool", "namespace": namespace},
        "status": dump_status(status),
    }
    apply_as(access, field_manager, manifest, "--subresource=status")


def test_a_status_is_read_as_it_was_written_and_is_no_change_of_the_pool(access: Access, namespace: str) -> None:
    apply(access, build_manifest("pool", namespace))
    write_status(access, namespace, FULL_STATUS)
    pool = parse_pool(read(access, namespace))
    assert pool.status == FULL_STATUS
    assert pool.generation == 1
    row = access.kubectl("get", "rop", "pool", "-n", namespace, "-o", "wide").splitlines()[1].split()
    assert row[1:7] == ["Testnet", "5", "5", "4", "1", "55123456"]
    assert row[8:] == ["5", "6", "v21.0.0", "AllFresh"]


def test_a_status_in_a_manifest_is_left_alone(access: Access, namespace: str) -> None:
    apply(access, build_manifest("pool", namespace) | {"status": {"replicas": 9}})
    assert "status" not in read(access, namespace)


MERGED = {
    "references": (
        {"references": [{"type": "core", "url": ARCHIVE}]},
        {"references": [{"type": "archive", "url": ARCHIVE}]},
    ),
    "imagePullSecrets": ({"imagePullSecrets": [{"name": "ours"}]}, {"imagePullSecrets": [{"name": "theirs"}]}),
    "historyArchiveUrls": ({"historyArchiveUrls": [ARCHIVE]}, {"historyArchiveUrls": ["https://b.example"]}),
}


@pytest.mark.parametrize(("ours", "theirs"), MERGED.values(), ids=MERGED.keys())
def test_two_managers_write_their_own_entries_of_a_list(
    access: Access, namespace: str, ours: Manifest, theirs: Manifest
) -> None:
    key = next(iter(ours))
    apply_as(access, "ours", build_manifest("pool", namespace, **ours))
    apply_as(access, "theirs", build_manifest("pool", namespace, network=None, version=None, **theirs))
    assert read(access, namespace)["spec"][key] == [*ours[key], *theirs[key]]
    apply_as(access, "ours", build_manifest("pool", namespace))
    assert read(access, namespace)["spec"][key] == theirs[key]


def test_two_managers_who_write_one_field_are_told_of_each_other(access: Access, namespace: str) -> None:
    apply_as(access, "ours", build_manifest("pool", namespace, maxReplicas=10))
    with pytest.raises(KubectlError, match=r'conflict with "ours".*\.spec\.maxReplicas'):
        apply_as(access, "theirs", build_manifest("pool", namespace, network=None, version=None, maxReplicas=11))


def test_an_entry_given_twice_is_refused(access: Access, namespace: str) -> None:
    with pytest.raises(KubectlError, match="Duplicate value"):
        apply(access, build_manifest("pool", namespace, historyArchiveUrls=[ARCHIVE, ARCHIVE]))


@pytest.mark.parametrize(
    ("field", "teaches"),
    [
        ("rop.spec", "at least|fresh replicas to keep at all times"),
        ("rop.spec.loadBalancing.lagThreshold", "A ledger closes about every 5 s, so 12 is a minute"),
        ("rop.spec.shardBalancing.strategy", "rendezvous hashing"),
        ("rop.spec.replicas", "not scaled yet"),
        ("rop.status.conditions", "Fresh, Autoscaling, Routing and, where they apply, Sharded"),
    ],
)
def test_kubectl_explains_the_pool(access: Access, field: str, teaches: str) -> None:
    explained = " ".join(access.kubectl("explain", field).split())
    assert any(part in explained for part in teaches.split("|"))
    assert "<no description>" not in explained
