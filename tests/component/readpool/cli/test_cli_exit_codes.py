"""Exit codes: 0 for yes and done, 1 for no and failed, 2 for a wrong command line, as docs/cli.md says."""

import socket
from pathlib import Path

import grpc
import pytest

from tests.component.certificates import Authority
from tests.component.readpool.cli.playing_observer import PlayingObserver, serve
from tests.component.readpool.cli.test_top import run_top


async def test_a_fleet_that_a_scaler_without_fleets_does_not_have_is_an_error() -> None:
    async with serve(PlayingObserver()) as observer:
        code, out, err = await run_top("--scaler", observer.address, "--once", "--fleet", "nope")
    assert (code, out) == (1, "")
    assert err == "No fleet 'nope' here; the scaler observes none yet.\n"


@pytest.mark.parametrize("address", ["nope", ":9090", "scaler:0", "scaler:http", "scaler:99999"])
async def test_an_address_that_is_none_is_a_usage_error(address: str) -> None:
    code, out, err = await run_top("--scaler", address, "--once")
    assert (code, out) == (2, "")
    assert f"--scaler {address!r} is not HOST:PORT, such as readpool-scaler.readpool:9090." in err


async def test_a_file_without_a_certificate_is_told_from_a_scaler_that_is_away(tmp_path: Path) -> None:
    path = tmp_path / "hostname"
    path.write_text("my-laptop\n")
    code, out, err = await run_top("--tls-ca", str(path), "--once")
    assert (code, out) == (2, "")
    assert f"--tls-ca {path}: it contains no PEM certificate." in err
    assert "ssl_utils" not in err, "gRPC's own log lines stay out"


async def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(OURS.issue().certificate)
    key.write_text("no key")
    code, _, err = await run_top("--tls-cert", str(certificate), "--tls-key", str(key), "--once")
    assert code == 2
    assert "they are not a PEM certificate and its private key without a passphrase" in err


OURS, THEIRS = Authority("ours"), Authority("theirs")


@pytest.mark.parametrize(
    ("authority", "flags", "problem"),
    [
        pytest.param(
            THEIRS, (), "its certificate is not signed by a CA of --tls-ca, or is not valid at this time", id="CA"
        ),
        pytest.param(
            OURS,
            ("--tls-server-name", "other.example"),
            "its certificate has another name; --tls-server-name says which to expect",
            id="name",
        ),
        pytest.param(None, (), "it closes connections without TLS; --tls-ca enables TLS", id="no TLS"),
    ],
)
async def test_what_is_wrong_with_tls_is_said(
    tmp_path: Path, authority: Authority | None, flags: tuple[str, ...], problem: str
) -> None:
    pair = OURS.issue()
    credentials = grpc.ssl_server_credentials([(pair.key, pair.certificate)])
    if authority is not None:
        (tmp_path / "ca.crt").write_bytes(authority.root)
        flags = ("--tls-ca", str(tmp_path / "ca.crt"), *flags)
    async with serve(PlayingObserver(), credentials=credentials) as observer:
        code, _, err = await run_top("--scaler", observer.address, "--once", *flags)
    assert (code, err) == (1, f"No TLS connection to the scaler at {observer.address}: {problem}.\n")


async def test_tls_with_a_scaler_that_speaks_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(OURS.root)
    async with serve(PlayingObserver()) as observer:
        code, _, err = await run_top("--scaler", observer.address, "--tls-ca", str(tmp_path / "ca.crt"), "--once")
    assert (code, err) == (1, f"No TLS connection to the scaler at {observer.address}: it does not speak TLS.\n")


async def test_a_port_where_nothing_listens_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    code, _, err = await run_top("--scaler", address, "--once")
    assert (code, err) == (1, f"No scaler answers at {address}.\n")
