"""The chart as it is released, by Helm: what it installs is the image that was pushed, by digest."""

from pathlib import Path

import pytest

from devtools.release.chart import package_chart
from tests.e2e.rendered_chart import CHART, Helm, pod_of

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built
DIGEST, GATE = "sha256:" + "0a" * 32, "sha256:" + "0b" * 32


def test_helm_installs_the_package_with_both_images_by_their_digests(helm: Helm, tmp_path: Path) -> None:
    files = {path.relative_to(CHART).as_posix(): path.read_bytes() for path in CHART.rglob("*") if path.is_file()}
    digests = {"digest": DIGEST, "gate_digest": GATE}
    name, packed = package_chart(files, "0.2.0", 1_800_000_000, repository="registry.example/readpool", **digests)
    (tmp_path / name).write_bytes(packed)
    assert helm.run("show", "chart", str(tmp_path / name)).count("version: 0.2.0") == 1
    assert "1 chart(s) linted, 0 chart(s) failed" in helm.run("lint", "--strict", str(tmp_path / name))
    objects = helm.render(chart=tmp_path / name)
    for deployment in ("readpool-scaler", "readpool-controller"):
        (container,) = pod_of(objects, deployment)["containers"]
        assert container["image"] == f"registry.example/readpool@{DIGEST}"
    assert f"--gate-image=envoyproxy/envoy@{GATE}" in container["args"]
