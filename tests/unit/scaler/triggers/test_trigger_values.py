"""Each key's values one by one, and any metadata at all: it parses within bounds or is refused by TriggerError."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.probes.kinds import ProbeKind
from scaler.triggers.fleet_spec import NodesSource, PoolSource, ServiceSource
from scaler.triggers.metric import REQUEST_METRICS, Metric
from scaler.triggers.trigger import (
    MAX_LAG_THRESHOLD,
    MAX_NODES,
    MAX_REFERENCES,
    MAX_REPLICAS,
    MAX_SUSTAIN_SECONDS,
    MAX_TARGET_VALUE,
    MIN_SUSTAIN_SECONDS,
    MIN_TARGET_VALUE,
    Trigger,
    parse_trigger,
)
from scaler.triggers.trigger_values import TriggerError
from tests.unit.scaler.triggers.test_trigger import NODES, POOL, SERVICE, parse, refuse

KEYS = (
    *("service", "nodes", "pool", "port", "probe", "network", "references", "lagThreshold", "sustainSeconds"),
    *("targetReplicas", "minReplicas", "maxReplicas", "metric", "targetValue", "statsPort"),
)
WHOLE = ["", " ", "-1", "+1", "1.0", "1e3", "0x10", "one", "1 000", "1_000", "٣", "²", "NaN", "inf", "null", "1" * 400]
NUMBERS = ["", "-1", "+1", "0", "0.0009", ".5", "1.", "1e3", "nan", "inf", "-inf", "1,5", "1_0", "٣", "0x1", "1" * 400]
NAMES = ["", "A", "a.b", "a_b", "-a", "a-", "x" * 64, "a/b", "..", "a b", "ä", "a\x00", "a.other-namespace", "*"]
URLS = (
    *("", " ", ",", "10.0.0.1:11626", "//a", "a", "http://", "http:///info", "http://:80", "ftp://a", "file:///etc/x"),
    *(
        "unix:/run/docker.sock",
        "javascript:x",
        "http://a:0",
        "http://a:65536",
        "http://a:-1",
        "http://a:x",
        "http://[::1",
    ),
    *("http://u@a", "http://u:p@a", "http://@a", "http://a?", "http://a?x=1", "http://a#", "http://a#x", "http://a b"),
    *("http://a\tb", "http://a\r\nHost: b", "http://ä", "http://a\x00", "http://a\\b", "http://a,"),
    "http://" + "a" * 2048,
)
MALFORMED: dict[str, list[str]] = {
    "targetReplicas": [*WHOLE, "5001", "999999999", "1000000000"],
    "minReplicas": [*WHOLE, "5001"],
    "maxReplicas": [*WHOLE, "5001"],
    "lagThreshold": [*WHOLE, "0", "1000001"],
    "sustainSeconds": [*NUMBERS, "86400.1", "999999999999"],
    "targetValue": [*NUMBERS, "1000000000.1"],
    "service": NAMES,
    "port": ["", "0", "65536", "-1", "1.5", "A", "a_b", "-a", "a-", "x" * 16, "1-2", "٣", "a.b", "9" * 400],
    "statsPort": ["", "0", "65536", "-1", "1.5", "A", "a_b", "-a", "x" * 16, "a.b"],
    "probe": ["", "Core", "archive", "gate", "info", "core,rpc"],
    "metric": ["", "DesiredReplicas", "desiredreplicas", "lag", "maxLag ,p90Lag", "requestspersecond", "x" * 400],
    "network": ["", " ", "x" * 201, "a\x00b", "a\nb", "a\u202eb", "\ud800"],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in MALFORMED.items() for value in values])
def test_a_malformed_value_is_refused_with_key_value_and_what_is_allowed(key: str, value: str) -> None:
    message = refuse({**SERVICE, key: value})
    given = repr(value.strip())[:20].rstrip("'")
    assert message.startswith(f"{key}: {given}")
    assert "is not allowed; it must be " in message
    assert len(message) < 300
    assert message.isprintable()


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_leads_nowhere_or_astray_is_refused(url: str) -> None:
    assert refuse({**NODES, "nodes": url}).startswith("nodes: ")
    assert refuse({**SERVICE, "references": f"core={url}"}).startswith("references: ")


@pytest.mark.parametrize("url", ["http://a", "https://a.example:1/core/", "HTTP://[fd00::1]:80", "http://a/%20;x=1"])
def test_a_url_with_host_port_and_path_is_taken_as_it_stands(url: str) -> None:
    assert parse({**NODES, "nodes": url}).fleet.source == NodesSource((url,))


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_is_a_name(name: str) -> None:
    assert refuse({**POOL, "pool": name}).startswith("pool: ")


@pytest.mark.parametrize(
    ("key", "values"),
    [("sustainSeconds", ("0.001", "86400", "000012.5")), ("targetValue", ("0.001", "1000000000", "2.000000001"))],
)
def test_numbers_reach_to_their_bounds(key: str, values: tuple[str, ...]) -> None:
    for value in values:
        trigger = parse({**SERVICE, "metric": "maxLag", key: value})
        assert float(value) in (trigger.fleet.sustain_seconds, trigger.target_value)


def test_a_fleet_of_five_thousand_nodes_is_parsed_or_refused_quickly() -> None:
    urls = [f"http://node-{number}.example:11626" for number in range(MAX_NODES)]
    begun = time.process_time()
    parse({**NODES, "nodes": ",".join(urls)})
    refuse({**NODES, "nodes": ",".join([*urls[:-1], urls[-2]])})
    assert time.process_time() - begun < 1.0


def write_thousandths(number: int) -> str:
    return f"{number // 1000}.{number % 1000:03}"


WORDS = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from([value for values in (*MALFORMED.values(), URLS) for value in values]),
    st.sampled_from(["core", "rpc", "http", "http://a:1", "http://a,http://b", "core=http://a", "Testnet", "3", "0.5"]),
    st.sampled_from(list(Metric)).map(str),
)
METADATA = st.dictionaries(
    st.one_of(
        st.sampled_from(KEYS),
        st.sampled_from(KEYS).map("{}FromEnv".format),
        st.sampled_from(["scalerAddress", "enableTLS", "unsafeSsl"]),
        st.text(max_size=30),
    ),
    WORDS,
    max_size=8,
)
GOOD = {
    "probe": st.sampled_from(["core", "rpc", "horizon"]),
    "network": st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=180).map("Ours ; {}".format),
    "lagThreshold": st.integers(1, MAX_LAG_THRESHOLD).map(str),
    "sustainSeconds": st.integers(1, 86_400_000).map(write_thousandths),
    "minReplicas": st.integers(0, 20).map(str),
    "maxReplicas": st.integers(0, 20).map(str),
    "metric": st.sampled_from([metric for metric in Metric if metric not in REQUEST_METRICS]).map(str),
    "statsPort": st.integers(1, 65535).map(str),
    "targetValue": st.integers(1, 10**12).map(write_thousandths),
}
NEARLY_GOOD = st.builds(
    lambda source, target, rest, odd: {**source, "targetReplicas": target, **rest, **odd},
    st.sampled_from([SERVICE, NODES, POOL]),
    st.integers(0, 20).map(str),
    st.fixed_dictionaries({}, optional=GOOD),
    st.one_of(st.just({}), st.dictionaries(st.sampled_from(KEYS), WORDS, max_size=2)),
)


def judge(metadata: dict[str, str], *, allow: bool) -> Trigger | str:
    try:
        return parse_trigger("stellar", metadata, allow_static_nodes=allow)
    except TriggerError as error:
        return str(error)


def check(trigger: Trigger, *, allow: bool) -> None:
    """Check that what has been let in is within every bound."""
    fleet, bounds = trigger.fleet, trigger.fleet.bounds
    assert 0 <= bounds.minimum <= bounds.target <= bounds.maximum <= MAX_REPLICAS
    assert 1 <= fleet.lag_threshold <= MAX_LAG_THRESHOLD
    assert MIN_SUSTAIN_SECONDS <= fleet.sustain_seconds <= MAX_SUSTAIN_SECONDS
    assert MIN_TARGET_VALUE <= trigger.target_value <= MAX_TARGET_VALUE
    assert fleet.probe not in {ProbeKind.ARCHIVE, ProbeKind.GATE}
    assert ProbeKind.GATE not in {reference.kind for reference in fleet.references}
    assert fleet.stats_port is None or isinstance(fleet.stats_port, str) or 1 <= fleet.stats_port <= 65535
    assert fleet.network is None or 0 < len(fleet.network) <= 200
    assert len(set(fleet.references)) == len(fleet.references) <= MAX_REFERENCES
    assert trigger.metric in Metric
    match fleet.source:
        case NodesSource(urls):
            assert 0 < len(urls) == len(set(urls)) <= MAX_NODES
            assert allow
        case ServiceSource(_, int(port)):
            assert 1 <= port <= 65535
        case ServiceSource(name) | PoolSource(name):
            assert 0 < len(name) < 64
            assert "." not in name
    assert allow or not fleet.references


@given(metadata=st.one_of(METADATA, NEARLY_GOOD), allow=st.booleans())
def test_any_metadata_parses_within_bounds_or_is_refused_by_a_short_sentence_that_names_a_key(
    metadata: dict[str, str], *, allow: bool
) -> None:
    answer = judge(metadata, allow=allow)
    if isinstance(answer, Trigger):
        check(answer, allow=allow)
        return
    assert len(answer) < 400
    assert answer.isprintable()
    subject = answer.partition(":")[0]
    known = {*KEYS, "service, nodes, pool"}
    assert subject in known or any(answer.startswith(repr(key)[:-1]) for key in metadata)


@given(st.one_of(METADATA, NEARLY_GOOD), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_neither_the_trigger_nor_the_sentence(metadata: dict[str, str], chance: Any) -> None:
    shuffled = dict(chance.sample(sorted(metadata.items()), len(metadata)))
    assert judge(shuffled, allow=True) == judge(metadata, allow=True)


@given(NEARLY_GOOD, st.sampled_from(KEYS))
def test_from_env_never_changes_what_a_trigger_means(metadata: dict[str, str], key: str) -> None:
    renamed = {f"{name}FromEnv" if name == key else name: value for name, value in metadata.items()}
    assert judge(renamed, allow=True) == judge(metadata, allow=True)


@given(st.fixed_dictionaries({}, optional={key: values for key, values in GOOD.items() if "Replicas" not in key}))
def test_good_values_always_get_in(rest: dict[str, str]) -> None:
    if rest.get("metric", "desiredReplicas") == "desiredReplicas":
        rest = {**rest, "targetValue": "1"}
    check(parse({**SERVICE, **rest}, allow=False), allow=False)
