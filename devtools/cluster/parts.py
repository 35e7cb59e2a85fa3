"""What the cluster is made of: the parts, the Go packages of each and the binaries that come of them.

The versions are in pins/PART/go.mod, each in one `require` line, go.sum beside it. builds.py builds from this table.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devtools.machine.cache import compute_key

PINS = Path(__file__).parent / "pins"

_STAGED = "k8s.io/component-base/version", "k8s.io/client-go/pkg/version"
_HELM = "helm.sh/helm/v3"
_CONTOUR = "github.com/projectcontour/contour"
_PROMETHEUS = "github.com/prometheus/prometheus"
_KEDA = "github.com/kedacore/keda/v2"
_CSI = "github.com/kubernetes-csi"


@dataclass(frozen=True, slots=True)
class Part:
    """A module to build from.

    Attributes:
        module: the one whose version is that of the part; empty for a program of our own.
        binaries: the name of each binary, by its package.
        stamps: what the linker writes into variables, as `VARIABLE=TEXT`; `{version}`, `{minor}` of the module and
            `{kubernetes_minor}` are filled in.
        folders: folders of the module's source that are kept beside the binaries, and how each is called there.
        tags: of the build.
        pins_folder: where PART/go.mod is.
    """

    name: str
    module: str
    binaries: Mapping[str, str]
    stamps: tuple[str, ...] = ()
    folders: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    pins_folder: Path = PINS

    @property
    def pins(self) -> Path:
        """The folder with go.mod and go.sum."""
        return self.pins_folder / self.name


PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part("pause", "", {".": "pause"}),
        Part("etcd", "go.etcd.io/etcd/server/v3", {"go.etcd.io/etcd/server/v3": "etcd"}),
        Part(
            "kubernetes",
            "k8s.io/kubernetes",
            {
                f"k8s.io/kubernetes/cmd/{name}": name
                for name in (
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-proxy",
                    "kube-scheduler",
                    "kubectl",
                    "kubelet",
                )
            },
            # Without them the kubelet calls itself v0.0.0, and the API server refuses it.
            tuple(
                f"{package}.{variable}"
                for package in _STAGED
                for variable in ("gitVersion=v{version}", "gitMajor=1", "gitMinor={minor}")
            ),
        ),
        Part("coredns", "github.com/coredns/coredns", {".": "coredns"}),
        Part(
            "helm",
            _HELM,
            {f"{_HELM}/cmd/helm": "helm"},
            (
                f"{_HELM}/internal/version.version=v{{version}}",
                f"{_HELM}/pkg/chartutil.k8sVersionMajor=1",
                f"{_HELM}/pkg/chartutil.k8sVersionMinor={{kubernetes_minor}}",
            ),
        ),
        Part(
            "keda",
            _KEDA,
            {f"{_KEDA}/cmd/{name}": f"keda-{name}" for name in ("operator", "adapter", "webhooks")},
            (f"{_KEDA}/version.Version={{version}}",),
            folders={"config": "config"},
        ),
        Part(
            "contour",
            _CONTOUR,
            {f"{_CONTOUR}/cmd/contour": "contour"},
            (f"{_CONTOUR}/internal/build.Version=v{{version}}",),
            folders={"examples/contour": "examples/contour"},
        ),
        Part(
            "prometheus",
            _PROMETHEUS,
            {f"{_PROMETHEUS}/cmd/{name}": name for name in ("prometheus", "promtool")},
            # Of some thirty ways to find targets only one: the others are most of what there is to build.
            tags=("remove_all_sd", "enable_kubernetes_sd"),
        ),
        Part(
            "csi",
            f"{_CSI}/external-snapshotter/client/v8",
            {
                ".": "csi-driver",
                f"{_CSI}/external-provisioner/v6/cmd/csi-provisioner": "csi-provisioner",
                f"{_CSI}/external-resizer/v2/cmd/csi-resizer": "csi-resizer",
                f"{_CSI}/external-snapshotter/v8/cmd/csi-snapshotter": "csi-snapshotter",
                f"{_CSI}/external-snapshotter/v8/cmd/snapshot-controller": "snapshot-controller",
            },
            folders={"config/crd": "snapshot-definitions"},
        ),
    )
}


def read_version(part: Part) -> str:
    """Read the pinned version of a part ("1.36.3"); "1" for a program of our own.

    Raises:
        ValueError: when its go.mod does not require the module.
    """
    if not part.module:
        return "1"
    text = (part.pins / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^(?:require)?\s*{re.escape(part.module)} v(\S+)", text, re.MULTILINE)
    if not found:
        raise ValueError(f"pins/{part.name}/go.mod does not require {part.module}")
    return found[1]


def read_go_version(parts: Iterable[Part]) -> str:
    """Read the newest Go that any of these parts asks for ("1.26.0")."""
    modules = [(part.pins / "go.mod").read_text(encoding="utf-8") for part in parts]
    directives = [re.search(r"^go (\S+)$", module, re.MULTILINE) for module in modules]
    return max((found[1] for found in directives if found), key=lambda text: [int(n) for n in text.split(".")])


def build_linker_flags(part: Part) -> str:
    """Build what the linker is told: no symbols, and the stamps."""
    version = read_version(part)
    minors = {
        "minor": version.split(".")[1] if "." in version else "0",
        "kubernetes_minor": read_version(PARTS["kubernetes"]).split(".")[1],
    }
    return " ".join(["-s -w", *(f"-X {stamp.format(version=version, **minors)}" for stamp in part.stamps)])


def compute_part_key(part: Part, settings: str) -> str:
    """Compute the key of a part's outputs from its pins, its own source and the settings of the build."""
    files = sorted(path for path in part.pins.iterdir() if path.name in {"go.mod", "go.sum"} or path.suffix == ".go")
    named = (piece for path in files for piece in (path.name, path.read_bytes()))
    chosen = (*part.binaries.values(), *part.folders, *part.tags)
    return compute_key([*named, *chosen, build_linker_flags(part), settings])
