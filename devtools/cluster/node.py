"""What the one node is started with: containerd, the kubelet and kube-proxy, a command and a configuration each.

Paths are those of every Kubernetes node, since the cluster's processes have a /run and a /var of their own.
"""

import json
from pathlib import Path

from devtools.cluster.addresses import (
    API_URL,
    CLUSTER_DOMAIN,
    DNS_ADDRESS,
    NODE_ADDRESS,
    NODE_NAME,
    NODE_POD_SUBNET,
    POD_SUBNET,
)
from devtools.cluster.certificates import write_kubeconfig
from devtools.cluster.folders import Folders

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CNI_PROGRAMS = Path("/usr/lib/cni")
MOST_PODS = 200  # the node's subnet has 254 addresses


def build_containerd(folders: Folders, pause: str) -> list[str]:
    """Write containerd's configuration and build its command; `pause` is the image of each pod's sandbox."""
    file = folders.configuration / "containerd.toml"
    file.write_text(
        f"""\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE a negative score is refused, and runc dies with "can't get final child's PID".
  restrict_oom_score_adj = true
  sandbox_image = "{pause}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{_write_pod_network(folders)}"
"""
    )
    return ["containerd", "--config", str(file), "--log-level", "warn"]


def _write_pod_network(folders: Folders) -> Path:
    """Write how pods are connected: a bridge in the node's network."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": NODE_POD_SUBNET}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": "/run/pod-addresses",
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    folder = folders.configuration / "cni"
    folder.mkdir(exist_ok=True)
    network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]}
    (folder / "10-pods.conflist").write_text(json.dumps(network))
    return folder


def build_kubelet(program: Path, folders: Folders, cgroup: str) -> list[str]:
    """Write the kubelet's configuration and build its command; pods live below the control group `cgroup`."""
    keys, folder = folders.certificates, folders.configuration
    resolver, kubeconfig, file = folder / "resolv.conf", folder / "kubelet.kubeconfig", folder / "kubelet.json"
    resolver.write_text(f"nameserver {DNS_ADDRESS}\n")
    write_kubeconfig(kubeconfig, keys, "kubelet-client", API_URL)
    file.write_text(
        json.dumps(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "authentication": {"x509": {"clientCAFile": f"{keys}/ca.crt"}, "anonymous": {"enabled": False}},
                "authorization": {"mode": "AlwaysAllow"},
                "tlsCertFile": f"{keys}/kubelet.crt",
                "tlsPrivateKeyFile": f"{keys}/kubelet.key",
                "cgroupDriver": "cgroupfs",
                "cgroupRoot": f"/{cgroup}",
                "failCgroupV1": False,
                "failSwapOn": False,
                "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
                "clusterDNS": [DNS_ADDRESS],
                "clusterDomain": CLUSTER_DOMAIN,
                "resolvConf": str(resolver),
                "volumePluginDir": "/var/lib/kubelet/volume-plugins",
                "maxPods": MOST_PODS,
                "serializeImagePulls": False,
                # The disk is the machine's: a full one is no reason to evict what is being tested.
                "imageGCHighThresholdPercent": 100,
                "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
                "configMapAndSecretChangeDetectionStrategy": "Watch",
                "syncFrequency": "10s",
            },
            indent=1,
        )
    )
    return [
        str(program),
        f"--config={file}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
        "--cert-dir=/var/lib/kubelet/pki",
    ]


def build_proxy(program: Path, folders: Folders) -> list[str]:
    """Build kube-proxy's command."""
    return [
        *build_lone_proxy(program, folders.inner_kubeconfig),
        f"--cluster-cidr={POD_SUBNET}",
        # Pods share a bridge, whose answers would pass the translation by.
        "--masquerade-all",
    ]


def build_lone_proxy(program: Path, kubeconfig: Path) -> list[str]:
    """Build the command of a kube-proxy that needs nothing else of a node."""
    return [
        str(program),
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={NODE_NAME}",
        "--proxy-mode=iptables",
        # The kernel's connection tracking settings are the machine's: 0 leaves them alone.
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]
