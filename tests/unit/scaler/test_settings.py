"""What the scaler can be started with, and the sentences for what it cannot."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from readpool.host_port import HostPort, SettingsError, parse_host_port
from readpool.tls_files import TlsFiles, build_tls_files
from scaler.__main__ import scaler
from scaler.probes.kinds import ProbeKind
from scaler.settings import (
    PoolAccess,
    ScalerSettings,
    build_pool_access,
    parse_dns_server,
    parse_namespaces,
    parse_reference,
)
from scaler.triggers.fleet_spec import Reference

ADDRESSES = [
    pytest.param("0.0.0.0:9090", HostPort("0.0.0.0", 9090), id="IPv4"),  # noqa: S104 - an example
    pytest.param("[::]:9090", HostPort("::", 9090), id="IPv6 in brackets"),
    pytest.param("[0:0::1]:0", HostPort("::1", 0), id="IPv6 is written in its short form"),
    pytest.param("localhost:65535", HostPort("localhost", 65535), id="a name and the last port"),
    pytest.param(":9090", HostPort("::", 9090), id="no host means all addresses"),
]
NO_ADDRESSES = [
    pytest.param("9090", "not HOST:PORT", id="a port alone"),
    pytest.param("localhost", "not HOST:PORT", id="a host alone"),
    pytest.param("localhost:", "not HOST:PORT", id="no port"),
    pytest.param("localhost:http", "not HOST:PORT", id="a port by name"),
    pytest.param("localhost:65536", "0 to 65535", id="a port too high"),
    pytest.param("localhost:-1", "not HOST:PORT", id="a negative port"),
    pytest.param("localhost:٣", "not HOST:PORT", id="digits of another script"),
    pytest.param("::1:9090", "brackets", id="IPv6 without brackets"),
    pytest.param("[::1:9090", "brackets", id="half a bracket"),
    pytest.param("[1.2.3.4]:1", "not an IPv6 address", id="IPv4 in brackets"),
    pytest.param("http://localhost:9090", "not HOST:PORT", id="a URL"),
    pytest.param("local host:9090", "not HOST:PORT", id="a blank"),
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_an_address_is_read_as(text: str, expected: HostPort) -> None:
    assert parse_host_port(text) == expected


@pytest.mark.parametrize(("text", "why"), NO_ADDRESSES)
def test_what_is_no_address_is_refused_with_the_text_and_the_form(text: str, why: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_host_port(text)
    assert repr(text) in str(refusal.value)
    assert why in str(refusal.value)


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse_host_port(text)
    except SettingsError:
        return
    assert parse_host_port(str(address)) == address


@given(st.text())
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = parse_reference(text)
    except SettingsError:
        return
    assert f"{reference.kind}={reference.url}" == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("horizon=https://horizon.stellar.org", Reference(ProbeKind.HORIZON, "https://horizon.stellar.org")),
        ("core=http://10.0.0.1:11626", Reference(ProbeKind.CORE, "http://10.0.0.1:11626")),
        ("archive=https://h/a/b", Reference(ProbeKind.ARCHIVE, "https://h/a/b")),
        ("rpc=http://[fd00::1]:8000/", Reference(ProbeKind.RPC, "http://[fd00::1]:8000/")),
    ],
)
def test_a_reference_is_read_as(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("https://horizon.stellar.org", "core, rpc, horizon, archive", id="no kind"),
        pytest.param("Horizon=https://h", "core, rpc, horizon, archive", id="a kind in capitals"),
        pytest.param("horizon=", "is not a URL such as", id="no URL"),
        pytest.param("horizon=horizon.stellar.org", "is not a URL such as", id="no scheme"),
        pytest.param("horizon=file:///etc/passwd", "is not a URL such as", id="another scheme"),
        pytest.param("horizon=https://", "is not a URL such as", id="no host"),
        pytest.param("horizon=http://h:99999", "is not a URL such as", id="an impossible port"),
        pytest.param("horizon=http://[::1", "is not a URL such as", id="half a bracket"),
        pytest.param("archive=https://h/a?b=c", "with no user, query or fragment", id="a query"),
        pytest.param("core=http://user@h", "with no user, query or fragment", id="a user"),
        pytest.param("core=http://h/\u00e4", "is not a URL such as", id="characters that no URL has"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_text_and_what_is_allowed(text: str, why: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_reference(text)
    assert repr(text) in str(refusal.value)
    assert why in str(refusal.value)


@pytest.mark.parametrize("text", ["kube-dns:53", "10.96.0.10", "10.96.0.10:0"])
def test_a_dns_server_is_an_ip_address_with_a_port(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_dns_server(text)
    assert parse_dns_server("10.96.0.10:53") == HostPort("10.96.0.10", 53)


CERTIFICATE, KEY, CA = Path("tls.crt"), Path("tls.key"), Path("ca.crt")


@pytest.mark.parametrize(
    ("files", "given", "needed"),
    [
        ((None, KEY, None), "--tls-key", "--tls-cert"),
        ((CERTIFICATE, None, None), "--tls-cert", "--tls-key"),
        ((None, None, CA), "--tls-client-ca", "--tls-cert and --tls-key"),
        ((CERTIFICATE, None, CA), "--tls-cert", "--tls-key"),
    ],
)
def test_a_tls_flag_without_the_one_it_needs_is_refused(
    files: tuple[Path | None, Path | None, Path | None], given: str, needed: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{given} requires {needed}"):
        build_tls_files(*files)


def test_tls_is_off_without_flags_and_mutual_with_all_three() -> None:
    assert build_tls_files(None, None, None) is None
    assert build_tls_files(CERTIFICATE, KEY, CA) == TlsFiles(CERTIFICATE, KEY, CA)


@pytest.mark.parametrize(
    ("kubeconfig", "namespaces", "given"),
    [(Path("kubeconfig"), (), "--kubeconfig"), (None, (("a",),), "--namespaces")],
)
def test_a_flag_on_pools_without_pools_is_refused(
    kubeconfig: Path | None, namespaces: tuple[tuple[str, ...], ...], given: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{given} requires --pools"):
        build_pool_access(kubeconfig, namespaces, pools=False)


def test_pools_are_off_without_the_flag_and_of_all_namespaces_with_it_alone() -> None:
    assert build_pool_access(None, (), pools=False) is None
    assert build_pool_access(None, (), pools=True) == PoolAccess()


def test_namespaces_add_up_each_once() -> None:
    given = (parse_namespaces("a, b"), parse_namespaces(""), parse_namespaces("b,c,"))
    assert build_pool_access(None, given, pools=True) == PoolAccess(namespaces=("a", "b", "c"))


@pytest.mark.parametrize("text", ["A", "a b", "a/b", "a" * 64, "a,-b"])
def test_what_is_no_namespace_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_namespaces(text)
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"poll_interval_seconds": 0.0}, "--poll-interval 0 "),
        ({"poll_interval_seconds": float("nan")}, "--poll-interval nan "),
        ({"poll_interval_seconds": 301.0}, "--poll-interval 301 "),
        ({"drain_seconds": -1.0}, "--drain-seconds -1 "),
        ({"drain_seconds": float("inf")}, "--drain-seconds inf "),
        ({"cluster_domain": ""}, "--cluster-domain ''"),
        ({"cluster_domain": "cluster..local"}, "--cluster-domain 'cluster..local'"),
        ({"cluster_domain": "cluster.local/x"}, "--cluster-domain 'cluster.local/x'"),
    ],
)
def test_a_setting_out_of_bounds_is_refused_with_its_flag_and_value(change: dict[str, Any], flag: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        ScalerSettings(**change)
    assert str(refusal.value).startswith(flag)


def test_help_teaches_every_flag_with_its_environment_variable_and_examples() -> None:
    text = " ".join(CliRunner().invoke(scaler, ["--help"]).output.split())
    for option in scaler.params:
        assert option.opts[0] in text
        assert f"READPOOL_{option.opts[0].removeprefix('--').replace('-', '_').upper()}" in text.replace("- ", "-")
    assert "readpool scaler --tls-cert /tls/tls.crt" in text


@pytest.mark.parametrize(
    ("flags", "environment", "sentence"),
    [
        pytest.param(["--listen", "9090"], {}, "is not HOST:PORT", id="flag"),
        pytest.param([], {"READPOOL_LISTEN": "9090"}, "is not HOST:PORT", id="environment"),
        pytest.param(
            [], {"READPOOL_REFERENCE": "horizon=https://h archive"}, "'archive' must be KIND=URL", id="second"
        ),
        pytest.param(["--tls-key", "k"], {}, "--tls-key requires --tls-cert", id="two flags at odds"),
        pytest.param([], {"READPOOL_NAMESPACES": "a,b"}, "--namespaces requires --pools", id="one without the other"),
        pytest.param(["--pools", "--namespaces", "a,B"], {}, "'B' in 'a,B' is not a namespace", id="no namespace"),
        pytest.param(
            ["--poll-interval", "0"],
            {},
            "--poll-interval 0 is out of range; allowed are 0.05 to 300",
            id="out of bounds",
        ),
        pytest.param(["--log-format", "xml"], {}, "'xml' is not one of 'json', 'console'", id="no such choice"),
    ],
)
def test_a_bad_flag_ends_with_a_sentence_and_status_2(
    flags: list[str], environment: dict[str, str], sentence: str
) -> None:
    result = CliRunner().invoke(scaler, flags, env=environment)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_without_the_cluster_that_pools_need_it_says_so_in_its_log_and_ends_with_status_1(tmp_path: Path) -> None:
    result = CliRunner().invoke(scaler, ["--pools", "--kubeconfig", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    event = json.loads(result.output.splitlines()[-1])
    assert event["event"] == "cannotStart"
    assert event["message"].startswith(f"--pools requires a cluster: {tmp_path / 'nowhere'}")


def test_an_address_in_use_is_no_usage_error_but_an_event_in_the_log() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = CliRunner().invoke(scaler, ["--listen", "127.0.0.1:0", "--telemetry-listen", address])
    assert result.exit_code == 1
    assert "Usage:" not in result.output
    event = json.loads(result.output.splitlines()[-1])
    assert event["message"].startswith(f"--telemetry-listen {address} cannot be bound: ")
