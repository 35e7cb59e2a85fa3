"""What the controller is started with: parsed, or refused with the flag, the value and what is allowed."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller.__main__ import controller
from controller.observed.plan_settings import Grants
from controller.settings import (
    ControllerSettings,
    ScalerTls,
    build_scaler_tls,
    parse_alert_label,
    parse_gateway_namespaces,
    parse_namespaces,
    parse_runbook_url,
    parse_scaler_address,
    parse_scraper_namespaces,
    parse_selector,
)
from readpool.host_port import SettingsError

LEAST: dict[str, Any] = {
    "scaler_address": "scaler:9090",
    "scaler_namespace": "readpool",
    "scaler_labels": (("a", "b"),),
    "lease_namespace": "readpool",
    "lease_name": "readpool-controller",
    "identity": "me",
}


@pytest.mark.parametrize(
    ("text", "names"),
    [("", ()), ("a", ("a",)), ("a,b", ("a", "b")), (" a , b ,", ("a", "b")), ("a,b,a", ("a", "b"))],
)
def test_namespaces_are_read(text: str, names: tuple[str, ...]) -> None:
    assert parse_namespaces(text) == names


@pytest.mark.parametrize("text", ["A", "a b", "-a", "a/b", "a,B"])
def test_what_is_no_namespace_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--namespaces '.+' is not a Kubernetes name"):
        parse_namespaces(text)


def test_labels_are_read() -> None:
    assert parse_selector("app.kubernetes.io/name=readpool, x=") == (("app.kubernetes.io/name", "readpool"), ("x", ""))


@pytest.mark.parametrize("text", ["", "a", "a=b,", "a b=c", "a=b c", "=b", "a!=b"])
def test_what_are_no_labels_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is not KEY=VALUE"):
        parse_selector(text)


@pytest.mark.parametrize("text", ["scaler:9090", "10.0.0.1:1", "[::1]:65535"])
def test_an_address_of_a_scaler_is_taken_as_it_is(text: str) -> None:
    assert parse_scaler_address(text) == text


@pytest.mark.parametrize("text", ["scaler", ":9090", "scaler:", "scaler:0", "scaler:65536", "http://scaler:1", "a b:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is not HOST:PORT"):
        parse_scaler_address(text)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"workers": 0}, "--workers 0 is out of range: 1 to 64"),
        ({"workers": 65}, "--workers 65 is out of range: 1 to 64"),
        ({"scaler_namespace": "No"}, "--scaler-namespace 'No' is not a Kubernetes name"),
        ({"lease_namespace": ""}, "--lease-namespace '' is not a Kubernetes name"),
        ({"lease_name": "a b"}, "--lease-name 'a b' is not a Kubernetes name"),
        ({"scaler_authentication": "A"}, "--scaler-authentication 'A' is not a Kubernetes name"),
        ({"identity": ""}, "--identity is empty"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        ControllerSettings(**(LEAST | change))
    assert sentence in str(refused.value)


def test_tls_takes_what_goes_together(tmp_path: Path) -> None:
    ca, certificate, key = (tmp_path / name for name in ("ca", "crt", "key"))
    for path in (ca, certificate, key):
        path.write_text("x")
    assert build_scaler_tls(None, None, None) is None
    assert build_scaler_tls(ca, None, None) == ScalerTls(ca)
    assert build_scaler_tls(ca, certificate, key) == ScalerTls(ca, certificate, key)
    with pytest.raises(SettingsError, match="--scaler-cert needs --scaler-key"):
        build_scaler_tls(ca, certificate, None)
    with pytest.raises(SettingsError, match="--scaler-key needs --scaler-cert"):
        build_scaler_tls(None, None, key)
    with pytest.raises(SettingsError, match="no such file"):
        build_scaler_tls(tmp_path / "nowhere", None, None)


def test_plans_get_what_the_flags_say() -> None:
    plans = ControllerSettings(**LEAST, gate_image="envoy:1").to_plan_settings()
    assert (plans.scaler_address, plans.scaler_labels, plans.gate_image) == ("scaler:9090", {"a": "b"}, "envoy:1")
    assert {"Mainnet", "Testnet", "Futurenet"} <= plans.networks.keys()


def test_pools_may_ask_for_nothing_beyond_their_namespaces_unless_flags_say_so() -> None:
    assert ControllerSettings(**LEAST).to_plan_settings().grants == Grants()
    grants = Grants(cluster_authentication=True, gateway_namespaces=("infra", "*"))
    assert ControllerSettings(**LEAST, grants=grants).to_plan_settings().grants == grants
    assert parse_gateway_namespaces(" infra,*,infra,") == ("infra", "*")
    with pytest.raises(SettingsError, match="--gateway-namespaces 'In fra'"):
        parse_gateway_namespaces("In fra")


def test_a_bad_flag_ends_with_its_sentence() -> None:
    outcome = CliRunner().invoke(controller, ["--scaler-selector", "nothing"])
    assert outcome.exit_code == 2
    assert "'nothing' in 'nothing' is not KEY=VALUE" in outcome.output


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(None, "there is no such file", id="no file"),
        pytest.param("just a host name", "it is not a kubeconfig", id="another file"),
        pytest.param("clusters: [", "it is not a kubeconfig", id="not YAML"),
        pytest.param("[1, 2]", "it is not a kubeconfig", id="a list"),
    ],
)
def test_without_a_cluster_it_says_so_in_its_log_and_ends_with_status_1(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    kubeconfig = tmp_path / "config"
    if text is not None:
        kubeconfig.write_text(text)
    outcome = CliRunner().invoke(controller, ["--kubeconfig", str(kubeconfig), "--telemetry-listen", "[::]:0"])
    assert outcome.exit_code == 1
    assert "Traceback" not in outcome.output
    event = json.loads(outcome.output.splitlines()[-1])
    assert event["event"] == "cannotStart"
    assert event["message"].startswith("no cluster: ")
    assert problem in event["message"]


def test_namespaces_of_scrapers_are_names() -> None:
    assert parse_scraper_namespaces(" monitoring,observability,monitoring,") == ("monitoring", "observability")
    assert parse_scraper_namespaces("") == ()
    with pytest.raises(SettingsError, match="--scraper-namespaces '\\*'"):
        parse_scraper_namespaces("*")


def test_labels_of_alerts_are_labels_of_prometheus() -> None:
    assert parse_alert_label("team=stellar") == ("team", "stellar")
    assert parse_alert_label("to=a=b,c") == ("to", "a=b,c")
    for wrong in ("team", "=x", "app.kubernetes.io/name=x", "1st=x"):
        with pytest.raises(SettingsError, match="--alert-label"):
            parse_alert_label(wrong)


def test_runbooks_are_at_a_web_address() -> None:
    assert parse_runbook_url("https://wiki.example/runbooks/") == "https://wiki.example/runbooks"
    for wrong in ("wiki.example", "ftp://wiki.example", "https://", "https://wiki example"):
        with pytest.raises(SettingsError, match="--runbook-url"):
            parse_runbook_url(wrong)
