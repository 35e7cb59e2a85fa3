"""A real kube-apiserver on etcd, on loopback, with certificates of its own: no kubelet, no controllers, up in seconds.

Programs come from $TEST_ASSET_KUBE_APISERVER, $TEST_ASSET_ETCD and $TEST_ASSET_KUBECTL, as in Kubernetes' own envtest,
else from the builds of devtools.cluster.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster.access import Access, KubectlError
from devtools.cluster.builds import build_all
from devtools.cluster.certificates import write_certificates, write_kubeconfig
from devtools.cluster.waiting import wait_for
from devtools.machine.ports import take_port

START_SECONDS = 120.0
STOP_SECONDS = 15.0
LOG_TAIL_LINES = 15
ETCD_SOCKET = "etcd.sock"
"""In the folder where both run: the path of a socket may have 107 characters, and that of a test's folder has more."""
_VARIABLES = {"kube-apiserver": "TEST_ASSET_KUBE_APISERVER", "etcd": "TEST_ASSET_ETCD", "kubectl": "TEST_ASSET_KUBECTL"}


@dataclass(frozen=True, slots=True)
class Programs:
    """The paths of what is needed."""

    kube_apiserver: str
    etcd: str
    kubectl: str


def find_programs() -> Programs:
    """Find the programs, building them where they are neither named nor in the cache.

    Raises:
        UnmetNeedError: when they have to be built and the machine cannot.
    """
    named = {program: os.environ.get(variable, "") for program, variable in _VARIABLES.items()}
    if not all(named.values()):
        built = build_all(parts=("kubernetes", "etcd"))
        named = {program: path or str(built.path(program)) for program, path in named.items()}
    return Programs(named["kube-apiserver"], named["etcd"], named["kubectl"])


class ApiServer:
    """One API server with its store. `stop_api` and `start_api` are a restart that loses nothing; the address stays."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        self._folder = folder
        self._programs = programs
        self._port = take_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.kubeconfig = folder / "kubeconfig"
        self.access = Access(self.kubeconfig, kubectl_program=programs.kubectl)
        write_certificates(folder / "certificates")
        write_kubeconfig(self.kubeconfig, folder / "certificates", "admin", self.url)

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return self._port

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def certificates(self) -> Path:
        """The folder of its certificates: admin.crt, admin.key, ca.crt and so on."""
        return self._folder / "certificates"

    def start(self) -> None:
        """Start the store and the API server, and return when it is ready.

        Raises:
            RuntimeError: when one of them ends; it says the end of its log.
        """
        self._start("etcd", self._build_etcd())
        wait_for(
            "etcd to listen", lambda: self._check("etcd") and (self._folder / ETCD_SOCKET).exists(), START_SECONDS, 0.05
        )
        self.start_api()

    def start_api(self) -> None:
        """Start the API server, and return when it is ready."""
        self._start("kube-apiserver", self._build_api_server())
        wait_for("the API server to be ready", self._is_ready, START_SECONDS, 0.1)

    def stop_api(self) -> None:
        """End the API server and leave the store."""
        self._end("kube-apiserver")

    def stop(self) -> None:
        """End both: first the API server, which does not end any more once its store is gone."""
        self._end("kube-apiserver")
        self._end("etcd")

    def _is_ready(self) -> bool:
        self._check("kube-apiserver")
        with contextlib.suppress(KubectlError):
            self.access.kubectl("get", "--raw", "/readyz", timeout=5)
            return self.access.get("namespace", "default") is not None
        return False

    def _check(self, name: str) -> bool:
        if self._running[name].poll() is not None:
            tail = self._log(name).read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            raise RuntimeError("\n".join([f"{name} ended:", *tail]))
        return True

    def _start(self, name: str, command: list[str]) -> None:
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)

    def _end(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _build_etcd(self) -> list[str]:
        url = f"unix://{ETCD_SOCKET}"
        return [
            self._programs.etcd,
            "--data-dir=etcd",
            f"--listen-client-urls={url}",
            "--advertise-client-urls=http://localhost:2379",
            "--listen-peer-urls=unix://peer.sock",
            "--initial-advertise-peer-urls=http://localhost:2380",
            "--initial-cluster=default=http://localhost:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _build_api_server(self) -> list[str]:
        keys = self.certificates
        return [
            self._programs.kube_apiserver,
            f"--etcd-servers=unix://{ETCD_SOCKET}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            f"--client-ca-file={keys}/ca.crt",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",  # nobody is there to make the accounts that it would demand
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys}/service-accounts.pub",
            f"--service-account-signing-key-file={keys}/service-accounts.key",
            "--endpoint-reconciler-type=none",  # it would refuse to name a loopback address
        ]


@contextlib.contextmanager
def run_api_server(folder: Path, programs: Programs) -> Iterator[ApiServer]:
    """Run an API server with its files in `folder` while the block runs."""
    server = ApiServer(folder, programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder / "etcd", ignore_errors=True)
