"""cert-manager beside a real API server: its definitions, its controllers and its webhook, built from its own module.

It runs as the API server's administrator; what it may do in a cluster is its chart's matter.
"""

import base64
import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.api.api_server import ApiServer
from devtools.api.go_modules import fetch_module
from devtools.cluster.access import KubectlError
from devtools.cluster.builds import build_parts
from devtools.cluster.parts import Part
from devtools.cluster.waiting import wait_for
from devtools.machine.progress import Progress

MODULE = "github.com/cert-manager/cert-manager"
PART = Part("cert-manager", MODULE, {".": "cert-manager"}, pins_folder=Path(__file__).parent / "pins")
NAMESPACE = "cert-manager"
_END_SECONDS = 10.0
_START_SECONDS = 60.0
_WITH_US = ("setpriv", "--pdeathsig=KILL", "--")
_KINDS = {"certificates", "issuers", "certificaterequests"}


def read_definitions() -> list[str]:
    """Read the definitions of all of its kinds, as YAML each; raises as fetch_module."""
    folder = fetch_module(MODULE, "cert-manager", PART.pins) / "deploy" / "crds"
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))]


def install_definitions(server: ApiServer) -> None:
    """Apply its definitions, and return when its kinds are served; raises as fetch_module."""
    server.access.apply(*read_definitions())
    wait_for("cert-manager's kinds to be served", lambda: _are_served(server), seconds=30, every=0.1)


def build_cert_manager(progress: Progress) -> Path:
    """Build the program, unless the cache has it; raises as build_parts."""
    return build_parts([PART], progress).path("cert-manager")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where its webhook listens on loopback, and with what.

    Attributes:
        certificate: for 127.0.0.1.
        key: of that.
        authority: who has signed it, PEM.
    """

    port: int
    certificate: Path
    key: Path
    authority: bytes


@contextlib.contextmanager
def run_cert_manager(server: ApiServer, program: Path, webhook: Webhook, log: Path) -> Iterator[None]:
    """Run it for the block; the definitions have to be there."""
    flags = (f"--kubeconfig={server.kubeconfig}", f"--webhook-port={webhook.port}")
    files = (f"--webhook-cert={webhook.certificate}", f"--webhook-key={webhook.key}")
    with log.open("wb") as output:
        process = subprocess.Popen([*_WITH_US, str(program), *flags, *files], stdout=output, stderr=output)

    def checks() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"cert-manager has ended: {log.read_text(errors='replace')[-2000:]}")
        return _is_asked(server, webhook)

    try:
        wait_for("cert-manager to check what is written", checks, _START_SECONDS)
        yield
    finally:
        for kind in ("validatingwebhookconfiguration", "mutatingwebhookconfiguration"):
            server.access.kubectl("delete", kind, NAMESPACE, "--ignore-not-found")
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_asked(server: ApiServer, webhook: Webhook) -> bool:
    """Return whether the API server asks the webhook, which refuses an issuer that cannot be."""
    server.access.apply(*_build_webhooks(webhook))
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "nothing"}, "spec": {}}
    try:
        server.access.kubectl("create", "--dry-run=server", "-n", "default", "-f", "-", stdin=json.dumps(issuer))
    except KubectlError as error:
        return "webhook" in str(error) and "denied" in str(error)
    return False


def _build_webhooks(webhook: Webhook) -> list[dict[str, Any]]:
    """Build what has the API server ask it: whether an object can be, and who has asked for a certificate."""
    return [
        _build_webhook(webhook, "Validating", "validate", ["CREATE", "UPDATE"], ["*/*"]),
        _build_webhook(webhook, "Mutating", "mutate", ["CREATE"], ["certificaterequests"]),
    ]


def _build_webhook(
    webhook: Webhook, kind: str, path: str, operations: list[str], resources: list[str]
) -> dict[str, Any]:
    groups = ["cert-manager.io", "acme.cert-manager.io"]
    rule = {"apiGroups": groups, "apiVersions": ["v1"], "operations": operations, "resources": resources}
    bundle = base64.b64encode(webhook.authority).decode()
    called = {
        "name": "webhook.cert-manager.io",
        "rules": [rule],
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "clientConfig": {"url": f"https://127.0.0.1:{webhook.port}/{path}", "caBundle": bundle},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": NAMESPACE},
        "webhooks": [called],
    }


def _are_served(server: ApiServer) -> bool:
    served = server.access.kubectl("api-resources", "--api-group=cert-manager.io", "--cached=false", "-o", "name")
    return {one.partition(".")[0] for one in served.split()} >= _KINDS
