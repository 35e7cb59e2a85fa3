"""One cluster of ours by its name: up, down, and how to reach it and to hurt it.

Starting or ending it takes its lock; using it takes none. A cluster of which any part has ended does not
count as running, and the next `up` starts it again.
"""

from dataclasses import replace
from pathlib import Path

from devtools.cluster.access import Access, KubectlError
from devtools.cluster.addresses import Addresses
from devtools.cluster.binary_images import build_binary_image, name_image
from devtools.cluster.builds import build_all
from devtools.cluster.control_groups import ControlGroups
from devtools.cluster.folders import build_folders, hold_name
from devtools.cluster.images import build_images
from devtools.cluster.keda_manifests import render_keda
from devtools.cluster.lifecycle import (
    Contents,
    build_access,
    end_cluster,
    halt_cluster,
    import_image,
    read_namespaces,
    start_cluster,
)
from devtools.cluster.namespaces import Namespaces
from devtools.cluster.own_faults import OwnFaults
from devtools.cluster.requirements import require_machine
from devtools.cluster.supervised import Parts
from devtools.machine.progress import Progress

DEFAULT_NAME = "readpool"
DEFAULT_ADDRESSES = Addresses()
PROGRAMS = ("pause", "etcd", "kubernetes", "coredns", "helm", "keda")
"""The parts that are built; volumes are made by a provisioner of our own (storage.py)."""


class Instance:
    """The cluster of one name, whether it is there or not.

    Raises:
        ValueError: when the name will not do.
    """

    def __init__(self, name: str = DEFAULT_NAME) -> None:
        self.name = name
        self.folders = build_folders(name)

    @property
    def kubeconfig(self) -> Path:
        """The file that reaches it from this machine."""
        return self.folders.kubeconfig

    @property
    def is_running(self) -> bool:
        """Return whether it has been ready, all its parts run and its API server answers."""
        namespaces = read_namespaces(self.folders)
        if namespaces is None or not namespaces.is_alive or not self.folders.ready_mark.exists():
            return False
        if Parts(self.folders, namespaces).list_dead():
            return False
        try:
            return self.access.kubectl("get", "--raw", "/readyz", timeout=10) == "ok"
        except KubectlError:
            return False

    @property
    def is_there(self) -> bool:
        """Return whether anything of it is there, running or not."""
        return self.folders.state.exists() or ControlGroups(self.name).exists()

    @property
    def namespaces(self) -> Namespaces:
        """Its namespaces.

        Raises:
            LookupError: when it is not up.
        """
        found = read_namespaces(self.folders)
        if found is None or not found.is_alive:
            raise LookupError(f"the cluster {self.name} is not up")
        return found

    @property
    def parts(self) -> Parts:
        """Its parts."""
        return Parts(self.folders, self.namespaces)

    @property
    def access(self) -> Access:
        """How to reach it."""
        return build_access(self.folders, self.namespaces)

    @property
    def faults(self) -> OwnFaults:
        """How to hurt it."""
        return OwnFaults(self.access, self.parts, ControlGroups(self.name))

    def up(
        self,
        progress: Progress = print,
        *,
        with_keda: bool = True,
        addresses: Addresses = DEFAULT_ADDRESSES,
    ) -> None:
        """Start it: build what is not built, clear what a dead one left; nothing happens where it runs.

        Raises:
            UnmetNeedError: when the machine lacks something; says what.
            RuntimeError: when a part ends while it starts; nothing runs then, and its logs are kept until `down`.
                When it runs, with other addresses.
            TimeoutError: as RuntimeError, when it does not become ready.
        """
        with hold_name(self.folders, progress):
            if self.is_running:
                if (own := self.folders.addresses) != addresses:
                    raise RuntimeError(
                        f"the cluster {self.name} is up with IP family {own.family} and the addresses of place "
                        f"{own.place}, not {addresses.family} and {addresses.place}: take it down first"
                    )
                progress(f"the cluster {self.name} is up")
                return
            require_machine(progress)
            contents = replace(build_contents(progress, with_keda=with_keda), addresses=addresses)
            if self.is_there:
                progress(f"clearing what is left of an earlier cluster {self.name}")
            end_cluster(self.folders)
            try:
                start_cluster(self.folders, contents, progress)
            except BaseException:
                halt_cluster(self.folders)
                raise

    def down(self, progress: Progress = print) -> None:
        """End it and remove all that is its own; nothing happens where there is nothing of it."""
        with hold_name(self.folders, progress):
            end_cluster(self.folders)
            self.folders.lock.unlink()

    def import_image(self, archive: Path) -> None:
        """Import an image archive, so that pods find it without a registry."""
        import_image(self.namespaces, archive)


def build_contents(progress: Progress, *, with_keda: bool = True) -> Contents:
    """Build what a cluster is started from, or find it in the cache; without KEDA, it has its own images alone."""
    if with_keda:
        programs = build_all(PROGRAMS, progress)
        images = build_images(programs, progress)
        return Contents(programs, images.archives, images.pause, images.coredns, render_keda(programs))
    programs = build_all([name for name in PROGRAMS if name != "keda"], progress)
    archives = tuple(build_binary_image(programs, name, progress) for name in ("pause", "coredns"))
    return Contents(programs, archives, name_image(programs, "pause"), name_image(programs, "coredns"), None)
