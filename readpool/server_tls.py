"""A gRPC port's certificates: read at start, and read again at the first handshake after their files changed.

A mounted Secret is swapped as a whole, a hand-made pair is written file by file: whatever does not fit together yet is
left alone and the old pair goes on serving. Connections that stand are never touched. A certificate that is about to
end, or has, goes on serving as well, and the log says so.
"""

import ssl
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import grpc
import structlog

from readpool.certificate_dates import CertificateDates, read_dates
from readpool.host_port import StartError
from readpool.tls_files import TlsFiles

_log = structlog.get_logger(__name__)
_Stamp = tuple[tuple[int, ...], ...]


class TlsFilesError(StartError):
    """TLS files that cannot be served with. The message names the flag, the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    stamp: _Stamp
    dates: CertificateDates | None
    configuration: grpc.ServerCertificateConfiguration


def build_server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Build credentials that follow their files; with a client CA, clients must show a certificate of it.

    gRPC serves TLS 1.2 and 1.3, never less.

    Raises:
        TlsFilesError: when the files cannot be served with now.
    """
    certificates = _Certificates(files)
    return grpc.dynamic_ssl_server_credentials(
        certificates.initial,
        certificates.fetch_if_changed,  # type: ignore[arg-type]  # None means unchanged; the stubs leave it out
        require_client_authentication=files.client_ca is not None,
    )


class _Certificates:
    """The newest usable content of the files. gRPC asks at each handshake, from threads of its own."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        loaded = _load(files)
        self.initial = loaded.configuration
        self._stamp = loaded.stamp
        self._dates = loaded.dates
        self._last_logged = ""
        self._tell_end()

    def fetch_if_changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what to serve from now on, or None to go on as before. Never raises and never waits."""
        if not self._lock.acquire(blocking=False):
            return None  # another handshake is at it
        try:
            return self._reload()
        finally:
            self._tell_end()
            self._lock.release()

    def _reload(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            stamp = _stamp(self._files)
        except TlsFilesError as error:
            self._refuse((), error)
            return None
        if stamp == self._stamp:
            return None
        try:
            loaded = _load(self._files)
        except TlsFilesError as error:
            self._refuse(stamp, error)
            return None
        self._stamp, self._dates, self._last_logged = loaded.stamp, loaded.dates, ""
        _log.info("tlsReloaded", certificate=str(self._files.certificate))
        return loaded.configuration

    def _tell_end(self) -> None:
        """Log once that the served certificate expires soon, and once that it has expired."""
        dates, now = self._dates, time.time()
        if dates is None or not dates.ends_soon(now):
            return
        event = "tlsExpired" if dates.has_ended(now) else "tlsExpiresSoon"
        if event != self._last_logged:
            self._last_logged = event
            until = datetime.fromtimestamp(dates.not_after, UTC).isoformat()
            _log.warning(event, certificate=str(self._files.certificate), notAfter=until)

    def _refuse(self, stamp: _Stamp, error: TlsFilesError) -> None:
        """Log once for each content of the files why the old certificate stays in use."""
        if stamp != self._stamp:
            self._stamp = stamp
            _log.warning("tlsReloadFailed", message=str(error))


def _load(files: TlsFiles) -> _Loaded:
    """Read and check the files; what was checked is what is returned, even while somebody writes."""
    stamp = _stamp(files)
    _check_pair(files)
    key, certificate = _read(f"{files.flags}-key", files.key), _read(f"{files.flags}-cert", files.certificate)
    client_ca = None
    if files.client_ca is not None:
        _check_certificates(f"{files.flags}-client-ca", files.client_ca)
        client_ca = _read(f"{files.flags}-client-ca", files.client_ca)
    if _stamp(files) != stamp:
        raise TlsFilesError(f"{files.flags}-cert {files.certificate}: the files changed while they were read")
    return _Loaded(
        stamp, read_dates(certificate), grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca)
    )


def _stamp(files: TlsFiles) -> _Stamp:
    named = (("cert", files.certificate), ("key", files.key), ("client-ca", files.client_ca))
    return tuple(_stamp_one(f"{files.flags}-{flag}", path) for flag, path in named if path is not None)


def _stamp_one(flag: str, path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()  # follows the links of a mounted Secret
    except OSError as error:
        _raise(flag, path, error)
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read(flag: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _raise(flag, path, error)


def _check_pair(files: TlsFiles) -> None:
    certificate, key = f"{files.flags}-cert", f"{files.flags}-key"
    _check_certificates(certificate, files.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without the password function a key with a passphrase would ask for it on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
    except (OSError, ValueError) as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            raise TlsFilesError(f"{key} {files.key} does not belong to {certificate} {files.certificate}") from None
        what = error if isinstance(error, OSError) and error.filename else "is not a PEM private key without passphrase"
        _raise(key, files.key, what)


def _check_certificates(flag: str, path: Path) -> None:
    text = _read(flag, path).decode("ascii", "ignore")  # bundles name their authorities in any script
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        _raise(flag, path, "holds no readable PEM certificate")


def _raise(flag: str, path: Path, what: OSError | str) -> NoReturn:
    text = f": {what.strerror or what}" if isinstance(what, OSError) else f" {what}"
    raise TlsFilesError(f"{flag} {path}{text}") from None
