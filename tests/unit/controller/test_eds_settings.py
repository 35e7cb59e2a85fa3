"""The flags of endpoint discovery, put together."""

from pathlib import Path

import pytest

from controller.settings import EdsSettings, build_eds_settings
from readpool.host_port import HostPort, SettingsError
from readpool.tls_files import TlsFiles

LISTEN = HostPort("::", 18000)
CERTIFICATE, KEY, CA = Path("tls.crt"), Path("tls.key"), Path("ca.crt")


def test_it_is_off_without_an_address_and_in_plain_text_without_files() -> None:
    assert build_eds_settings(None, None, None, None) is None
    assert build_eds_settings(LISTEN, None, None, None) == EdsSettings(LISTEN)
    assert build_eds_settings(LISTEN, CERTIFICATE, KEY, CA) == EdsSettings(
        LISTEN, TlsFiles(CERTIFICATE, KEY, CA, "--eds-tls")
    )


@pytest.mark.parametrize(
    ("listen", "files", "sentence"),
    [
        (None, (CERTIFICATE, KEY, None), "--eds-tls-cert requires --eds-listen"),
        (LISTEN, (CERTIFICATE, None, None), "--eds-tls-cert requires --eds-tls-key"),
        (LISTEN, (None, None, CA), "--eds-tls-client-ca requires --eds-tls-cert and --eds-tls-key"),
    ],
)
def test_a_flag_without_the_one_it_needs_is_refused(
    listen: HostPort | None, files: tuple[Path | None, Path | None, Path | None], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{sentence}"):
        build_eds_settings(listen, *files)
