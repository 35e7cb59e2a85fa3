"""Starts one cluster, stage by stage, and ends it whatever state it is in.

Starting does at once what does not wait for another: images are imported while the API server starts, KEDA is applied
before the node is ready. Ending is one kill and some removing, since nothing lives outside the namespaces and the
control groups.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devtools.cluster import addons
from devtools.cluster.access import RELAY, Access, KubectlError
from devtools.cluster.addresses import API_PORT, Addresses
from devtools.cluster.builds import Binaries
from devtools.cluster.certificates import build_keda_secret, write_certificates, write_kubeconfig
from devtools.cluster.control_groups import ControlGroups
from devtools.cluster.control_plane import build_api_server, build_controllers, build_etcd, build_scheduler
from devtools.cluster.folders import Folders
from devtools.cluster.namespaces import Namespaces, make_namespaces, run_inside
from devtools.cluster.node import build_containerd, build_kubelet, build_proxy
from devtools.cluster.process_identity import ProcessIdentity
from devtools.cluster.storage import __file__ as storage_script
from devtools.cluster.supervised import Parts
from devtools.cluster.waiting import wait_for
from devtools.machine.progress import Progress

START_SECONDS = 180
RELAY_DESCRIPTOR = 3


@dataclass(frozen=True, slots=True)
class Contents:
    """What a cluster is started from and with: programs, images, KEDA's manifests (None: without it), addresses."""

    programs: Binaries
    archives: tuple[Path, ...]
    pause: str
    coredns: str
    keda: str | None
    addresses: Addresses = field(default_factory=Addresses)


