"""What runs in a network of a test's own beside a real API server: kube-proxy, Contour with its Envoy, another Envoy.

That one goes by the controller's endpoint discovery alone. The controller and the API server are outside, and answer in
the network as well, at the ports that they have.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devtools.api.api_server import ApiServer
from devtools.cluster.access import RELAY
from devtools.cluster.builds import Binaries
from devtools.cluster.node import build_lone_proxy
from devtools.envoy.eds_router import DELTA, build_router_config
from devtools.envoy.envoy_process import ask_admin
from devtools.envoy.own_network import NODE_ADDRESS, OwnNetwork

GATEWAY_PORT = 8080
"""Where Contour has its Envoy listen, on all addresses, for port 80 of a Gateway."""
ROUTER_PORT = 8090
"""Where the Envoy listens that goes by endpoint discovery, on the node's address."""
GATEWAY_NAMESPACE, GATEWAY = "projectcontour", "contour"
_XDS_PORT = 8001
_NAMED = ("--service-cluster", GATEWAY_NAMESPACE, "--service-node", "envoy-0")
LOOPBACK = "127.0.0.1"
ADMIN_SOCKET = "admin.sock"
_END_SECONDS = 10.0
_WITH_US = ("setpriv", "--pdeathsig=KILL", "--")
"""Before each command: nothing is left in the network, nor the network itself, whatever becomes of the test."""
_LOG_TAIL_CHARACTERS = 3000


@dataclass(frozen=True, slots=True)
class Programs:
    """What is run, by its name, with its logs in one folder."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]]

    def require_alive(self) -> None:
        """Check that all of them still run.

        Raises:
            RuntimeError: when one has ended; it says the end of its log.
        """
        for name, process in self.running.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.read_tail(name)}")

    async def ask_envoy(self, path: str) -> Any:
        """Ask the route's Envoy, by its admin interface, for a path that gives JSON; None while it starts."""
        place = f"/proc/{self.running['envoy'].pid}/cwd/{ADMIN_SOCKET}"  # what a socket's name may hold is short
        with contextlib.suppress(OSError, json.JSONDecodeError):
            return json.loads(await asyncio.to_thread(ask_admin, place, path))
        return None

    def read_tail(self, name: str) -> str:
        """Read the end of a log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:]


@contextlib.contextmanager
def run_programs(
    eds_port: int, network: OwnNetwork, server: ApiServer, binaries: Binaries, envoy: Path, folder: Path
) -> Iterator[Programs]:
    """Run all of them for the block; they need not be ready when it begins, nor the controller at `eds_port`."""
    with contextlib.ExitStack() as stack:
        programs = Programs(folder, {})

        def start(name: str, command: Sequence[str], **options: Sequence[int]) -> None:
            programs.running[name] = stack.enter_context(run_logged(command, folder / f"{name}.log", **options))

        for name, port in (("api-relay", urlsplit(server.url).port or 0), ("eds-relay", eds_port)):
            listener = stack.enter_context(network.listen(LOOPBACK, port))
            start(name, build_relay(listener.fileno(), port), pass_fds=[listener.fileno()])
        start("kube-proxy", [*network.place, *build_lone_proxy(binaries.path("kube-proxy"), server.kubeconfig)])
        contour = binaries.path("contour")
        start("contour", [*network.place, *_build_contour(contour, server, folder)])
        bootstrap = _write_bootstrap(contour, folder)
        start("envoy", [*network.place, *build_envoy(envoy, "-c", str(bootstrap), *_NAMED)])
        router = json.dumps(build_router_config(eds_port, ROUTER_PORT, DELTA, NODE_ADDRESS))
        start("router", [*network.place, *build_envoy(envoy, "--config-yaml", router)])
        yield programs


@contextlib.contextmanager
def run_logged(command: Sequence[str], log: Path, pass_fds: Sequence[int] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for the block, in the folder of its log; it ends with this program, whatever becomes of that."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_WITH_US, *command], cwd=log.parent, stdout=output, stderr=output, pass_fds=pass_fds
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def build_relay(listener: int, port: int) -> list[str]:
    """Build what makes a port of the machine's loopback answer in the network as well."""
    return [sys.executable, "-I", str(RELAY), str(listener), LOOPBACK, str(port)]


def _build_contour(program: Path, server: ApiServer, folder: Path) -> list[str]:
    settings = folder / "contour.json"
    settings.write_text(json.dumps({"gateway": {"gatewayRef": {"name": GATEWAY, "namespace": GATEWAY_NAMESPACE}}}))
    return [
        str(program),
        "serve",
        "--insecure",
        "--disable-leader-election",
        f"--kubeconfig={server.kubeconfig}",
        f"--config-path={settings}",
        "--envoy-service-name=envoy",
        f"--envoy-service-namespace={GATEWAY_NAMESPACE}",
        f"--xds-port={_XDS_PORT}",
        # By default both are 8000, and Envoy's own are 8002.
        "--http-port=8003",
        "--health-port=8004",
    ]


def _write_bootstrap(contour: Path, folder: Path) -> Path:
    """Make Contour write what its Envoy starts with."""
    bootstrap, places = folder / "envoy.json", [f"--resources-dir={folder}", f"--admin-address={ADMIN_SOCKET}"]
    told = [f"--xds-address={LOOPBACK}", f"--xds-port={_XDS_PORT}", "--xds-resource-version=v3"]
    command = [str(contour), "bootstrap", str(bootstrap), *places, *told]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return bootstrap


def build_envoy(program: Path, *flags: str) -> list[str]:
    """Build the command of an Envoy with these flags."""
    return [str(program), *flags, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
