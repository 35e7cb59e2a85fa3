"""Where each member's gate is asked: at its own address."""

import pytest

from scaler.polling.gate_addresses import match_gates, place_gates

MEMBERS = {"core-0": "http://10.0.0.1:11627", "core-1": "http://10.0.0.2:11627"}


@pytest.mark.parametrize(
    ("url", "placed"),
    [
        ("http://10.0.0.1:11626", "http://10.0.0.1:11629"),
        ("http://10.0.0.1", "http://10.0.0.1:11629"),
        ("http://[fd00::1]:11626", "http://[fd00::1]:11629"),
        ("https://core.example.com/behind/", "https://core.example.com:11629/behind/"),
    ],
)
def test_a_number_takes_the_place_of_the_urls_port(url: str, placed: str) -> None:
    assert place_gates({"core": url}, 11629) == {"core": placed}


MATCHES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "no gates": ({}, {}),
    "by name": (
        {"core-0": "http://10.0.0.1:11629", "core-1": "http://10.0.0.2:11629"},
        {"core-0": "http://10.0.0.1:11629", "core-1": "http://10.0.0.2:11629"},
    ),
    "by address, where names come from elsewhere": (
        {"core-1.core.stellar": "http://10.0.0.2:11629"},
        {"core-1": "http://10.0.0.2:11629"},
    ),
    "of no member": ({"core-2": "http://10.0.0.3:11629"}, {}),
}


@pytest.mark.parametrize(("found", "matched"), MATCHES.values(), ids=MATCHES.keys())
def test_gates_are_those_of_the_members(found: dict[str, str], matched: dict[str, str]) -> None:
    assert match_gates(MEMBERS, found) == matched
