"""Which cluster the end-to-end tests run against: that of KUBECONFIG, else one of ours, made for them.

READPOOL_CLUSTER names one of ours that is to be used, brought up where it is not, and left as it is afterwards.

Settings of another cluster: READPOOL_IMAGE, READPOOL_CORE_IMAGE and READPOOL_GATE_IMAGE, the images' names there; or
READPOOL_LOAD_IMAGE, a command with {} in place of an archive, by which ours are brought to it (`kind load
image-archive {}`). READPOOL_CORE_NEXT is the tag of a second READPOOL_CORE_IMAGE, to upgrade to.
"""

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.access import Access
from devtools.cluster.addresses import Addresses
from devtools.cluster.builds import build_all
from devtools.cluster.exec_faults import ExecFaults
from devtools.cluster.faults import Faults
from devtools.cluster.folders import build_folders
from devtools.cluster.image_archive import NEXT
from devtools.cluster.images import build_images
from devtools.cluster.instance import DEFAULT_ADDRESSES, PROGRAMS, Instance
from devtools.machine.needs import UnmetNeedError
from devtools.machine.progress import Progress, run_reported

MOST_INSTANCES = 100


@dataclass(frozen=True, slots=True)
class ImageReferences:
    """The images that tests put into pods, as the cluster calls them.

    `core` and `gate` are None where there is no stellar-core and no Envoy; `core_next` is the tag of another image of
    the former, to upgrade to.
    """

    readpool: str
    core: str | None
    gate: str | None
    core_next: str | None


@dataclass(frozen=True, slots=True)
class ProvidedCluster:
    """A cluster for tests.

    Attributes:
        audit_log: what the programs under test asked of the API server, where it keeps that.
        instance: what it is, where it is one of ours.
    """

    access: Access
    faults: Faults
    images: ImageReferences
    audit_log: Path | None = None
    instance: Instance | None = None

    @property
    def is_ours(self) -> bool:
        """Return whether it is one of ours."""
        return self.instance is not None


@contextlib.contextmanager
def provide_cluster(progress: Progress = print, addresses: Addresses = DEFAULT_ADDRESSES) -> Iterator[ProvidedCluster]:
    """Provide a cluster while the block runs; ours has these addresses, and ends then unless READPOOL_KEEP_CLUSTER=1.

    Raises:
        UnmetNeedError: when neither can be had; says what is missing.
    """
    if kubeconfig := os.environ.get("KUBECONFIG"):
        yield find_foreign_cluster(Path(kubeconfig), progress)
        return
    named = os.environ.get("READPOOL_CLUSTER")
    if named and addresses.place:
        named = f"{named}-{addresses.place}"
    instance = Instance(named or find_free_name())
    was_running = instance.is_running
    try:
        instance.up(progress, addresses=addresses)
        images = build_images(build_all(PROGRAMS, progress), progress)
        if was_running:
            for archive in images.archives:  # what is there already takes no time
                instance.import_image(archive)
        references = ImageReferences(images.readpool, images.core, images.gate, _name_next(images.core))
        yield ProvidedCluster(instance.access, instance.faults, references, instance.folders.audit_log, instance)
    finally:
        if named:
            progress(f"the cluster {named} stays up")
        elif os.environ.get("READPOOL_KEEP_CLUSTER", "") in {"", "0"}:
            instance.down(progress)
        else:
            progress(f"kept: make cluster-shell NAME={instance.name}; make cluster-down NAME={instance.name}")


def find_foreign_cluster(kubeconfig: Path, progress: Progress) -> ProvidedCluster:
    """Return the cluster behind a kubeconfig, with its images named or loaded.

    Raises:
        UnmetNeedError: when kubectl or helm, or the images, are missing.
    """
    missing = [program for program in ("kubectl", "helm") if shutil.which(program) is None]
    if missing:
        raise UnmetNeedError(f"Tests against the cluster of KUBECONFIG need {' and '.join(missing)} on PATH.")
    access = Access(kubeconfig.resolve())
    return ProvidedCluster(access, ExecFaults(access), _find_images(progress))


def find_free_name(prefix: str = "e2e") -> str:
    """Find a name for a cluster that none of ours has."""
    for turn in range(MOST_INSTANCES):
        name = f"{prefix}-{os.getpid()}-{turn}"
        if not build_folders(name).state.exists():
            return name
    raise RuntimeError(f"{MOST_INSTANCES} clusters of this process are there already")


def _find_images(progress: Progress) -> ImageReferences:
    """Find the images of another cluster: by name where named, else built here and loaded by the command given."""
    core, load = os.environ.get("READPOOL_CORE_IMAGE"), os.environ.get("READPOOL_LOAD_IMAGE")
    if load is None:
        named = os.environ.get("READPOOL_IMAGE")
        if not named:
            raise UnmetNeedError(
                "With KUBECONFIG, give READPOOL_IMAGE, the name of an image that the cluster has or can pull, "
                "or READPOOL_LOAD_IMAGE, a command that loads an archive in place of {} (kind load image-archive {})."
            )
        return ImageReferences(named, core, os.environ.get("READPOOL_GATE_IMAGE"), _find_next(core))
    images = build_images(build_all(PROGRAMS, progress), progress)
    for archive in images.archives:
        command = [part.replace("{}", str(archive)) for part in shlex.split(load)]
        run_reported(command, f"loading {archive.name}", progress)
    after = _find_next(core) if core else _name_next(images.core)
    gate = os.environ.get("READPOOL_GATE_IMAGE") or images.gate
    return ImageReferences(os.environ.get("READPOOL_IMAGE") or images.readpool, core or images.core, gate, after)


def _name_next(core: str) -> str:
    return core.rpartition(":")[2] + NEXT


def _find_next(core: str | None) -> str | None:
    """Find the tag to upgrade to of an image that somebody else has built."""
    return os.environ.get("READPOOL_CORE_NEXT") if core else None
