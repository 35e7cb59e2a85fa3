"""When an authority and a certificate are made anew, and what the flags of `readpool certificates` may say."""

import pytest

from readpool.certificate_dates import CertificateDates
from readpool.certificates.plan import (
    BACKDATED_SECONDS,
    SPREAD_SECONDS,
    LeafFacts,
    Step,
    is_due,
    is_late,
    plan_authority,
    why_anew,
)
from readpool.certificates.secret_data import read_data, write_data
from readpool.certificates.settings import CertificateSettings
from readpool.certificates.wanted import (
    Copy,
    Leaf,
    Lifetimes,
    SecretName,
    choose_common_name,
    parse_copy,
    parse_duration,
    parse_leaf,
    parse_secret,
)
from readpool.host_port import SettingsError

LIFE = 9000.0
NAMES = frozenset({"scaler"})


def made_at(at: float, seconds: float = LIFE) -> CertificateDates:
    return CertificateDates(at - BACKDATED_SECONDS, at + seconds)


@pytest.mark.parametrize(
    ("signing", "following", "now", "step"),
    [
        pytest.param(None, None, 0.0, Step.MAKE, id="none yet"),
        pytest.param(made_at(0.0), None, 0.0, Step.NOTHING, id="just made"),
        pytest.param(made_at(0.0), None, LIFE * 2 / 3 - 1, Step.NOTHING, id="not yet due"),
        pytest.param(made_at(0.0), None, LIFE * 2 / 3, Step.ANNOUNCE, id="two thirds are over"),
        pytest.param(made_at(0.0, 2 * LIFE), made_at(6000.0), 6000.0 + SPREAD_SECONDS - 1, Step.NOTHING, id="spreads"),
        pytest.param(
            made_at(0.0, 2 * LIFE), made_at(6000.0), 6000.0 + SPREAD_SECONDS, Step.PROMOTE, id="it has spread"
        ),
        pytest.param(
            made_at(0.0), made_at(LIFE - 10.0), LIFE + 1.0, Step.PROMOTE, id="ended, and the next one is there"
        ),
        pytest.param(made_at(0.0), None, LIFE + 1.0, Step.MAKE, id="ended, and nobody was there to see it"),
        pytest.param(None, made_at(0.0), 1.0, Step.PROMOTE, id="its key is lost, the next one's is not"),
        pytest.param(made_at(0.0), made_at(1.0, 5.0), LIFE + 10.0, Step.MAKE, id="both have ended"),
    ],
)
def test_the_authority_is(
    signing: CertificateDates | None, following: CertificateDates | None, now: float, step: Step
) -> None:
    assert plan_authority(signing, following, now) is step


def facts(**others: object) -> LeafFacts:
    given = {"dates": made_at(0.0), "names": NAMES, "is_server": True, "is_of_authority": True, "has_bundle": True}
    return LeafFacts(**(given | others))  # type: ignore[arg-type]  # each has its own type


@pytest.mark.parametrize(
    ("leaf", "now", "why"),
    [
        pytest.param(None, 0.0, "the Secret had no readable certificate", id="none"),
        pytest.param(facts(), LIFE / 2, None, id="good"),
        pytest.param(facts(has_bundle=False), 0.0, None, id="what is trusted beside it is another matter"),
        pytest.param(facts(names=frozenset({"other"})), 0.0, "its names have changed", id="renamed"),
        pytest.param(facts(is_server=False), 0.0, "its names have changed", id="a client's"),
        pytest.param(facts(is_of_authority=False), 0.0, "the CA has changed", id="of another authority"),
        pytest.param(facts(), LIFE * 2 / 3, "two thirds of its validity had passed", id="due"),
    ],
)
def test_a_certificate_is_issued_anew(leaf: LeafFacts | None, now: float, why: str | None) -> None:
    assert why_anew(leaf, NAMES, now, is_server=True) == why


