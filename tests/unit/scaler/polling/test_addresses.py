import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.addresses import NetworkRules, parse_networks
from readpool.host_port import SettingsError
from scaler.polling.addresses import explain_refusal, is_address


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("10.1.2.3", id="a pod"),
        pytest.param("192.168.0.7", id="private"),
        pytest.param("8.8.8.8", id="public"),
        pytest.param("100.64.0.1", id="carrier-grade NAT, which some clusters use for pods"),
        pytest.param("fd12:3456::7", id="a pod with IPv6"),
        pytest.param("2a00:1450::1", id="public IPv6"),
        pytest.param("::ffff:10.1.2.3", id="a pod, mapped into IPv6"),
    ],
)
def test_addresses_that_replicas_have_may_be_polled(address: str) -> None:
    assert explain_refusal(address, allow_loopback=False) is None


@pytest.mark.parametrize("allow_loopback", [False, True])
@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("169.254.169.254", "link-local"),
        ("169.254.0.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("2002:a9fe:a9fe::1", "link-local"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("fd00:ec2::23", "metadata"),
        ("fd00:ec2::254%1", "zone"),
        ("fd00:42::42", "metadata"),
        ("fd00:a9fe:a9fe::1", "metadata"),
        ("fd00:c1::a9fe:a9fe", "metadata"),
        ("fd20:ce::254", "metadata"),
        ("192.0.0.192", "metadata"),
        ("::ffff:100.100.100.200", "metadata"),
        ("64:ff9b:1::a9fe:a9fe", "link-local"),
        ("64:ff9b:1:a9fe:a9:fe00:808:808", "link-local"),  # after a prefix of 48 bits
        ("64:ff9b:1:a9:fe:a9fe:808:808", "link-local"),  # of 56
        ("::ffff:0:a9fe:a9fe", "link-local"),
        ("2001:0:4136:e378:8000:63bf:5601:5601", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - it is the example
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
    ],
)
def test_addresses_that_no_replica_has_are_never_polled(address: str, kind: str, *, allow_loopback: bool) -> None:
    assert kind in (explain_refusal(address, allow_loopback=allow_loopback) or "")


@pytest.mark.parametrize("address", ["64:ff9b:1::10.0.0.5", "64:ff9b:1::8.8.8.8", "64:ff9b::10.0.0.5"])
def test_what_a_nat64_leads_to_may_be_polled_where_that_itself_may(address: str) -> None:
    assert explain_refusal(address, allow_loopback=False) is None


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b:1:0:7f:0:100:808"]
)
def test_loopback_may_be_polled_only_where_that_is_allowed(address: str) -> None:
    assert "loopback" in (explain_refusal(address, allow_loopback=False) or "")
    assert explain_refusal(address, allow_loopback=True) is None


@pytest.mark.parametrize(
    "text", ["", "2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1", "localhost", "10.0.0.1 ", "[::1]"]
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert not is_address(text)
    assert explain_refusal(text, allow_loopback=True) is not None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.244.1.2", None),
        ("::ffff:10.244.1.2", None),
        ("fd00:10:244::7", None),
        ("10.244.255.2", "denied networks"),
        ("10.96.0.1", "none of the allowed networks"),
        ("fd00:10:96::1", "none of the allowed networks"),
        ("169.254.169.254", "link-local"),
    ],
)
def test_an_installation_narrows_where_to_and_never_widens_it(address: str, said: str | None) -> None:
    allowed, denied = (
        parse_networks("10.244.0.0/16, fd00:10:244::/56,169.254.0.0/16"),
        parse_networks("10.244.255.0/24"),
    )
    refusal = explain_refusal(address, allow_loopback=False, networks=NetworkRules(allowed, denied))
    assert refusal is None if said is None else said in (refusal or "")


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "pods", "10.0.0.0/8;fd00::/8"])
def test_what_is_no_network_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a network"):
        parse_networks(text)


@given(st.ip_addresses().map(str))
def test_allowing_loopback_allows_nothing_but_loopback(address: str) -> None:
    strict, lenient = explain_refusal(address, allow_loopback=False), explain_refusal(address, allow_loopback=True)
    assert strict == lenient or "loopback" in (strict or "")


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert is_address(text) or explain_refusal(text, allow_loopback=True) is not None
