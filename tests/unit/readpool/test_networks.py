"""The facts of the public networks: whole, as Core needs them, and the same ones that a trigger knows by name."""

import re

import pytest

from readpool.networks import HomeDomain, NetworkFacts, NetworksError, Quality, parse_networks
from readpool.pool.network import Network
from readpool.public_networks import load_public_networks
from scaler.triggers.network_names import PASSPHRASES

KEY = "G" + "A" * 55
TRUSTED_TOO_LITTLE = {Quality.MEDIUM, Quality.LOW}


def validator(**changes: str) -> str:
    fields = {
        "name": "one",
        "home_domain": "example.com",
        "quality": "HIGH",
        "public_key": KEY,
        "address": "core.example.com:11625",
        "archive": "https://history.example.com",
    } | changes
    lines = [f'{key} = "{value}"' for key, value in fields.items() if value != "leave out"]
    return "\n".join(["[[Net.validators]]", *lines, ""])


def test_every_public_network_that_a_pool_can_name_is_known() -> None:
    assert load_public_networks().keys() == set(Network) - {Network.CUSTOM}


def test_the_passphrases_are_those_that_a_trigger_knows() -> None:
    assert {name: facts.passphrase for name, facts in load_public_networks().items()} == PASSPHRASES


@pytest.mark.parametrize("name", ["Mainnet", "Testnet", "Futurenet"])
def test_each_network_is_as_core_demands(name: str) -> None:
    facts = load_public_networks()[name]
    for domain in facts.home_domains:
        its_own = [one for one in facts.validators if one.home_domain == domain]
        assert domain.quality in TRUSTED_TOO_LITTLE or len(its_own) >= 3
    assert all(re.fullmatch(r"https?://[a-z0-9./_-]+[a-z0-9]", archive) for archive in facts.archives)
    assert all(re.fullmatch(r"[a-z0-9.-]+(:[0-9]+)?", one.address) for one in facts.validators)


def test_home_domains_and_archives_come_from_the_validators_each_once() -> None:
    facts = parse_networks('[Net]\npassphrase = "p"\n' + validator() + validator(name="two", public_key=KEY[:-1] + "B"))
    domain = HomeDomain("example.com", Quality.HIGH)
    assert facts["Net"].home_domains == (domain,)
    assert facts["Net"].archives == ("https://history.example.com",)
    assert [one.name for one in facts["Net"].validators] == ["one", "two"]


def test_a_private_network_is_its_passphrase() -> None:
    facts = NetworkFacts("Private")
    assert facts.home_domains == ()
    assert facts.archives == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(validator(), "needs a passphrase", id="no passphrase"),
        pytest.param('[Net]\npassphrase = "p"\n', "needs a passphrase and validators", id="no validators"),
        pytest.param('[Net]\npassphrase = "p"\n' + validator(archive="leave out"), "needs name", id="a field lacks"),
        pytest.param('[Net]\npassphrase = "p"\n' + validator(rank="1"), "and no more", id="a field too many"),
        pytest.param('[Net]\npassphrase = "p"\n' + validator(public_key="G1"), "no public key", id="no key"),
        pytest.param('[Net]\npassphrase = "p"\n' + validator(quality="FINE"), "no quality", id="no quality"),
        pytest.param('[Net]\npassphrase = "p"\n' + validator() * 2, "the same name", id="twice"),
        pytest.param(
            '[Net]\npassphrase = "p"\n' + validator() + validator(name="two"),
            "the same public_key",
            id="one key, two names",
        ),
        pytest.param(
            '[Net]\npassphrase = "p"\n' + validator() + validator(name="two", quality="LOW"),
            "two qualities",
            id="unclear",
        ),
    ],
)
def test_facts_that_are_not_whole_are_refused(text: str, message: str) -> None:
    with pytest.raises(NetworksError, match=message):
        parse_networks(text)
