"""The API server's rules and the model's are written side by side, and judge any pool alike."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devtools.api.api_server import ApiServer
from devtools.cluster.access import Access, KubectlError
from devtools.pools.pool_manifests import ARCHIVE, Manifest, build_manifest
from readpool.pool.errors import PoolError
from readpool.pool.spec import parse_pool

pytestmark = pytest.mark.timeout(600)

POOLS_AT_ONCE = 40
ROUNDS = 8

_counts = st.sampled_from([-1, 0, 1, 2, 3, 5, 8, 20, 5000, 5001])
_quantities = st.one_of(
    st.sampled_from(["0", "1", "500m", "0.5", "1Gi", "1G", "1e3", "1.5Ti", "-1", "+2", ".5", "5.", "1 Gi", "Gi", ""]),
    st.integers(-1, 3),
)
_urls = st.sampled_from(
    [
        ARCHIVE,
        "http://[::1]:1570",
        "http://a_b.example",
        "https://a",
        "a",
        "",
        "https://a b",
        "https://a?b",
        "http://a:1/%20",
    ]
)
_texts = st.text(alphabet="av1.-_:/@ \n$'\"\\é", max_size=6)


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Manifest]:
    return st.fixed_dictionaries({}, optional=fields)


def _name_workload(ref: Manifest) -> st.SearchStrategy[Manifest]:
    return st.sampled_from([ref | {"kind": kind, "name": "a"} for kind in ("Deployment", "StatefulSet", "Pod")])


_specs = _some(
    network=st.sampled_from(["Mainnet", "Custom", "mainnet"]),
    networkPassphrase=st.sampled_from(["", "Standalone"]),
    version=_texts,
    image=_texts,
    replicas=_counts,
    minReplicas=_counts,
    maxReplicas=_counts,
    targetReplicas=_counts,
    historyArchiveUrls=st.lists(_urls, max_size=2, unique=True),
    loadBalancing=_some(
        freshNodeWeight=st.sampled_from([0, 10, 1001]),
        laggingNodeWeight=st.sampled_from([-1, 0, 10, 11]),
    ),
    shardBalancing=_some(
        enabled=st.booleans(),
        shardCount=_counts,
        strategy=st.sampled_from(["RoundRobin", "ledgerRange", "LedgerRange", "hashBased", "HASH"]),
    ),
    resources=_some(
        requests=_some(cpu=_quantities, memory=_quantities), limits=_some(cpu=_quantities, memory=_quantities)
    ),
    storage=_some(
        size=_quantities,
        storageClass=_texts,
        snapshots=_some(
            interval=st.sampled_from(
                ["10m", "9m59s", "720h", "720h1s", "1h30m", "0h10m", "90", "1.5h", "1d", "", "10m\n"]
            ),
            keep=_counts,
            volumeSnapshotClassName=_texts,
        ),
        autoGrow=st.fixed_dictionaries(
            {"maxSize": _quantities},
            optional={
                "usedPercent": st.sampled_from([0, 49, 50, 95, 96]),
                "increase": st.sampled_from(["1%", "0%", "999%", "1000%", "25", "50Gi", "0", "-1Gi", "x%", "", "5%\n"]),
            },
        ),
    ),
    autoscaling=_some(scalerAddress=_texts | st.sampled_from(["a:1", "dns:///a:1", "[::1]:9090"])),
    gate=_some(image=_texts, enabled=st.booleans()),
)
_ports = st.one_of(st.integers(-1, 70_000), st.text(alphabet="a0-9Z.", max_size=17))
_before_workloads = st.fixed_dictionaries(
    {
        "version": st.none(),
        "workloadRef": _some(apiVersion=st.sampled_from(["apps/v1", "v1"])).flatmap(_name_workload),
    },
    optional={
        "probe": st.fixed_dictionaries({"type": st.sampled_from(["core", "rpc", "horizon"]), "port": _ports}),
        "loadBalancing": _some(port=_ports),
        "replicas": _counts,
        "image": st.sampled_from(["stellar/stellar-core", "a"]),
        "template": st.sampled_from([{}, {"spec": {}}, {"metadata": {}}]),
        "gate": _some(enabled=st.booleans()),
        "storage": _some(size=st.sampled_from(["100Gi", "102400Mi", 100]), storageClass=st.just("a")),
        "resources": _some(requests=_some(cpu=st.just("1"))),
    },
)


def find_refused_by_server(access: Access, specs: list[Manifest]) -> set[int]:
    """Ask the API server about many pools, none of which it keeps; return the numbers of those that it refuses."""
    manifests = [build_manifest(f"pool-{number}", **spec) for number, spec in enumerate(specs)]
    try:
        access.kubectl("apply", "--dry-run=server", "-f", "-", stdin="\n---\n".join(map(json.dumps, manifests)))
    except KubectlError as error:
        refused = {int(number) for number in re.findall(r'"pool-(\d+)" is invalid', str(error))}
        if not refused:
            raise
        return refused
    return set()


def is_refused_by_model(spec: Manifest) -> bool:
    """Return whether parse_pool refuses a pool."""
    try:
        parse_pool(build_manifest(**spec))
    except PoolError:
        return True
    return False


# Nothing is shrunk: each try asks a server, and the assertion shows the few pools that are judged differently.
@settings(max_examples=ROUNDS, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
@given(specs=st.lists(_specs | _before_workloads, min_size=POOLS_AT_ONCE, max_size=POOLS_AT_ONCE))
def test_the_api_server_and_the_model_refuse_the_same_pools(api_server: ApiServer, specs: list[Manifest]) -> None:
    refused = find_refused_by_server(api_server.access, specs)
    assert [
        (spec, "refused by the server alone" if number in refused else "refused by the model alone")
        for number, spec in enumerate(specs)
        if (number in refused) != is_refused_by_model(spec)
    ] == []