class Stages:
    """Says what is done, and how long after the start."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._start = time.monotonic()

    def done(self, what: str) -> None:
        """Print that a stage is done."""
        self._progress(f"{time.monotonic() - self._start:5.1f} s  {what}")


def start_cluster(folders: Folders, contents: Contents, progress: Progress) -> None:
    """Start a cluster in an empty state folder; return when the node, DNS and KEDA are ready.

    Raises:
        RuntimeError: when a part of it ends; says which, and the end of its log.
        TimeoutError: when it is not ready in time.
    """
    stages = Stages(progress)
    namespaces = _prepare(folders, contents)
    parts = Parts(folders, namespaces)
    with ThreadPoolExecutor(max_workers=2) as pool:
        _start_first(folders, contents, parts)
        imports = [pool.submit(import_image, namespaces, archive) for archive in contents.archives]
        stages.done("namespaces, etcd, the API server and containerd started")
        access = build_access(folders, namespaces)
        _wait(parts, "the API server to be ready", lambda: is_serving(access))
        stages.done("the API server is ready")
        _start_rest(folders, contents, parts)
        _wait(parts, "the namespace kube-system", lambda: _has_namespaces(access))
        addons.apply_dns_and_storage(access, contents.coredns, folders.addresses)
        if contents.keda is not None:
            secret = build_keda_secret(folders.certificates, addons.KEDA_NAMESPACE)
            addons.apply_keda(access, contents.keda, secret)
        stages.done("DNS, storage and KEDA applied" if contents.keda is not None else "DNS and storage applied")
        _wait(parts, "the node to be Ready", lambda: addons.is_node_ready(access))
        stages.done("the node is Ready")
        _finish_imports(imports)
        stages.done("images imported")
    _wait(parts, "DNS to answer", lambda: addons.is_dns_ready(access))
    stages.done("DNS is ready")
    if contents.keda is not None:
        _wait(parts, "KEDA to be ready", lambda: addons.is_keda_ready(access))
        stages.done("KEDA is ready")
    folders.ready_mark.touch()


def halt_cluster(folders: Folders) -> None:
    """End all that runs of a cluster, whatever state it is in, and leave its files for reading.

    Raises:
        TimeoutError: when something does not die within 30 s.
    """
    groups = ControlGroups(folders.name)
    if namespaces := read_namespaces(folders):
        namespaces.kill()
    groups.kill_all()
    groups.remove()


def end_cluster(folders: Folders) -> None:
    """End a cluster and remove all that it left, whatever state it is in; nothing happens where there is none.

    Raises:
        TimeoutError: when something does not die or cannot be removed.
        RuntimeError: when something is mounted below its state folder, as the cluster itself never does.
    """
    halt_cluster(folders)
    if not folders.state.exists():
        return
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if mounted := [mount for mount in mounts if Path(mount).is_relative_to(folders.state)]:
        raise RuntimeError(f"{', '.join(mounted)} is mounted there: unmount it before {folders.state} can be removed")
    shutil.rmtree(folders.state)


def read_namespaces(folders: Folders) -> Namespaces | None:
    """Read which namespaces a cluster has; None where none were made."""
    if not folders.record.exists():
        return None
    return Namespaces(ProcessIdentity(**json.loads(folders.record.read_text())))


def import_image(namespaces: Namespaces, archive: Path) -> None:
    """Import an image archive into the cluster's containerd; its names are those in the archive.

    Raises:
        RuntimeError: when it cannot be imported.
    """
    try:
        run_inside(namespaces, "ctr", "--namespace", "k8s.io", "images", "import", str(archive), timeout=300)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{archive} could not be imported: {error.stderr.strip()}") from error


def build_access(folders: Folders, namespaces: Namespaces) -> Access:
    """Build the access to a cluster by the kubectl and helm that came with it."""
    return Access(folders.kubeconfig, str(folders.programs / "kubectl"), str(folders.programs / "helm"), namespaces)


def _prepare(folders: Folders, contents: Contents) -> Namespaces:
    """Make folders, certificates, control groups and namespaces."""
    for folder in (folders.configuration, folders.volumes):
        folder.mkdir(parents=True)
    folders.state.chmod(0o711)  # pods of any user pass through it to their volumes, and read nothing else
    folders.ip_family.write_text(f"{contents.addresses.family} {contents.addresses.place}")
    folders.programs.symlink_to(contents.programs.folder)
    write_certificates(folders.certificates, contents.addresses)
    write_kubeconfig(folders.inner_kubeconfig, folders.certificates, "admin", contents.addresses.api_url)
    groups = ControlGroups(folders.name)
    groups.make()
    namespaces = make_namespaces(folders.state, groups.place(), contents.addresses.of_node)
    folders.record.write_text(json.dumps(asdict(namespaces.first)))
    return namespaces


def _start_first(folders: Folders, contents: Contents, parts: Parts) -> None:
    """Start what waits for nothing."""
    programs = contents.programs
    parts.start("etcd", build_etcd(programs.path("etcd"), folders))
    parts.start("containerd", build_containerd(folders, contents.pause))
    parts.start("kube-apiserver", build_api_server(programs.path("kube-apiserver"), folders))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = "https://{}:{}".format(*listener.getsockname())
        write_kubeconfig(folders.kubeconfig, folders.certificates, "admin", server)
        relay = [sys.executable, "-I", str(RELAY), str(RELAY_DESCRIPTOR), folders.addresses.first.node, str(API_PORT)]
        parts.start("api-relay", relay, {RELAY_DESCRIPTOR: listener.fileno()})


def _start_rest(folders: Folders, contents: Contents, parts: Parts) -> None:
    """Start what asks the API server."""
    programs, group = contents.programs, ControlGroups(folders.name).name
    parts.start("kube-controller-manager", build_controllers(programs.path("kube-controller-manager"), folders))
    parts.start("kube-scheduler", build_scheduler(programs.path("kube-scheduler"), folders))
    parts.start("kubelet", build_kubelet(programs.path("kubelet"), folders, group))
    parts.start("kube-proxy", build_proxy(programs.path("kube-proxy"), folders))
    provisioner = [
        *(sys.executable, "-I", storage_script),
        *(folders.addresses.api_url, str(folders.certificates), str(folders.volumes)),
    ]
    parts.start("volumes", provisioner)


def is_serving(access: Access) -> bool:
    """Return whether the API server answers and is ready."""
    try:
        return access.fetch("/readyz").strip() == "ok"
    except KubectlError:
        return False


def _has_namespaces(access: Access) -> bool:
    return access.get("namespace", "kube-system") is not None


def _wait(parts: Parts, what: str, probe: Callable[[], bool]) -> None:
    """Wait for a stage as long as every part runs."""

    def look() -> bool:
        parts.require_alive()
        return probe()

    try:
        wait_for(what, look, START_SECONDS, every=0.25)
    except TimeoutError as error:
        raise TimeoutError(f"{error}; logs are in {parts.folders.part_logs}") from error


def _finish_imports(imports: list[Future[None]]) -> None:
    for future in imports:
        future.result()
