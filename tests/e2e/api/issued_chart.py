"""The chart with tls.mode=certManager on an API server where cert-manager runs: what it has issued, as pods have it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.api.api_server import ApiServer
from devtools.cluster.waiting import wait_for
from tests.component.certificates import Pair, write_secret
from tests.e2e.rendered_chart import NAMESPACE, Helm, Object, pod_of

KEDA = "keda"
SETTINGS = ("tls.mode=certManager", "controller.eds.enabled=true")
KEDA_SECRET = f"{NAMESPACE}.readpool-scaler"
_KINDS = ("Secret", "ServiceAccount", "Role", "RoleBinding", "Issuer", "Certificate")
_ISSUED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class IssuedChart:
    """An installation of which only what is about certificates is on the server."""

    server: ApiServer
    objects: Sequence[Object]
    folder: Path

    @property
    def certificates(self) -> Mapping[str, Any]:
        """The specs of its Certificates, by name."""
        return {one["metadata"]["name"]: one["spec"] for one in self.objects if one["kind"] == "Certificate"}

    def read_secret(self, name: str, namespace: str = NAMESPACE) -> dict[str, bytes]:
        """Read a Secret; nothing where it holds nothing, or is not there yet."""
        secret = self.server.access.get("secret", name, namespace) or {}
        return {key: base64.b64decode(text) for key, text in (secret.get("data") or {}).items()}

    def read_pair(self, name: str, namespace: str = NAMESPACE) -> tuple[Pair, bytes]:
        """Read a certificate with its key, and the authority that it comes with."""
        data = self.read_secret(name, namespace)
        return Pair(data["tls.crt"], data["tls.key"]), data["ca.crt"]

    def mount(self, secret: str) -> Path:
        """Write a Secret into its folder, as the kubelet does when it has changed."""
        write_secret(self.folder / secret, *self.read_pair(secret))
        return self.folder / secret

    def place_flags(self, deployment: str, prefixes: Sequence[str]) -> list[str]:
        """Return the flags of a program that have these prefixes, with the Secrets that they name mounted."""
        pod = pod_of(self.objects, deployment)
        secrets = {one["name"]: one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
        (container,) = pod["containers"]
        places = {f"={one['mountPath']}/": f"={self.mount(secrets[one['name']])}/" for one in container["volumeMounts"]}
        flags = []
        for flag in (one for one in container["args"] if one.startswith(tuple(prefixes))):
            mounted = next((place for place in places if place in flag), "")
            flags.append(flag.replace(mounted, places[mounted]) if mounted else flag)
        return flags

    def wait_until_issued(self) -> None:
        """Wait until cert-manager says that all Certificates are ready."""
        names = list(self.certificates)
        wait_for(f"{', '.join(names)} to be issued", lambda: all(map(self._is_ready, names)), _ISSUED_SECONDS, 0.3)

    def renew(self, certificate: str) -> None:
        """Make cert-manager issue a certificate again now, as its own command does, and wait until it has."""
        secret = self.certificates[certificate]["secretName"]
        before = self.read_secret(secret)["tls.crt"]
        condition = '{"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "for a test"}'
        patch = f'[{{"op": "add", "path": "/status/conditions/-", "value": {condition}}}]'
        self.server.access.kubectl(
            *("patch", "certificate", certificate, "-n", NAMESPACE, "--subresource=status", "--type=json", "-p", patch)
        )
        wait_for(f"{certificate} to be renewed", lambda: self.read_secret(secret)["tls.crt"] != before, 60, 0.3)

    def _is_ready(self, name: str) -> bool:
        found = self.server.access.get("certificate", name, NAMESPACE) or {}
        conditions = (found.get("status") or {}).get("conditions") or ()
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def install(server: ApiServer, helm: Helm, folder: Path) -> IssuedChart:
    """Apply what the chart renders of certificates, and of the program that copies KEDA's."""
    for namespace in (NAMESPACE, KEDA):
        server.access.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    objects = helm.render(*SETTINGS)
    server.access.apply(*(dict(one) for one in objects if one["kind"] in _KINDS))
    return IssuedChart(server, objects, folder)