def test_a_certificate_is_due_long_before_it_is_late() -> None:
    dates = made_at(0.0)
    assert (is_due(dates, 5999.0), is_due(dates, 6000.0)) == (False, True)
    assert (is_late(dates, 8099.0), is_late(dates, 8100.0)) == (False, True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("168h", 604800.0), ("1h30m", 5400.0), ("90m", 5400.0), ("2h1s", 7201.0)]
)
def test_durations_are_written_as_for_cert_manager(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "7d", "1.5h", "h", "-1h", "1h 30m", "30m1h", "1234567h"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match="such as 168h or 1h30m"):
        parse_duration(text)


def test_secrets_are_in_the_namespace_unless_they_say_another() -> None:
    assert parse_secret("readpool-ca", "readpool") == SecretName("readpool", "readpool-ca")
    assert parse_secret("keda/a.b", "readpool") == SecretName("keda", "a.b")
    leaf = parse_leaf("tls= a, a.b ,a", "n", is_server=True)
    assert leaf == Leaf(SecretName("n", "tls"), ("a", "a.b"), is_server=True)
    assert parse_copy("a=keda/b", "n") == Copy(SecretName("n", "a"), SecretName("keda", "b"))


@pytest.mark.parametrize(
    "text", ["", "Tls=a", "tls", "tls=", "tls=A_b", "tls=a b", "../x=a", "a/b/c=a", "n/=a", "tls=*.a"]
)
def test_what_is_no_secret_with_names_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is not"):
        parse_leaf(text, "n", is_server=True)


@pytest.mark.parametrize("text", ["", "a", "a=", "=b", "a=n/a", "a=b/c/d"])
def test_what_is_no_copy_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_copy(text, "n")


@pytest.mark.parametrize(
    ("leaf", "authority", "sentence"),
    [
        pytest.param(3599.0, 1e6, "--duration 3599s is less than 1h", id="too short"),
        pytest.param(3600.0, 35999.0, "--authority-duration 9.99972h is not within 10h", id="an authority of no use"),
        pytest.param(3600.0, 1e12, "is not within", id="for ever"),
    ],
)
def test_lifetimes_leave_time_to_renew(leaf: float, authority: float, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Lifetimes(leaf, authority)


LEAF = Leaf(SecretName("n", "tls"), ("a",), is_server=True)


@pytest.mark.parametrize(
    ("authority", "leaves", "copies", "sentence"),
    [
        pytest.param(None, (), (), "no Secret is given", id="nothing"),
        pytest.param(None, (LEAF,), (), "require --authority", id="nobody signs"),
        pytest.param(LEAF.secret, (LEAF,), (), "n/tls is given twice", id="over the authority"),
        pytest.param(
            SecretName("n", "ca"),
            (LEAF,),
            (Copy(SecretName("n", "x"), LEAF.secret),),
            "n/tls is given twice",
            id="copied",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    authority: SecretName | None, leaves: tuple[Leaf, ...], copies: tuple[Copy, ...], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        CertificateSettings(
            authority=authority,
            authority_name="a",
            identity="i",
            lifetimes=Lifetimes(3600.0, 36000.0),
            leaves=leaves,
            copies=copies,
        )


def test_a_common_name_has_64_characters_at_most() -> None:
    assert choose_common_name(("a" * 65, "b" * 64)) == "b" * 64
    assert choose_common_name(("a" * 65,)) is None


def test_a_secret_keeps_what_it_is_not_told_to_change() -> None:
    secret = {"metadata": {"name": "a", "labels": {"b": "c"}}, "data": {"mine": "eA==", "old": "eA==", "bad": "%"}}
    assert read_data(secret) == {"mine": b"x", "old": b"x"}
    changed = write_data(secret, {"tls.crt": b"y"}, {"old"})
    assert changed == {"metadata": secret["metadata"], "data": {"mine": "eA==", "bad": "%", "tls.crt": "eQ=="}}
    assert read_data({"metadata": {}}) == {}
