"""The storage of the image builder when it starts over."""

from pathlib import Path

from devtools.cluster.readpool_image import remove_aside
from devtools.cluster.waiting import wait_for


def test_a_storage_that_has_grown_too_large_is_removed_aside(tmp_path: Path) -> None:
    storage = tmp_path / "buildah"
    (storage / "overlay").mkdir(parents=True)
    (storage / "overlay" / "layer").write_text("much")
    remove_aside(storage)
    assert not storage.exists()
    wait_for("what is aside is gone", lambda: list(tmp_path.iterdir()) == [], 10.0)
