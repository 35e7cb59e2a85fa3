"""Makes keys and X.509 certificates, and reads them back. No clock: the caller gives the time.

ECDSA on P-256, as every TLS library knows it; an authority signs certificates and no other authorities.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from readpool.certificate_dates import CertificateDates
from readpool.certificates.plan import BACKDATED_SECONDS
from readpool.certificates.wanted import choose_common_name


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


def issue_authority(name: str, now: float, seconds: float) -> Pair:
    """Make an authority that is good from a little before `now`, Unix seconds, for so long."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = (
        _start(subject, subject, key.public_key(), now, seconds)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_build_usage(is_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _sign(builder, key, key)


def issue_leaf(authority: Pair, names: tuple[str, ...], now: float, seconds: float, *, is_server: bool) -> Pair:
    """Issue a certificate for DNS names, to serve with or to call with; it ends no later than its authority."""
    issuer, issuer_key = _load(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    common = choose_common_name(names)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
    usage = ExtendedKeyUsageOID.SERVER_AUTH if is_server else ExtendedKeyUsageOID.CLIENT_AUTH
    left = issuer.not_valid_after_utc.timestamp() - now
    builder = (
        _start(subject, issuer.subject, key.public_key(), now, min(seconds, left))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_build_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        # RFC 5280, 4.2.1.6: critical where there is no subject.
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=not common)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return _sign(builder, key, issuer_key)


def read_pair(certificate: bytes, key: bytes) -> Pair | None:
    """Return the two as a pair; None where either cannot be read, or they do not belong together."""
    pair = Pair(certificate, key)
    try:
        loaded, loaded_key = _load(pair)
    except (ValueError, TypeError):
        return None
    return pair if loaded.public_key() == loaded_key.public_key() else None


def read_authority(certificate: bytes, key: bytes) -> Pair | None:
    """Return the two as a pair that can sign; None where they are none."""
    pair = read_pair(certificate, key)
    return pair if pair is not None and is_authority(pair.certificate) else None


def is_authority(certificate: bytes) -> bool:
    """Return whether a certificate may sign others."""
    try:
        constraints = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.BasicConstraints
        )
    except (ValueError, x509.ExtensionNotFound):
        return False
    return constraints.value.ca


def read_dates(pair: Pair) -> CertificateDates:
    """Return when a certificate begins and ends to be good."""
    loaded = x509.load_pem_x509_certificate(pair.certificate)
    return CertificateDates(loaded.not_valid_before_utc.timestamp(), loaded.not_valid_after_utc.timestamp())


def read_names(pair: Pair) -> frozenset[str]:
    """Return the DNS names that a certificate is for."""
    try:
        names = x509.load_pem_x509_certificate(pair.certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (ValueError, x509.ExtensionNotFound):
        return frozenset()
    return frozenset(names.value.get_values_for_type(x509.DNSName))


def is_for_servers(pair: Pair) -> bool:
    """Return whether a certificate is to serve with."""
    try:
        usages = x509.load_pem_x509_certificate(pair.certificate).extensions.get_extension_for_class(
            x509.ExtendedKeyUsage
        )
    except (ValueError, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in usages.value


def has_signed(authority: Pair, pair: Pair) -> bool:
    """Return whether an authority has signed a certificate."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    try:
        x509.load_pem_x509_certificate(pair.certificate).verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def build_bundle(certificates: Iterable[bytes], now: float) -> bytes:
    """Build what is to be trusted: each authority once, in this order, without those that have ended."""
    kept: dict[bytes, bytes] = {}
    for text in certificates:
        try:
            listed = x509.load_pem_x509_certificates(text) if text.strip() else []
        except ValueError:
            continue
        for one in listed:
            if one.not_valid_after_utc.timestamp() > now:
                kept.setdefault(one.fingerprint(hashes.SHA256()), one.public_bytes(serialization.Encoding.PEM))
    return b"".join(kept.values())


def _start(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: float, seconds: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_to_date(now - BACKDATED_SECONDS))
        .not_valid_after(_to_date(now + seconds))
    )


def _to_date(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)


def _build_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> Pair:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), text)


def _load(pair: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Read a pair.

    Raises:
        ValueError, TypeError: when it is not PEM, or the key is none of an elliptic curve.
    """
    key = serialization.load_pem_private_key(pair.key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("another kind of key")
    return x509.load_pem_x509_certificate(pair.certificate), key
