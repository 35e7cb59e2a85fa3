"""Where the state of one cluster is kept on disk, and what such a cluster may be called."""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.addresses import Addresses, IpFamily
from devtools.machine.progress import Progress

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
COVERED = ("/run", "/var/lib", "/var/log")
"""What the cluster's processes see other folders in place of, so that the state cannot lie there."""


def find_clusters_folder() -> Path:
    """Find where the clusters of this user are kept: below XDG_STATE_HOME, by default ~/.local/state."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state).resolve() / "readpool" / "clusters"


@dataclass(frozen=True, slots=True)
class Folders:
    """The files of the cluster `name`."""

    name: str
    clusters: Path

    @property
    def state(self) -> Path:
        """All that the cluster writes; removed with it."""
        return self.clusters / self.name

    @property
    def lock(self) -> Path:
        """Held while it is started or ended."""
        return self.clusters / f".{self.name}.lock"

    @property
    def certificates(self) -> Path:
        """Keys and certificates."""
        return self.state / "certificates"

    @property
    def configuration(self) -> Path:
        """What the parts are told by file."""
        return self.state / "configuration"

    @property
    def parts(self) -> Path:
        """One record a running part: its command and its process."""
        return self.state / "parts"

    @property
    def part_logs(self) -> Path:
        """One log a part."""
        return self.state / "part-logs"

    @property
    def audit_log(self) -> Path:
        """What the programs under test asked of the API server, a line each."""
        return self.state / "audit.jsonl"

    @property
    def volumes(self) -> Path:
        """The volumes of the pods, one folder each."""
        return self.state / "volumes"

    @property
    def kubeconfig(self) -> Path:
        """How the machine reaches the API server, from anywhere."""
        return self.state / "kubeconfig"

    @property
    def inner_kubeconfig(self) -> Path:
        """How the cluster's own parts reach it."""
        return self.configuration / "admin.kubeconfig"

    @property
    def record(self) -> Path:
        """What holds the namespaces."""
        return self.state / "namespaces.json"

    @property
    def ip_family(self) -> Path:
        """Which IP family it was made with, and its place among clusters that are linked."""
        return self.state / "ip-family"

    @property
    def addresses(self) -> Addresses:
        """Where things are inside it; those of IPv4 where it is not there."""
        if not self.ip_family.exists():
            return Addresses()
        family, _, place = self.ip_family.read_text().partition(" ")
        return Addresses(IpFamily(family), int(place or 0))

    @property
    def programs(self) -> Path:
        """A link to the programs that it was started with."""
        return self.state / "programs"

    @property
    def ready_mark(self) -> Path:
        """There once the cluster has been ready."""
        return self.state / "ready"


def build_folders(name: str) -> Folders:
    """Build the folders of the cluster `name` of this user.

    Raises:
        ValueError: when the name, or the place for its state, will not do.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"a cluster's name is 1 to 30 small letters, digits and inner hyphens, not {name!r}")
    clusters = find_clusters_folder()
    if any(clusters.is_relative_to(covered) for covered in COVERED):
        raise ValueError(f"XDG_STATE_HOME puts clusters into {clusters}; it may not be below {', '.join(COVERED)}")
    return Folders(name, clusters)


@contextlib.contextmanager
def hold_name(folders: Folders, progress: Progress) -> Iterator[None]:
    """Keep others from starting or ending this cluster for the block, which may end with removing the lock's file."""
    folders.clusters.mkdir(parents=True, exist_ok=True)
    while True:
        with folders.lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"the cluster {folders.name} is being started or ended: waiting for that")
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_same(file.fileno(), folders.lock):
                yield
                return


def list_names() -> list[str]:
    """List the clusters of this user that are there, whether they run or not."""
    clusters = find_clusters_folder()
    return sorted(place.name for place in clusters.iterdir() if place.is_dir()) if clusters.exists() else []


def _is_same(descriptor: int, file: Path) -> bool:
    """Return whether an open file is still the one of that name: who had the lock before may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
