"""What the one node is started with: containerd, the kubelet and kube-proxy, a command and a configuration each.

Paths are those of every Kubernetes node, since the cluster's processes have a /run and a /var of their own.
"""

import json
from pathlib import Path
from typing import Any

from devtools.cluster.addresses import CLUSTER_DOMAIN, NODE_NAME, OUTSIDE_SUBNET, IpFamily
from devtools.cluster.certificates import write_kubeconfig
from devtools.cluster.folders import Folders

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CNI_PROGRAMS = Path("/usr/lib/cni")
MOST_PODS = 200  # the node's subnet has 254 addresses
MOST_NETWORKS = 2  # a pod's own, and the way out


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
    conf_dir = "{_write_pod_networks(folders)}"
    max_conf_num = {MOST_NETWORKS}
"""
    )
    return ["containerd", "--config", str(file), "--log-level", "warn"]


def _write_pod_networks(folders: Folders) -> Path:
    """Write how pods are connected: a bridge in the node's network, and the way out of an IPv6-only cluster."""
    ranges = folders.addresses.ranges
    folder = folders.configuration / "cni"
    folder.mkdir(exist_ok=True)
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    own = _build_bridge("cni0", [one.node_pods for one in ranges], [one.anywhere for one in ranges])
    network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [own, ports]}
    (folder / "10-pods.conflist").write_text(json.dumps(network))
    if folders.addresses.family is IpFamily.IPV6:
        # The second network of a pod is none of its addresses for the kubelet.
        way_out = _build_bridge("out0", [OUTSIDE_SUBNET], ["0.0.0.0/0"])
        outside = {"cniVersion": "1.0.0", "name": "outside", "plugins": [way_out]}
        (folder / "20-outside.conflist").write_text(json.dumps(outside))
    return folder


def _build_bridge(name: str, subnets: list[str], destinations: list[str]) -> dict[str, Any]:
    """Build a bridge of this name, on which pods have an address of each subnet and the routes to all destinations."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": subnet}] for subnet in subnets],
        "routes": [{"dst": destination} for destination in destinations],
        "dataDir": "/run/pod-addresses",
    }
    return {
        "type": "bridge",
        "bridge": name,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }


def build_kubelet(program: Path, folders: Folders, cgroup: str) -> list[str]:
    """Write the kubelet's configuration and build its command; pods live below the control group `cgroup`."""
    keys, folder = folders.certificates, folders.configuration
    resolver, kubeconfig, file = folder / "resolv.conf", folder / "kubelet.kubeconfig", folder / "kubelet.json"
    addresses = folders.addresses
    resolver.write_text(f"nameserver {addresses.first.dns}\n")
    write_kubeconfig(kubeconfig, keys, "kubelet-client", addresses.api_url)
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
                "clusterDNS": [addresses.first.dns],
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
        f"--node-ip={addresses.join('node')}",
        "--cert-dir=/var/lib/kubelet/pki",
    ]


def build_proxy(program: Path, folders: Folders) -> list[str]:
    """Build kube-proxy's command."""
    return [
        *build_lone_proxy(program, folders.inner_kubeconfig),
        f"--cluster-cidr={folders.addresses.join('pods')}",
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
