"""Admission of other people's clusters: policies and webhooks of a real API server, for one namespace."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from devtools.api.controller_stage import ControllerStage
from readpool.kubernetes.kinds import Kind

_GROUP = "admissionregistration.k8s.io"
_PATH = f"/apis/{_GROUP}/v1"


def match(*kinds: Kind) -> list[dict[str, Any]]:
    """Build the rules of what is made and changed of these kinds."""
    return [
        {
            "apiGroups": [one.group],
            "apiVersions": [one.version],
            "operations": ["CREATE", "UPDATE"],
            "resources": [one.plural],
        }
        for one in kinds
    ]


def select(namespace: str) -> dict[str, Any]:
    """Build the selector of one namespace."""
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


@contextlib.asynccontextmanager
async def in_force(stage: ControllerStage, *bodies: tuple[str, dict[str, Any]]) -> AsyncIterator[None]:
    """Keep objects of admission in force during the block, each with its plural."""
    try:
        for plural, body in bodies:
            await stage.client.request("POST", f"{_PATH}/{plural}", body=body)
        yield
    finally:
        for plural, body in bodies:
            await stage.client.request("DELETE", f"{_PATH}/{plural}/{body['metadata']['name']}")


def build_policy(
    stage: ControllerStage, word: str, kinds: Sequence[Kind], **spec: Any
) -> tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]]:
    """Build a policy with its binding to the stage's namespace; `word` is Validating or Mutating."""
    name, kind = f"{stage.namespace}-{word.lower()}", f"{word}AdmissionPolicy"
    actions = {"validationActions": ["Deny"]} if word == "Validating" else {}
    policy = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": match(*kinds)}, **spec},
    }
    binding = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "matchResources": {"namespaceSelector": select(stage.namespace)}, **actions},
    }
    plural = "validatingadmissionpolicies" if word == "Validating" else "mutatingadmissionpolicies"
    return (plural, policy), (f"{plural[: -len('policies')]}policybindings", binding)


def build_webhook(stage: ControllerStage, url: str, *kinds: Kind, seconds: int = 10) -> tuple[str, dict[str, Any]]:
    """Build a webhook that has to say yes to what is made and changed of these kinds in the stage's namespace."""
    certificate = base64.b64encode((stage.server.certificates / "ca.crt").read_bytes()).decode()
    webhook = {
        "name": "everything.readpool.example",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url, "caBundle": certificate},
        "failurePolicy": "Fail",
        "namespaceSelector": select(stage.namespace),
        "rules": match(*kinds),
        "sideEffects": "None",
        "timeoutSeconds": seconds,
    }
    body = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"{stage.namespace}-webhook"},
        "webhooks": [webhook],
    }
    return "validatingwebhookconfigurations", body


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Serve what takes connections and never says anything; yield its URL."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while await reader.read(4096):
                pass
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
