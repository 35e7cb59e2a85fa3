"""No secret leaves a cluster in a report, whatever it stands in; what is no secret stays readable."""

import base64
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from readpool.cli.report.bundle import Bundle
from readpool.cli.report.redaction import REDACTED, redact_object, redact_text

SEED = "S" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVW"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49\n"
KEY += "-----END EC PRIVATE KEY-----\n"
TOKEN = "ey" + "JhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.ey" + "JzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"
PASSWORD = "correct-horse-battery"  # noqa: S105 - the one to take out


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        pytest.param(f'NODE_SEED = "{SEED} self"', SEED, id="a seed in Core's configuration"),
        pytest.param(f"seed is {SEED}.", SEED, id="a seed in a sentence"),
        pytest.param(KEY, "MHcCAQEEIIrYSSNQ", id="a key"),
        pytest.param(KEY[:60], "MHcCAQEEIIrYSSNQ", id="half a key"),
        pytest.param(f"Authorization: Bearer {TOKEN}", TOKEN, id="a token in a header"),
        pytest.param(f"got {TOKEN} from", TOKEN, id="a token by its shape"),
        pytest.param("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", id="basic authentication"),
        pytest.param(f"postgresql://core:{PASSWORD}@db:5432/core", PASSWORD, id="a URL's password"),
        pytest.param(f'get = "curl https://u:{PASSWORD}@archive/{{0}} -o {{1}}"', PASSWORD, id="in a command"),
        pytest.param(f"dbname=core user=core password={PASSWORD} host=db", PASSWORD, id="a connection string"),
        pytest.param(f"--db-password {PASSWORD} --verbose", PASSWORD, id="a flag and its value"),
        pytest.param(f"--token={PASSWORD}", PASSWORD, id="a flag with its value"),
        pytest.param(f'{{"event": "login", "api_key": "{PASSWORD}"}}', PASSWORD, id="a line of a log"),
        pytest.param(f"https://b.s3/x?X-Amz-Signature={PASSWORD}&a=1", PASSWORD, id="a signed URL"),
        pytest.param("AKIA" + "IOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE", id="a cloud's key id"),
        pytest.param("ghp" + "_abcdefghijklmnopqrstuvwxyz0123", "abcdefghijklmnop", id="a forge's token"),
    ],
)
def test_a_secret_in_a_text_is_taken_out(text: str, secret: str) -> None:
    assert secret not in redact_text(text)
    assert REDACTED in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "GCEZWKCA5VLDNRLN3RPRJMRZOX3Z6G5CHCGSNFHEYVXM3XOJMDS674JZ",
        "Test SDF Network ; September 2015",
        "secretName: scaler-tls",
        "https://history.stellar.org/prd/core-live/core_live_001/{0}",
        '{"event": "replicaChanged", "previous": "fresh", "current": "lagging", "lagLedgers": 1062}',
        'readpool_replica_lag_ledgers{fleet="stellar/readers"} 3.0',
        "automountServiceAccountToken is false, tokenExpirationSeconds too",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_fields_and_variables_with_the_name_of_a_secret_lose_their_value() -> None:
    pod: dict[str, Any] = {
        "metadata": {
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": PASSWORD, "stellar.org/weight": "3"},
            "managedFields": [{"manager": PASSWORD}],
        },
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "args": ["--password", PASSWORD, "--token", PASSWORD, "--listen", "[::]:9090"],
                    "env": [
                        {"name": "DATABASE_PASSWORD", "value": PASSWORD},
                        {"name": "NODE_SEED", "value": PASSWORD},
                        {"name": "LOG_LEVEL", "value": "info"},
                        {"name": "A_TOKEN", "valueFrom": {"secretKeyRef": {"name": "tokens", "key": "token"}}},
                    ],
                    "imagePullSecrets": [{"name": "registry"}],
                }
            ],
        },
        "triggers": [{"metadata": {"apiKey": PASSWORD, "tlsClientKey": PASSWORD, "service": "core"}}],
    }
    redacted = redact_object(pod)
    text = json.dumps(redacted)
    assert PASSWORD not in text
    assert redacted["metadata"]["annotations"] == {"stellar.org/weight": "3"}
    container = redacted["spec"]["containers"][0]
    assert container["args"][4:] == ["--listen", "[::]:9090"]
    assert container["env"][2] == {"name": "LOG_LEVEL", "value": "info"}
    assert container["env"][3]["valueFrom"]["secretKeyRef"]["name"] == "tokens"
    assert container["imagePullSecrets"] == [{"name": "registry"}]
    assert redacted["spec"]["automountServiceAccountToken"] is False
    assert redacted["triggers"][0]["metadata"]["service"] == "core"


secrets = st.sampled_from([SEED, KEY, f"Bearer {TOKEN}", f"https://u:{PASSWORD}@h/"])
around = st.text(st.characters(blacklist_categories=("L", "N", "Cs"), blacklist_characters="_-."), max_size=5)
nested: st.SearchStrategy[Any] = st.recursive(
    st.builds("{1}{0}{2}".format, secrets, around, around) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(nested)
def test_no_secret_is_left_wherever_it_stands_in_an_object(value: Any) -> None:
    bundle = Bundle()
    bundle.add_object("f", value)
    bundle.add_document("g", {"value": value})
    bundle.add_text("h", str(value).replace("\\n", "\n"))
    bundle.miss("all", str(value))
    for text in (*bundle.files.values(), bundle.unread[0].why):
        for secret in (SEED, "MHcCAQEEIIrYSSNQ", TOKEN, PASSWORD):
            assert secret not in text


@given(st.text(max_size=200))
def test_redacting_any_text_twice_is_redacting_it_once(text: str) -> None:
    assert redact_text(redact_text(text)) == redact_text(text)


@given(nested)
def test_a_redacted_object_is_still_an_object(value: Any) -> None:
    bundle = Bundle()
    bundle.add_object("f", value)
    yaml.safe_load(bundle.files["f"])


def test_a_long_line_takes_no_long_time() -> None:
    redact_text("a-b.c_" * 50_000)
    redact_text(base64.b64encode(bytes(range(256)) * 4_000).decode())
