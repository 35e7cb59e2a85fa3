"""Secrets and the TriggerAuthentication of a scaler with TLS, shaped as cert-manager's and as the documentation's."""

import base64
from collections.abc import Mapping
from typing import Any

from tests.component.certificates import Pair

Manifest = dict[str, Any]
SCALER_SECRET = "readpool-tls"  # noqa: S105 - its name
TLS_BY_SECRETS = {"mode": "secret"}
CLIENT_CA_SECRET = "readpool-client-ca"  # noqa: S105 - its name


def build_scaler_secret(pair: Pair) -> Manifest:
    """Build what the scaler serves with."""
    return _build_secret(SCALER_SECRET, {"tls.crt": pair.certificate, "tls.key": pair.key})


def build_client_ca_secret(authorities: bytes) -> Manifest:
    """Build whose clients the scaler serves."""
    return _build_secret(CLIENT_CA_SECRET, {"ca.crt": authorities})


def build_keda_secret(name: str, authorities: bytes, pair: Pair | None) -> Manifest:
    """Build what KEDA trusts, and what it shows of itself if it does."""
    own = {"tls.crt": pair.certificate, "tls.key": pair.key} if pair else {}
    return _build_secret(name, {"ca.crt": authorities, **own})


def build_trigger_authentication(secret: str, *, is_mutual: bool) -> Manifest:
    """Build the TriggerAuthentication, called as its Secret."""
    keys = {"caCert": "ca.crt"} | ({"tlsClientCert": "tls.crt", "tlsClientKey": "tls.key"} if is_mutual else {})
    targets = [{"parameter": parameter, "name": secret, "key": key} for parameter, key in keys.items()]
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": {"name": secret},
        "spec": {"secretTargetRef": targets},
    }


def build_tls_values(*, is_mutual: bool) -> Manifest:
    """Build the chart's values under `scaler` for these Secrets, with `TLS_BY_SECRETS` beside it."""
    client_ca = {"enabled": True, "secretName": CLIENT_CA_SECRET} if is_mutual else {"enabled": False}
    return {"tls": {"secretName": SCALER_SECRET, "clientCA": client_ca}}


def _build_secret(name: str, files: Mapping[str, bytes]) -> Manifest:
    data = {file: base64.b64encode(content).decode() for file, content in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
