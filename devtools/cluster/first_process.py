"""The first process of a cluster's namespaces: sets the place up, then reaps what is orphaned there until it is killed.

Runs as a script, as pid 1 of a PID namespace, with mounts and a network of its own: its death ends every process
inside, and with the last of them every mount, link and network namespace is gone. It prints one line when the place is
ready.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

# The kubelet wants these and would set them for the whole machine; it is shown them as set already.
TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
FORWARDING = {"-4": "/proc/sys/net/ipv4/ip_forward", "-6": "/proc/sys/net/ipv6/conf/all/forwarding"}
ON_DISK = {"logs": "/var/log", "kubelet": "/var/lib/kubelet", "containerd": "/var/lib/containerd"}


def main(folder: Path, node_addresses: list[str]) -> None:
    """Set the place up and reap for ever."""
    mount_private_folders(folder)
    show_tunables(folder / "tunables")
    set_links_up(node_addresses)
    sys.stdout.write("ready\n")
    sys.stdout.close()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        signal.sigwait({signal.SIGCHLD})
        reap_all()


def mount_private_folders(folder: Path) -> None:
    """Mount a /run and a /var of its own: sockets, CNI's namespaces and caches are kept apart."""
    run("mount", "--make-rshared", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "run", "/run")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "lib", "/var/lib")
    for name, path in ON_DISK.items():
        (folder / name).mkdir(exist_ok=True)
        Path(path).mkdir(exist_ok=True)
        run("mount", "--bind", str(folder / name), path)


def show_tunables(folder: Path) -> None:
    """Cover the kernel's settings that the kubelet would change with files that say what it wants to read."""
    folder.mkdir(exist_ok=True)
    for name, value in TUNABLES.items():
        file = folder / name.replace("/", "-")
        file.write_text(f"{value}\n")
        if Path("/proc/sys", name).exists():
            run("mount", "--bind", str(file), f"/proc/sys/{name}")


def set_links_up(node_addresses: list[str]) -> None:
    """Add the node's addresses, since EndpointSlices refuse loopback; a veth pair is there where `dummy` is not."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "node0-peer")
    run("ip", "link", "set", "node0", "up")
    run("ip", "link", "set", "node0-peer", "up")
    for address in node_addresses:
        version = "-6" if ":" in address else "-4"
        # Nobody else is there, so nobody need be asked first whether an address is free.
        run("ip", version, "address", "add", address, "dev", "node0", *(["nodad"] if version == "-6" else []))
        run("ip", version, "route", "add", "default", "dev", "node0")
        Path(FORWARDING[version]).write_text("1\n")


def reap_all() -> None:
    """Record the end of each child that ended; one signal may stand for many."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def run(*command: str) -> None:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: when it fails.
    """
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
