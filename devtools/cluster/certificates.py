"""The certificates of one cluster: its two authorities, and a certificate for each part that meets another."""

import base64
import datetime as dt
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devtools.cluster.addresses import CLUSTER_DOMAIN, NODE_NAME, Addresses

IPV4 = Addresses()
LIFETIME = dt.timedelta(days=365)
KEDA_AUTHORITY = "KEDA"
KEDA_SERVICES = ("keda-operator", "keda-metrics-apiserver", "keda-admission-webhooks")
API_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority in a folder: NAME.crt and NAME.key."""

    folder: Path
    name: str
    key: Key

    def issue(
        self, file: str, common_name: str, group: str = "", names: tuple[str, ...] = (), addresses: tuple[str, ...] = ()
    ) -> None:
        """Issue a certificate for servers and clients into `file`.crt and `file`.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = _start(_build_name(common_name, group), _build_name(self.name), key).add_extension(
            x509.ExtendedKeyUsage(usages), critical=False
        )
        called: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        called += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        if called:
            builder = builder.add_extension(x509.SubjectAlternativeName(called), critical=False)
        _write(self.folder / f"{file}.crt", _encode_certificate(builder.sign(self.key, hashes.SHA256())))
        _write(self.folder / f"{file}.key", _encode_key(key))


def write_certificates(folder: Path, addresses: Addresses = IPV4) -> None:
    """Write all that the parts of a cluster with these addresses need."""
    nodes = tuple(one.node for one in addresses.ranges)
    services = tuple(one.api_service for one in addresses.ranges)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority, front = _make_authority(folder, "ca"), _make_authority(folder, "front-proxy-ca")
    authority.issue("apiserver", "kube-apiserver", names=API_NAMES, addresses=(*services, *nodes, "127.0.0.1"))
    authority.issue("apiserver-kubelet-client", "apiserver-kubelet-client", group="system:masters")
    authority.issue("admin", "admin", group="system:masters")
    authority.issue("kubelet-client", f"system:node:{NODE_NAME}", group="system:nodes")
    authority.issue("kubelet", NODE_NAME, names=(NODE_NAME,), addresses=nodes)
    front.issue("front-proxy-client", "front-proxy-client")
    key = ec.generate_private_key(ec.SECP256R1())
    _write(folder / "service-accounts.key", _encode_key(key))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(folder / "service-accounts.pub", public)


def build_keda_secret(folder: Path, namespace: str) -> dict[str, Any]:
    """Build the Secret of certificates that KEDA's operator makes itself where there is none.

    Having made it, the operator ends, and started again waits for its own lease to run out. The authority has an RSA
    key and its own name in its certificate: cert-controller's ValidCert asks for both.
    """
    authority = _make_authority(folder, KEDA_AUTHORITY, rsa.generate_private_key(65537, 2048))
    ends = ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.{CLUSTER_DOMAIN}")
    names = tuple(f"{service}{end}" for service in KEDA_SERVICES for end in ends)
    authority.issue("keda-services", KEDA_SERVICES[0], names=names)
    files = {"ca": KEDA_AUTHORITY, "tls": "keda-services"}
    data = {
        f"{key}.{kind}": base64.b64encode((folder / f"{file}.{kind}").read_bytes()).decode()
        for key, file in files.items()
        for kind in ("crt", "key")
    }
    metadata = {"name": "kedaorg-certs", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def write_kubeconfig(file: Path, certificates: Path, user: str, server: str) -> None:
    """Write a kubeconfig that needs no other file, as JSON, which is YAML as well."""

    def read(name: str) -> str:
        return base64.b64encode((certificates / name).read_bytes()).decode()

    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "readpool", "cluster": {"server": server, "certificate-authority-data": read("ca.crt")}}],
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": read(f"{user}.crt"), "client-key-data": read(f"{user}.key")},
            }
        ],
        "contexts": [{"name": "readpool", "context": {"cluster": "readpool", "user": user}}],
        "current-context": "readpool",
    }
    _write(file, json.dumps(content, indent=1).encode())


def _make_authority(folder: Path, name: str, key: Key | None = None) -> Authority:
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = (
        _start(_build_name(name), _build_name(name), key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    _write(folder / f"{name}.crt", _encode_certificate(builder.sign(key, hashes.SHA256())))
    _write(folder / f"{name}.key", _encode_key(key))
    return Authority(folder, name, key)


def _build_name(common_name: str, group: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if group:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)


def _start(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
    )


def _encode_certificate(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _encode_key(key: Key) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)
