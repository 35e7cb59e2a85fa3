"""The snapshot controller's own definition of VolumeSnapshot, from the pinned Go module; for a real API server."""

from pathlib import Path

from devtools.api.go_modules import fetch_module

_MODULE = "github.com/kubernetes-csi/external-snapshotter/client/v8"
_PINS = Path(__file__).resolve().parents[2] / "pins" / "external-snapshotter"


def read_volume_snapshot_definition() -> str:
    """Read the definition, as YAML; raises as fetch_module."""
    folder = fetch_module(_MODULE, "the external snapshotter", _PINS) / "config" / "crd"
    return (folder / "snapshot.storage.k8s.io_volumesnapshots.yaml").read_text(encoding="utf-8")
