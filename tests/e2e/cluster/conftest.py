"""What the tests on a cluster stand on: the cluster, a namespace for each, scalers that they share, a core network.

Where a test fails, what the pods, events and objects say is kept under artifacts/ before its namespace goes.
"""

import os
import re
import secrets
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from devtools.cluster.csi_storage import CsiStorage, start_csi
from devtools.cluster.evidence import save_evidence
from devtools.cluster.provided import ProvidedCluster, provide_cluster
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail
from tests.e2e.cluster import shared_release
from tests.e2e.cluster.core_network import CoreNetwork, start_core_network
from tests.e2e.cluster.own_release import OwnRelease

ARTIFACTS = Path(__file__).resolve().parents[3] / "artifacts"
TEST_SECONDS = 420
"""Of a test alone: building and starting the cluster, in a fixture, takes as long as it takes."""
ALWAYS_SAVED = (shared_release.NAMESPACE, "keda")
_NAME_LENGTH = 40

_cluster = pytest.StashKey[ProvidedCluster]()
_namespaces = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the timeout of each test here, unless it has asked for another."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the cluster says when a test of it fails."""
    report = yield
    cluster = item.config.stash.get(_cluster, None)
    if report.failed and cluster is not None:
        namespaces = item.config.stash.get(_namespaces, [])
        folder = ARTIFACTS / "cluster" / _make_name(item.name) / report.when
        save_evidence(cluster.access, folder, [*namespaces, *ALWAYS_SAVED])
        report.sections.append(("cluster", f"evidence is in {folder}"))
    return report


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[ProvidedCluster]:
    """Provide a cluster with KEDA: that of KUBECONFIG, else one of our own."""
    with ExitStack() as stack:
        try:
            provided = stack.enter_context(provide_cluster(tell))
        except UnmetNeedError as error:
            skip_or_fail(str(error))
        pytestconfig.stash[_cluster] = provided
        yield provided
        del pytestconfig.stash[_cluster]


@pytest.fixture
def namespace(cluster: ProvidedCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield a namespace of the test's own."""
    with borrow_namespace(cluster, request.config, request.node.name) as name:
        yield name


@pytest.fixture(scope="module")
def module_namespace(cluster: ProvidedCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield a namespace that the tests of a module share."""
    with borrow_namespace(cluster, request.config, request.path.stem) as name:
        yield name


@pytest.fixture(scope="session")
def scaler_release(cluster: ProvidedCluster) -> OwnRelease:
    """Install the scalers that tests share; it goes with the cluster, or with the next session's."""
    return shared_release.install_shared_release(cluster.access, cluster.images)


@pytest.fixture(scope="session")
def core_network(cluster: ProvidedCluster, pytestconfig: pytest.Config) -> Iterator[CoreNetwork]:
    """Start a private network of Stellar Core: a validator, which whoever wants may follow."""
    image = cluster.images.core
    if image is None:
        skip_or_fail("READPOOL_CORE_IMAGE is not set: the cluster has no image of stellar-core")
    with borrow_namespace(cluster, pytestconfig, "core-network") as name:
        yield start_core_network(cluster.access, name, image, cluster.images.readpool)


@pytest.fixture(scope="session")
def snapshot_storage(cluster: ProvidedCluster) -> CsiStorage:
    """Return storage with snapshots: ours, else that of READPOOL_SNAPSHOT_CLASSES."""
    if cluster.instance is None:
        storage, _, snapshots = os.environ.get("READPOOL_SNAPSHOT_CLASSES", "").partition(",")
        if not (storage and snapshots):
            skip_or_fail("READPOOL_SNAPSHOT_CLASSES=STORAGECLASS,VOLUMESNAPSHOTCLASS is not set for this cluster")
        return CsiStorage(storage, snapshots)
    try:
        return start_csi(cluster.instance, tell)
    except UnmetNeedError as error:
        skip_or_fail(str(error))


@contextmanager
def borrow_namespace(cluster: ProvidedCluster, config: pytest.Config, purpose: str) -> Iterator[str]:
    """Make a namespace named after its purpose, and delete it afterwards without waiting for its pods."""
    name = f"{_make_name(purpose)}-{secrets.token_hex(3)}"
    cluster.access.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    borrowed = config.stash.setdefault(_namespaces, [])
    borrowed.append(name)
    try:
        yield name
    finally:
        borrowed.remove(name)
        cluster.access.kubectl("delete", "namespace", name, "--wait=false")


def tell(line: str) -> None:
    """Print what is being built or started at once, whatever pytest captures."""
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"{line}\n")


def _make_name(text: str) -> str:
    """Make a DNS label of a test's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:_NAME_LENGTH].strip("-")
