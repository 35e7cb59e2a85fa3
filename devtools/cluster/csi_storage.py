"""Storage with snapshots for a cluster of ours that runs: a CSI driver, and what Kubernetes has beside such a driver.

The snapshot controller and the sidecars are the real ones; the driver (pins/csi/*.go) keeps each volume in memory, at
the size that is asked for. All run as parts of the cluster, in the place of the node. The definitions of snapshots come
with them: a cluster without has none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.access import Access, KubectlError, Manifest
from devtools.cluster.addresses import NODE_NAME
from devtools.cluster.builds import Binaries, build_all
from devtools.cluster.folders import Folders
from devtools.cluster.instance import Instance
from devtools.cluster.waiting import wait_for
from devtools.machine.progress import Progress

DRIVER = "csi.readpool.test"
CLASS = "snapshots"
"""The name of the StorageClass and of the VolumeSnapshotClass."""
START_SECONDS = 60.0
DEFINITIONS = tuple(f"volumesnapshot{kind}.snapshot.storage.k8s.io" for kind in ("s", "contents", "classes"))
_SOCKET = f"/var/lib/kubelet/plugins/{DRIVER}/csi.sock"
_REGISTRATION = f"/var/lib/kubelet/plugins_registry/{DRIVER}-reg.sock"


@dataclass(frozen=True, slots=True)
class CsiStorage:
    """Storage with snapshots in a cluster; `folder` is where the driver keeps it, None on a cluster of others."""

    storage_class: str
    snapshot_class: str
    folder: Path | None = None

    def find_snapshot(self, access: Access, namespace: str, name: str) -> Path:
        """Find the files of a VolumeSnapshot that is ready."""
        assert self.folder is not None
        found = access.get("volumesnapshot", name, namespace) or {}
        content = access.get("volumesnapshotcontent", found["status"]["boundVolumeSnapshotContentName"]) or {}
        return self.folder / "snapshots" / str(content["status"]["snapshotHandle"])


def start_csi(instance: Instance, progress: Progress = print) -> CsiStorage:
    """Start the driver and all beside it in a cluster that is up; what runs already is left alone.

    Raises:
        UnmetNeedError: when it cannot be built on this machine.
        RuntimeError: when a part of it ends; says which, and the end of its log.
        TimeoutError: when the kubelet does not know the driver in time.
    """
    programs = build_all(["csi"], progress)
    access, parts = instance.access, instance.parts
    access.apply(*read_definitions(programs))
    named = [f"customresourcedefinition/{name}" for name in DEFINITIONS]
    access.kubectl("wait", "--for=condition=Established", f"--timeout={START_SECONDS:.0f}s", *named, timeout=90)
    running = {name for name in parts.list_names() if parts.is_alive(name)}
    for name, command in build_commands(programs, instance.folders).items():
        if name not in running:
            parts.start(name, command)
    access.apply(*build_manifests())

    def is_known() -> bool:
        parts.require_alive()
        return is_registered(access)

    wait_for(f"the kubelet to know {DRIVER}", is_known, START_SECONDS)
    return CsiStorage(CLASS, CLASS, find_folder(instance.folders))


def stop_snapshots(instance: Instance) -> None:
    """Remove snapshots from a cluster again: their definitions, with all that is of them, and who made them.

    Volumes stay as they are; `start_csi` brings it all back.
    """
    named = [f"customresourcedefinition/{name}" for name in DEFINITIONS]
    # Each snapshot has finalizers, which those who made it take away.
    instance.access.kubectl("delete", "--ignore-not-found", f"--timeout={START_SECONDS:.0f}s", *named, timeout=90)
    parts = instance.parts
    for name in {"snapshot-controller", "csi-snapshotter"} & set(parts.list_names()):
        parts.stop(name)


def find_folder(folders: Folders) -> Path:
    """Find where the driver of a cluster keeps volumes and snapshots."""
    return folders.state / "csi"


def read_definitions(programs: Binaries) -> list[str]:
    """Read the definitions of the kinds of snapshots, as YAML."""
    files = sorted(programs.path("snapshot-definitions").glob("snapshot.storage.k8s.io_*.yaml"))
    return [file.read_text(encoding="utf-8") for file in files]


def build_commands(programs: Binaries, folders: Folders) -> Mapping[str, list[str]]:
    """Build the command of each part, by its name."""
    driver = [f"--folder={find_folder(folders)}", f"--node={NODE_NAME}"]
    driver += [f"--socket={_SOCKET}", f"--registration={_REGISTRATION}"]
    known, beside = f"--kubeconfig={folders.inner_kubeconfig}", f"--csi-address={_SOCKET}"
    arguments = {
        "csi-driver": driver,
        "snapshot-controller": [known],
        "csi-snapshotter": [known, beside],
        "csi-provisioner": [known, beside],
        "csi-resizer": [known, beside],
    }
    return {name: [str(programs.path(name)), *given] for name, given in arguments.items()}


def build_manifests() -> tuple[Manifest, ...]:
    """Build the driver's object and its two classes. The kubelet gives each volume to its pod's fsGroup."""
    storage: Manifest = {"apiVersion": "storage.k8s.io/v1"}
    return (
        storage
        | {
            "kind": "CSIDriver",
            "metadata": {"name": DRIVER},
            "spec": {"attachRequired": False, "podInfoOnMount": False, "fsGroupPolicy": "File"},
        },
        storage
        | {
            "kind": "StorageClass",
            "metadata": {"name": CLASS},
            "provisioner": DRIVER,
            "reclaimPolicy": "Delete",
            "allowVolumeExpansion": True,
            "volumeBindingMode": "WaitForFirstConsumer",
        },
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotClass",
            "metadata": {"name": CLASS},
            "driver": DRIVER,
            "deletionPolicy": "Delete",
        },
    )


def is_registered(access: Access) -> bool:
    """Return whether the kubelet has told that the driver is on the node."""
    try:
        node = json.loads(access.kubectl("get", "csinode", NODE_NAME, "-o", "json"))
    except KubectlError:
        return False
    return any(driver["name"] == DRIVER for driver in node["spec"].get("drivers") or ())
