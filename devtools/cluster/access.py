"""How tests reach a cluster, ours or another: kubectl, helm, and a local address for a port of a pod."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from devtools.cluster.api_reader import ApiReader, ReadError, open_reader
from devtools.cluster.namespaces import Namespaces

Manifest = dict[str, Any]
T = TypeVar("T")
RELAY = Path(__file__).with_name("relay.py")


class KubectlError(Exception):
    """kubectl or helm failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Access:
    """A cluster as its administrator reaches it; `namespaces` where it is one of ours."""

    kubeconfig: Path
    kubectl_program: str = "kubectl"
    helm_program: str = "helm"
    namespaces: Namespaces | None = None

    def kubectl(self, *args: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Run kubectl and return what it printed.

        Raises:
            KubectlError: when it fails or takes longer than `timeout` seconds.
        """
        return self._run([self.kubectl_program, *args], stdin, timeout)

    def helm(self, *args: str, stdin: str | None = None, timeout: float = 180) -> str:
        """Run helm and return what it printed.

        Raises:
            KubectlError: when it fails or takes longer than `timeout` seconds.
        """
        return self._run([self.helm_program, *args], stdin, timeout)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """Return an object, or None where there is none.

        Raises:
            KubectlError: when it cannot be asked for.
        """
        if self.namespaces is not None:
            return self._read(lambda reader: reader.get(kind, name, namespace))
        text = self.kubectl("get", kind, name, *_in(namespace), "--ignore-not-found", "-o", "json")
        found: Manifest | None = json.loads(text) if text.strip() else None
        return found

    def list(self, kind: str, namespace: str | None = None, selector: str | None = None) -> "list[Manifest]":
        """List objects of a kind, or of several with commas between; of all namespaces where none is given.

        Raises:
            KubectlError: when they cannot be asked for.
        """
        if self.namespaces is not None:
            return self._read(lambda reader: reader.list(kind, namespace, selector))
        where = _in(namespace) or ["--all-namespaces"]
        chosen = [f"--selector={selector}"] if selector else []
        items: list[Manifest] = json.loads(self.kubectl("get", kind, *where, *chosen, "-o", "json"))["items"]
        return items

    def fetch(self, path: str) -> str:
        """Fetch what the API server answers at a path, as `kubectl get --raw` does.

        Raises:
            KubectlError: when it refuses or cannot be asked.
        """
        if self.namespaces is not None:
            return self._read(lambda reader: reader.fetch(path))
        return self.kubectl("get", "--raw", path)

    def apply(self, *manifests: Manifest | str, namespace: str | None = None) -> None:
        """Apply manifests, server-side; a text may hold several documents of YAML."""
        documents = [text if isinstance(text, str) else json.dumps(text) for text in manifests]
        stdin = "".join(f"---\n{text}\n" for text in documents)  # the first line says that all of it is YAML
        self.kubectl(
            "apply", "--server-side", "--force-conflicts", *_in(namespace), "-f", "-", stdin=stdin, timeout=120
        )

    def delete(self, kind: str, name: str, namespace: str | None = None, timeout: float = 120) -> None:
        """Delete an object and wait until it is gone; it need not be there."""
        flags = ["--ignore-not-found", f"--timeout={timeout:g}s"]
        self.kubectl("delete", kind, name, *_in(namespace), *flags, timeout=timeout + 10)

    def logs(self, namespace: str, pod: str, container: str | None = None, *, previous: bool = False) -> str:
        """Return the log of a pod's container, or of all of them."""
        if container and self.namespaces is not None:
            query = urlencode({"container": container, "previous": str(previous).lower()})
            return self.fetch(f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}")
        chosen = [f"--container={container}"] if container else ["--all-containers", "--prefix"]
        return self.kubectl("logs", pod, *_in(namespace), *chosen, "--tail=-1", *(["--previous"] if previous else []))

    def exec(self, namespace: str, pod: str, *command: str, container: str | None = None, timeout: float = 60) -> str:
        """Run a command in a pod and return what it printed."""
        chosen = [f"--container={container}"] if container else []
        return self.kubectl("exec", pod, *_in(namespace), *chosen, "--", *command, timeout=timeout)

    @contextlib.contextmanager
    def port_forward(self, namespace: str, target: str, port: int) -> Iterator[str]:
        """Yield a local address (host:port) that leads to a port of `pod/NAME` or `service/NAME` for the block."""
        if self.namespaces is None:
            with self._forward_by_kubectl(namespace, target, port) as address:
                yield address
        else:
            with relay_to(self.namespaces, self._find_address(namespace, target), port) as address:
                yield address

    def _find_address(self, namespace: str, target: str) -> str:
        """Find the address of a pod, or of a Service; of a headless one, that of its first pod."""
        kind, _, name = target.rpartition("/")
        found = self.get(kind or "pod", name, namespace)
        if found is None:
            raise KubectlError(f"there is no {target} in {namespace}")
        if kind in {"service", "svc"}:
            if found["spec"]["clusterIP"] != "None":
                return str(found["spec"]["clusterIP"])
            return self._find_endpoint(namespace, name)
        return str(found["status"]["podIP"])

    def _find_endpoint(self, namespace: str, service: str) -> str:
        slices = self.list("endpointslices", namespace, f"kubernetes.io/service-name={service}")
        for endpoint in (endpoint for part in slices for endpoint in part.get("endpoints") or []):
            if endpoint.get("conditions", {}).get("ready"):
                return str(endpoint["addresses"][0])
        raise KubectlError(f"no pod behind service/{service} in {namespace} is ready")

    @contextlib.contextmanager
    def _forward_by_kubectl(self, namespace: str, target: str, port: int) -> Iterator[str]:
        command = [self.kubectl_program, "port-forward", *_in(namespace), target, f":{port}", "--address=127.0.0.1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environment) as process:
            try:
                line = process.stdout.readline() if process.stdout else ""
                found = re.search(r"127\.0\.0\.1:\d+", line)
                if not found:
                    raise KubectlError(f"kubectl port-forward {target} ended")
                yield found[0]
            finally:
                process.terminate()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program that is to reach this cluster, our kubectl and helm on its PATH."""
        folders = {str(Path(program).parent) for program in (self.kubectl_program, self.helm_program) if "/" in program}
        path = os.pathsep.join([*sorted(folders), os.environ.get("PATH", os.defpath)])
        # What kubectl remembers of a cluster of ours goes with it.
        cache = {"KUBECACHEDIR": str(self.kubeconfig.parent / "kubectl-cache")} if self.namespaces else {}
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path, **cache}

    def _read(self, read: Callable[[ApiReader], T]) -> T:
        """Read of a cluster of ours without a process, which costs more than what it asks."""
        try:
            return read(open_reader(self.kubeconfig))
        except ReadError as error:
            raise KubectlError(str(error)) from error

    def _run(self, command: Sequence[str], stdin: str | None, timeout: float) -> str:
        try:
            done = subprocess.run(
                command,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                env=self.environment,
            )
        except subprocess.TimeoutExpired as error:
            raise KubectlError(f"{_name(command)} took longer than {timeout:g} s") from error
        if done.returncode:
            raise KubectlError(f"{_name(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


@contextlib.contextmanager
def relay_to(namespaces: Namespaces, host: str, port: int) -> Iterator[str]:
    """Yield a local address that leads to one inside a cluster's network while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        local = "{}:{}".format(*listener.getsockname())
        command = [sys.executable, "-I", str(RELAY), str(listener.fileno()), host, str(port)]
        with subprocess.Popen(namespaces.enter_network(*command), pass_fds=[listener.fileno()]) as process:
            try:
                yield local
            finally:
                process.terminate()


def _in(namespace: str | None) -> list[str]:
    return [f"--namespace={namespace}"] if namespace else []


def _name(command: Sequence[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:6]])
