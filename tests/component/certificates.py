"""Authorities and certificates for TLS tests, in the files that a mounted cert-manager Secret has."""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate chain, the leaf first, and its key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority; with `issuer` an intermediate one, whose leaves come with its own certificate."""

    def __init__(self, name: str, issuer: "Authority | None" = None) -> None:
        self._issuer = issuer
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _build_name(name)
        signer, signed_by = (issuer._name, issuer._key) if issuer else (self._name, self._key)
        builder = _start(self._name, signer, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), True
        )
        self._certificate = _encode(builder.sign(signed_by, hashes.SHA256()))

    @property
    def root(self) -> bytes:
        """The root's certificate, PEM: cert-manager's ca.crt, KEDA's caCert."""
        return self._issuer.root if self._issuer else self._certificate

    def issue(
        self,
        name: str = "scaler",
        *,
        is_rsa: bool = False,
        host: str = "localhost",
        dates: tuple[dt.datetime, dt.datetime] | None = None,
    ) -> Pair:
        """Issue a certificate for a host and 127.0.0.1, good for servers and clients, by default for a day."""
        key: _Key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            _start(_build_name(name), self._name, key, dates)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        chain = _encode(builder.sign(self._key, hashes.SHA256())) + (self._certificate if self._issuer else b"")
        return Pair(chain, _encode_key(key))


def write_secret(folder: Path, pair: Pair, client_ca: bytes) -> list[str]:
    """Write ca.crt, tls.crt and tls.key as the kubelet does, swapped as a whole when done again; return the flags.

    The files are links into `..data`, which is a link to a folder of its own for each content.
    """
    folder.mkdir(exist_ok=True)
    content = folder / f"..{os.urandom(4).hex()}"
    content.mkdir()
    files = {"ca.crt": client_ca, "tls.crt": pair.certificate, "tls.key": pair.key}
    for name, text in files.items():
        (content / name).write_bytes(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))
    link = folder / "..data_tmp"
    link.symlink_to(content.name)
    link.rename(folder / "..data")
    return ["--tls-cert", str(folder / "tls.crt"), "--tls-key", str(folder / "tls.key")]


def _build_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _start(
    subject: x509.Name, issuer: x509.Name, key: _Key, dates: tuple[dt.datetime, dt.datetime] | None = None
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    begin, end = dates or (now - dt.timedelta(hours=1), now + dt.timedelta(days=1))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _encode(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _encode_key(key: _Key) -> bytes:
    """Encode as cert-manager does by default: PKCS#1 for RSA, SEC 1 for elliptic curves."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
