"""What the control plane is started with: etcd, the API server, the controllers and the scheduler, one command each.

Settings differ from a production cluster's in four ways: nothing is synced to disk, no leader is elected, the HPA
syncs every few seconds instead of every 15, and the only node is not soon taken for lost.
"""

import json
import os
from pathlib import Path

from devtools.cluster.addresses import API_PORT, ETCD_PEER_URL, ETCD_URL
from devtools.cluster.folders import Folders

AUDITED_GROUP = "system:serviceaccounts:readpool"
"""Whose requests are kept: those of the namespace that the tests install the chart into."""
HPA_SYNC_SECONDS = os.environ.get("READPOOL_HPA_SYNC_SECONDS", "5")
LOST_NODE_SECONDS = 300
"""By default 50: a while after the API server was away all pods would be called unready, and Services be empty."""


def build_etcd(program: Path, folders: Folders) -> list[str]:
    """Build etcd's command."""
    return [
        str(program),
        f"--data-dir={folders.state / 'etcd'}",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        f"--listen-peer-urls={ETCD_PEER_URL}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def build_api_server(program: Path, folders: Folders) -> list[str]:
    """Build the API server's command, and write what it is told by file."""
    keys, addresses = folders.certificates, folders.addresses
    return [
        str(program),
        f"--etcd-servers={ETCD_URL}",
        f"--service-cluster-ip-range={addresses.join('services')}",
        f"--secure-port={API_PORT}",
        f"--advertise-address={addresses.first.node}",
        f"--bind-address={'::' if addresses.has_ipv6 else '0.0.0.0'}",  # noqa: S104 - in a network of its own
        "--allow-privileged=true",
        f"--tls-cert-file={keys}/apiserver.crt",
        f"--tls-private-key-file={keys}/apiserver.key",
        f"--client-ca-file={keys}/ca.crt",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys}/service-accounts.pub",
        f"--service-account-signing-key-file={keys}/service-accounts.key",
        f"--kubelet-client-certificate={keys}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={keys}/apiserver-kubelet-client.key",
        f"--kubelet-certificate-authority={keys}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={_write_audit_policy(folders)}",
        f"--audit-log-path={folders.audit_log}",
        *_build_aggregation(keys),
    ]


def _write_audit_policy(folders: Folders) -> Path:
    """Record the verb and the resource of each request of the programs under test, so that roles can be judged."""
    audited = {"level": "Metadata", "userGroups": [AUDITED_GROUP], "omitStages": ["RequestReceived"]}
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [audited, {"level": "None"}]}
    file = folders.configuration / "audit-policy.json"
    file.write_text(json.dumps(policy))
    return file


def _build_aggregation(keys: Path) -> list[str]:
    """Build what lets KEDA serve the metrics API behind the API server."""
    return [
        f"--requestheader-client-ca-file={keys}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={keys}/front-proxy-client.crt",
        f"--proxy-client-key-file={keys}/front-proxy-client.key",
        "--enable-aggregator-routing=true",
    ]


def build_controllers(program: Path, folders: Folders) -> list[str]:
    """Build the controller manager's command."""
    keys = folders.certificates
    return [
        str(program),
        f"--kubeconfig={folders.inner_kubeconfig}",
        "--leader-elect=false",
        f"--service-account-private-key-file={keys}/service-accounts.key",
        f"--root-ca-file={keys}/ca.crt",
        "--use-service-account-credentials=true",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={folders.addresses.join('pods')}",
        f"--service-cluster-ip-range={folders.addresses.join('services')}",
        f"--cluster-signing-cert-file={keys}/ca.crt",
        f"--cluster-signing-key-file={keys}/ca.key",
        "--kube-api-qps=200",  # by default its start is held back for seconds, and so is a StatefulSet of thirty
        "--kube-api-burst=400",
        "--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins",
        f"--horizontal-pod-autoscaler-sync-period={HPA_SYNC_SECONDS}s",
        f"--node-monitor-grace-period={LOST_NODE_SECONDS}s",
    ]


def build_scheduler(program: Path, folders: Folders) -> list[str]:
    """Build the scheduler's command."""
    return [str(program), f"--kubeconfig={folders.inner_kubeconfig}", "--leader-elect=false"]
