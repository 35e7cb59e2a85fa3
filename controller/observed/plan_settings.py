"""What the installation says, as every plan needs it: where the scaler is, which networks there are. Pure facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from readpool.alerts.rule import RUNBOOK_URL
from readpool.networks import NetworkFacts

NEUTRAL_AFTER_SECONDS = 300.0
"""The scaler may be silent for so long before weights are forgotten: an upgrade of it takes less."""


ANY_NAMESPACE = "*"


@dataclass(frozen=True, slots=True)
class Grants:
    """What pools may ask for beyond their own namespaces.

    Attributes:
        cluster_authentication: ClusterTriggerAuthentications in further triggers.
        other_scalers: a scaler of their own that KEDA shows the installation's certificate to.
        gateway_namespaces: namespaces whose Gateways, or Services of a mesh, routes may be attached to; "*" for all.
    """

    cluster_authentication: bool = False
    other_scalers: bool = False
    gateway_namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What holds for all pools of an installation.

    Attributes:
        networks: the public networks by name.
        scaler_address: HOST:PORT that KEDA asks.
        scaler_namespace: where the scaler's pods are.
        scaler_labels: of the scaler's pods, which alone may ask a replica for /info.
        scaler_authentication: a ClusterTriggerAuthentication with KEDA's certificates, where the scaler wants TLS.
        gate_image: the Envoy of pools that name none.
        grants: what pools may ask for beyond their own namespaces.
        scraper_namespaces: whose pods may read the gates' statistics, beside the scaler.
        runbook_url: where the runbooks of pools' alerts are.
        alert_labels: of pools' alerts, beside their own.
        neutral_after_seconds: how long weights stand after the scaler's last word.
    """

    networks: Mapping[str, NetworkFacts]
    scaler_address: str = "readpool-scaler.readpool.svc:9090"
    scaler_namespace: str = "readpool"
    scaler_labels: Mapping[str, str] = field(default_factory=lambda: {"app.kubernetes.io/component": "scaler"})
    scaler_authentication: str | None = None
    gate_image: str | None = None
    grants: Grants = field(default_factory=Grants)
    scraper_namespaces: tuple[str, ...] = ()
    runbook_url: str = RUNBOOK_URL
    alert_labels: Mapping[str, str] = field(default_factory=dict)
    neutral_after_seconds: float = NEUTRAL_AFTER_SECONDS
