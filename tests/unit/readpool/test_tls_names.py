"""Which certificates are let in by their names, and which names a flag may give."""

from pathlib import Path

import pytest

from readpool.client_names import is_let_in
from readpool.host_port import SettingsError
from readpool.tls_files import build_tls_files, parse_client_names

SAN, CN = "x509_subject_alternative_name", "x509_common_name"


@pytest.mark.parametrize(
    ("told", "let_in"),
    [
        pytest.param({CN: [b"keda"]}, True, id="the common name"),
        pytest.param({SAN: [b"x", b"keda"]}, True, id="one of the others"),
        pytest.param({CN: [b"keda.evil"], SAN: [b"ked", b"akeda"]}, False, id="a part of it"),
        pytest.param({CN: [b"KEDA"], SAN: [b"*"]}, False, id="in capitals, or a wildcard"),
        pytest.param({CN: [b"\xff"], "x509_pem_cert": [b"keda"]}, False, id="no name at all"),
        pytest.param({}, False, id="no certificate"),
    ],
)
def test_a_name_counts_as_a_whole(told: dict[str, list[bytes]], *, let_in: bool) -> None:
    assert is_let_in(told, ("keda", "operator.keda.svc")) is let_in


def test_names_are_given_with_commas_and_need_an_authority() -> None:
    assert parse_client_names(" keda, spiffe://cluster.local/ns/keda/sa/keda-operator,keda,") == (
        "keda",
        "spiffe://cluster.local/ns/keda/sa/keda-operator",
    )
    for text in ("two words", "k\u00e9da", "a" * 254, ",".join(f"n{number}" for number in range(101))):
        with pytest.raises(SettingsError):
            parse_client_names(text)
    pair = (Path("tls.crt"), Path("tls.key"))
    with pytest.raises(SettingsError, match="--tls-client-names requires --tls-client-ca"):
        build_tls_files(*pair, None, client_names=("keda",))
    tls = build_tls_files(*pair, Path("ca.crt"), client_names=("keda",))
    assert tls is not None
    assert tls.client_names == ("keda",)
