"""The quick start's script from its fourth command on: a pool that lags, grows, heals and shrinks within five minutes.

Its first three commands make a cluster with kind, install KEDA from its chart and build images with docker. None of
that can run here: kind needs docker, and neither its images nor KEDA's chart is in a package registry. The cluster of
these tests stands in for them, with the same version of KEDA.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtools.cluster.provided import ProvidedCluster
from devtools.strictness import skip_or_fail
from tests.e2e.cluster.shared_release import build_shared_values

ROOT = Path(__file__).resolve().parents[3]
MOST_SECONDS = 300
PAGE = ROOT / "docs" / "quickstart.md"
NAMESPACE = "quickstart"
SHOWN = re.compile(r"^[$#] .*", re.MULTILINE)
TOOK = re.compile(r" \(\d+ s\)$", re.MULTILINE)


@pytest.fixture
def output(cluster: ProvidedCluster, tmp_path: Path) -> Iterator[str]:
    """Run the script, and yield what it printed; what it made in its own namespace goes afterwards."""
    core = cluster.images.core
    if core is None:
        skip_or_fail("READPOOL_CORE_IMAGE is not set: the cluster has no image of the simulated Core")
    values = tmp_path / "values.json"
    values.write_text(json.dumps(build_shared_values(cluster.images)))
    ours = {
        "QUICKSTART_CLUSTER": "current",
        "QUICKSTART_CORE_IMAGE": core,
        "QUICKSTART_VALUES": str(values),
    }
    try:
        done = subprocess.run(
            [ROOT / "hack" / "quickstart.sh"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=MOST_SECONDS + 60,
            env={**cluster.access.environment, **ours},
        )
        (ROOT / "artifacts" / "quickstart.txt").write_text(done.stdout)
        assert done.returncode == 0, done.stdout[-4000:]
        yield done.stdout
    finally:
        cluster.access.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def test_it_shows_a_pool_that_heals_itself_in_under_five_minutes(
    output: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    seconds = int(TOOK.findall(output)[-1].strip(" (s)"))
    record_testsuite_property("quickstart_seconds", seconds)
    assert seconds < MOST_SECONDS
    (printed,) = re.findall(r"<!-- output: begin.*?```\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [TOOK.sub("", line) for line in SHOWN.findall(output)] == [
        TOOK.sub("", line) for line in SHOWN.findall(printed)
    ]
