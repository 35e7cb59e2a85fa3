"""The commands behind `make cluster-…`: up, down, shell, status, list, logs; build and images for what is slow.

And `snapshots`, which gives a cluster that is up storage with snapshots; `quickstart`, which runs hack/quickstart.sh.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from devtools.cluster.addresses import Addresses, IpFamily
from devtools.cluster.builds import build_all
from devtools.cluster.csi_storage import start_csi
from devtools.cluster.folders import list_names
from devtools.cluster.images import build_images
from devtools.cluster.instance import DEFAULT_NAME, PROGRAMS, Instance
from devtools.cluster.quickstart import run_script
from devtools.machine.cache import find_cache_folder
from devtools.machine.needs import UnmetNeedError
from devtools.machine.progress import CommandError


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devtools.cluster", description=__doc__)
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("--name", default=DEFAULT_NAME, help="which cluster (default: %(default)s)")
    parser.add_argument("--without-keda", action="store_true", help="up: a bare cluster")
    parser.add_argument(
        "--ip-family", choices=[*IpFamily], default=IpFamily.IPV4, type=IpFamily, help="up: (default: %(default)s)"
    )
    parser.add_argument("words", nargs="*", help="shell: a command to run instead; logs: the part")
    given = parser.parse_args(args)
    try:
        return COMMANDS[given.command](given)
    except (UnmetNeedError, CommandError, RuntimeError, ValueError, LookupError, TimeoutError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def run_up(given: argparse.Namespace) -> int:
    """Start a cluster and print how to reach it."""
    instance = Instance(given.name)
    instance.up(say, with_keda=not given.without_keda, addresses=Addresses(given.ip_family))
    named = "" if given.name == DEFAULT_NAME else f" NAME={given.name}"
    say(f"\nexport KUBECONFIG={instance.kubeconfig}    # from anywhere on this machine")
    say(f"make cluster-shell{named}    # a shell in the cluster's network, with kubectl, helm and KUBECONFIG")
    say(f"make cluster-down{named}")
    return 0


def run_snapshots(given: argparse.Namespace) -> int:
    """Add storage with snapshots to a cluster that is up."""
    storage = start_csi(Instance(given.name), say)
    say(f"StorageClass and VolumeSnapshotClass: {storage.storage_class}")
    return 0


def run_quickstart(given: argparse.Namespace) -> int:
    """Start a cluster unless it is up, and run the quick start on it; it stays up."""
    run_up(given)
    return run_script(Instance(given.name), say)


def run_down(given: argparse.Namespace) -> int:
    """End a cluster."""
    Instance(given.name).down(say)
    say(f"nothing is left of the cluster {given.name}")
    return 0


def run_shell(given: argparse.Namespace) -> int:
    """Become a shell, or the command given, in the network of a cluster's node."""
    instance = Instance(given.name)
    command = given.words or [os.environ.get("SHELL") or "/bin/sh"]
    entered = instance.namespaces.enter_network(*command)
    environment = {**instance.access.environment, "KUBECONFIG": str(instance.folders.inner_kubeconfig)}
    sys.stdout.flush()
    os.execvpe(entered[0], entered, environment)  # noqa: S606 - the shell takes this process's place, by its own wish


def run_status(given: argparse.Namespace) -> int:
    """Print what runs of a cluster; return 0 if all does."""
    instance = Instance(given.name)
    if not instance.is_there:
        say(f"there is no cluster {given.name}")
        return 1
    parts = instance.parts
    for name in parts.list_names():
        say(f"{name:26} {'runs' if parts.is_alive(name) else 'ended'}")
    running = instance.is_running
    say(f"the cluster {given.name} {'is up' if running else 'is not ready'}")
    return 0 if running else 1


def run_list(given: argparse.Namespace) -> int:
    """Print which clusters of this user exist."""
    del given
    for name in list_names():
        say(f"{name:30} {'is up' if Instance(name).is_running else 'is not ready'}")
    return 0


def run_logs(given: argparse.Namespace) -> int:
    """Print the end of each part's log, or the whole log of those named."""
    folder = Instance(given.name).folders.part_logs
    for name in given.words or sorted(file.stem for file in folder.glob("*.log")):
        text = (folder / f"{name}.log").read_text(errors="replace")
        say(f"=== {name}")
        say(text if given.words else "\n".join(text.splitlines()[-10:]))
    return 0


def run_build(given: argparse.Namespace) -> int:
    """Build the programs, once."""
    del given
    say(str(build_all(progress=say).folder))
    return 0


def run_images(given: argparse.Namespace) -> int:
    """Build the images, once; then the programs that run in none."""
    del given
    for archive in build_images(build_all(PROGRAMS, say), say).archives:
        say(str(archive))
    build_all(progress=say)
    say(f"kept in {find_cache_folder()}")
    return 0


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "up": run_up,
    "down": run_down,
    "snapshots": run_snapshots,
    "quickstart": run_quickstart,
    "shell": run_shell,
    "status": run_status,
    "list": run_list,
    "logs": run_logs,
    "build": run_build,
    "images": run_images,
}

if __name__ == "__main__":
    sys.exit(main())
