"""What a cluster of ours needs of the machine, checked before anything is made: one sentence for what is missing."""

import sys

from devtools.cluster.control_groups import MOUNT, find_missing_controllers
from devtools.machine.debian_packages import require
from devtools.machine.needs import UnmetNeedError, require_root
from devtools.machine.progress import Progress

PACKAGES = ("containerd", "runc", "containernetworking-plugins", "iptables", "conntrack", "iproute2", "util-linux")


def require_machine(progress: Progress) -> None:
    """Check for Linux, root and control groups, and for Debian's programs, which are installed where that can be done.

    Raises:
        UnmetNeedError: for the first that is missing; says how to get it.
        CommandError: when apt fails.
    """
    if sys.platform != "linux":
        raise UnmetNeedError("A cluster of ours needs Linux; elsewhere give KUBECONFIG of another (docs/cluster.md).")
    require_root("A cluster with namespaces of its own")
    if missing := find_missing_controllers():
        raise UnmetNeedError(f"The kubelet needs the control group controllers {', '.join(missing)} below {MOUNT}.")
    require(*PACKAGES, progress=progress)
