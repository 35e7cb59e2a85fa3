"""What a node of each kind is asked."""

import json

import pytest

from scaler.probes.kinds import ProbeKind
from scaler.probes.requests import build_call, build_request

GETS = {
    ProbeKind.CORE: "/info",
    ProbeKind.HORIZON: "/",
    ProbeKind.ARCHIVE: "/.well-known/stellar-history.json",
    ProbeKind.GATE: "/stats/prometheus",
}


@pytest.mark.parametrize("base", ["http://10.0.0.1:11626", "https://node.example/a/b", "http://[fd00::1]:80"])
@pytest.mark.parametrize("slashes", ["", "/", "//"])
@pytest.mark.parametrize(("kind", "path"), GETS.items())
def test_a_get_goes_to_the_path_of_its_kind_below_the_base(kind: ProbeKind, path: str, base: str, slashes: str) -> None:
    request = build_request(kind, base + slashes)
    assert (request.method, request.url, request.body, dict(request.headers)) == ("GET", base + path, None, {})


def test_stellar_rpc_is_asked_by_one_post_for_health_ledger_and_network() -> None:
    request = build_request(ProbeKind.RPC, "http://10.0.0.1:8000/rpc/")
    assert (request.method, request.url) == ("POST", "http://10.0.0.1:8000/rpc")
    assert request.headers == {"Content-Type": "application/json"}
    calls = json.loads(request.body or b"")
    assert [call["method"] for call in calls] == ["getHealth", "getTransaction", "getNetwork"]
    assert calls == [json.loads(build_call("http://a", number).body or b"") for number in (1, 2, 3)]


def test_every_kind_of_node_can_be_asked() -> None:
    assert all(build_request(kind, "http://a").url.startswith("http://a") for kind in ProbeKind)
