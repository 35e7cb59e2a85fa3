"""scalerMetadata at the door: what gets in, as what, and with which sentence the rest is refused."""

import re

import pytest

from scaler.policy.policy import Bounds
from scaler.probes.kinds import ProbeKind
from scaler.triggers.fleet_spec import FleetSpec, NodesSource, PoolSource, Reference, ServiceSource
from scaler.triggers.metric import Metric
from scaler.triggers.trigger import Trigger, parse_trigger
from scaler.triggers.trigger_values import TriggerError

SERVICE = {"service": "core", "port": "11626", "targetReplicas": "3"}
NODES = {"nodes": "http://10.0.0.1:11626", "targetReplicas": "3"}
POOL = {"pool": "core"}
NODES_KEYS = (
    "nodes, statsPort, probe, network, references, lagThreshold, sustainSeconds, "
    "targetReplicas, minReplicas, maxReplicas, metric, targetValue"
)


def parse(metadata: dict[str, str], *, allow: bool = True) -> Trigger:
    return parse_trigger("stellar", metadata, allow_static_nodes=allow)


def refuse(metadata: dict[str, str], *, allow: bool = True) -> str:
    with pytest.raises(TriggerError) as refusal:
        parse(metadata, allow=allow)
    return str(refusal.value)


def test_a_service_with_what_is_required_gets_the_documented_defaults() -> None:
    assert parse(SERVICE, allow=False) == Trigger(
        FleetSpec(
            namespace="stellar",
            source=ServiceSource("core", 11626),
            bounds=Bounds(3, 3, 12),
            probe=ProbeKind.CORE,
            network=None,
            references=(),
            lag_threshold=1000,
            sustain_seconds=60.0,
        ),
        Metric.DESIRED_REPLICAS,
        1.0,
    )


def test_every_key_that_is_given_is_taken() -> None:
    metadata = {
        "nodes": "http://10.0.0.2:11626 , https://10.0.0.1/core",
        "probe": "horizon",
        "network": " Testnet ",
        "references": "rpc=http://r:8000,archive=https://a/x,archive=https://b",
        "lagThreshold": "12",
        "sustainSeconds": "7.5",
        "statsPort": "11629",
        "targetReplicas": "4",
        "minReplicas": "0",
        "maxReplicas": "9",
        "metric": "p90Lag",
        "targetValue": "0.5",
    }
    archives = (Reference(ProbeKind.ARCHIVE, "https://a/x"), Reference(ProbeKind.ARCHIVE, "https://b"))
    assert parse(metadata) == Trigger(
        FleetSpec(
            namespace="stellar",
            source=NodesSource(("http://10.0.0.2:11626", "https://10.0.0.1/core")),
            bounds=Bounds(0, 4, 9),
            probe=ProbeKind.HORIZON,
            network="Test SDF Network ; September 2015",
            references=(*archives, Reference(ProbeKind.RPC, "http://r:8000")),
            lag_threshold=12,
            sustain_seconds=7.5,
            stats_port=11629,
        ),
        Metric.P90_LAG,
        0.5,
    )


def test_a_pool_brings_its_own_bounds() -> None:
    trigger = parse({**POOL, "metric": "maxLag", "targetValue": "2"}, allow=False)
    assert trigger == Trigger(FleetSpec("stellar", PoolSource("core"), Bounds(0, 0, 0)), Metric.MAX_LAG, 2.0)


@pytest.mark.parametrize("metric", list(Metric))
def test_every_metric_can_be_asked_for(metric: Metric) -> None:
    assert parse({**SERVICE, "statsPort": "stats", "metric": metric.value}).metric is metric
    assert parse({**POOL, "metric": metric.value}).metric is metric


@pytest.mark.parametrize(
    ("network", "passphrase"),
    [
        ("Mainnet", "Public Global Stellar Network ; September 2015"),
        ("Testnet", "Test SDF Network ; September 2015"),
        ("Futurenet", "Test SDF Future Network ; October 2022"),
        ("testnet", "Test SDF Network ; September 2015"),
        ("TESTNET", "Test SDF Network ; September 2015"),
        ("test-net", "Test SDF Network ; September 2015"),
        ("pubnet", "Public Global Stellar Network ; September 2015"),
        ("PubNet", "Public Global Stellar Network ; September 2015"),
        ("public", "Public Global Stellar Network ; September 2015"),
        ("Public Network", "Public Global Stellar Network ; September 2015"),
        ("public global stellar network; september 2015", "Public Global Stellar Network ; September 2015"),
        ("Test SDF Network; September 2015", "Test SDF Network ; September 2015"),
        ("future", "Test SDF Future Network ; October 2022"),
        ("standalone", "Standalone Network ; February 2017"),
        ("local", "Standalone Network ; February 2017"),
        ("Stellar Mainnet", "Public Global Stellar Network ; September 2015"),
        ("stellar-pubnet", "Public Global Stellar Network ; September 2015"),
        ("Public Global Stellar Network", "Public Global Stellar Network ; September 2015"),
        ("SDF Testnet", "Test SDF Network ; September 2015"),
        ("Test SDF Network", "Test SDF Network ; September 2015"),
        ("stellar testnet network", "Test SDF Network ; September 2015"),
        ("Test SDF Future Network", "Test SDF Future Network ; October 2022"),
        ("Standalone Network", "Standalone Network ; February 2017"),
        ("Test SDF Network ; January 2030", "Test SDF Network ; January 2030"),
        ("Stellar Network of ours", "Stellar Network of ours"),
        ("passphrase:pubnett", "pubnett"),
        ("Ours ; 2026", "Ours ; 2026"),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_network_is_a_public_ones_name_or_a_passphrase(network: str, passphrase: str) -> None:
    assert parse({**SERVICE, "network": network}).fleet.network == passphrase


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        ({"targetReplicas": "0"}, Bounds(0, 0, 0)),
        ({"targetReplicas": "1"}, Bounds(1, 1, 4)),
        ({"targetReplicas": "5000"}, Bounds(5000, 5000, 5000)),
        ({"targetReplicas": "2000"}, Bounds(2000, 2000, 5000)),
        ({"targetReplicas": "5", "minReplicas": "0"}, Bounds(0, 5, 20)),
        ({"targetReplicas": "5", "maxReplicas": "5"}, Bounds(5, 5, 5)),
        ({"targetReplicas": "0", "maxReplicas": "2"}, Bounds(0, 0, 2)),
        ({"targetReplicas": "007", "minReplicas": "01", "maxReplicas": "0010"}, Bounds(1, 7, 10)),
    ],
)
def test_bounds_that_are_not_given_follow_the_target(given: dict[str, str], bounds: Bounds) -> None:
    assert parse({**SERVICE, **given}).fleet.bounds == bounds


@pytest.mark.parametrize(
    ("port", "taken"),
    [("1", 1), ("65535", 65535), ("http", "http"), ("a", "a"), ("8x", "8x"), ("query-port-1234", "query-port-1234")],
)
def test_a_port_is_a_number_or_a_name(port: str, taken: int | str) -> None:
    assert parse({**SERVICE, "port": port}).fleet.source == ServiceSource("core", taken)
    assert parse({**SERVICE, "statsPort": port}).fleet.stats_port == taken


def test_kedas_own_keys_are_let_through_either_way() -> None:
    keda = {"scalerAddress": "scaler:9090", "enableTLS": "true", "unsafeSsl": "false", "scalerAddressFromEnv": "X"}
    keda |= {"tlsCertFile": "/tls/ca.crt", "caCert": "x", "tlsClientCert": "y", "tlsClientKeyFromEnv": "Z"}
    assert parse({**SERVICE, **keda}) == parse(SERVICE)


@pytest.mark.parametrize("key", SERVICE)
def test_a_key_from_the_environment_is_the_key(key: str) -> None:
    metadata = {f"{name}FromEnv" if name == key else name: value for name, value in SERVICE.items()}
    assert parse(metadata) == parse(SERVICE)


def test_the_order_of_nodes_and_references_makes_no_other_fleet() -> None:
    one = {**NODES, "nodes": "http://a,http://b", "references": "core=http://c,horizon=http://d"}
    other = {**NODES, "nodes": "http://b,http://a", "references": "horizon=http://d,core=http://c"}
    assert parse(one) == parse(other)


def test_a_reference_may_share_its_address_with_one_of_another_kind() -> None:
    both = parse({**NODES, "references": "core=http://c,archive=http://c"}).fleet.references
    assert both == (Reference(ProbeKind.ARCHIVE, "http://c"), Reference(ProbeKind.CORE, "http://c"))


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, "service, nodes, pool: exactly one of them is required, none given"),
    "two sources": (
        {**SERVICE, **POOL},
        "service, nodes, pool: exactly one of them is required, service and pool given",
    ),
    "an unknown key": ({**SERVICE, "maxreplicas": "3"}, "'maxreplicas': unknown key; allowed keys are "),
    "an unknown key from the environment": ({**SERVICE, "xFromEnv": ""}, "'xFromEnv': unknown key"),
    "only the suffix": ({**SERVICE, "FromEnv": "x"}, "'FromEnv': unknown key"),
    "an empty key": ({**SERVICE, "": "x"}, "'': unknown key"),
    "the suffix twice": ({**SERVICE, "metricFromEnvFromEnv": "x"}, "'metricFromEnvFromEnv': unknown key"),
    "a key twice": ({**SERVICE, "portFromEnv": "1"}, "port: given twice, once as portFromEnv"),
    "no port": ({"service": "core", "targetReplicas": "1"}, "port: required"),
    "no target": ({"service": "core", "port": "1"}, "targetReplicas: required"),
    "a port with nodes": (
        {**NODES, "port": "1"},
        f"port: '1' is not allowed with nodes; allowed keys are {NODES_KEYS}",
    ),
    "a stats port by name with nodes": (
        {**NODES, "statsPort": "stats"},
        "statsPort: 'stats' is not allowed with nodes, whose ports have no names; use a number",
    ),
    "a stats port that is none": ({**NODES, "statsPort": "65536"}, "statsPort: '65536' is not allowed; it must be"),
    "a stats port with a pool": ({**POOL, "statsPort": "1"}, "statsPort: '1' is not allowed with pool"),
    "a gate as reference": ({**NODES, "references": "gate=http://a"}, "references: 'gate=http://a' is not allowed"),
    "a gate as node": ({**NODES, "probe": "gate"}, "probe: 'gate' is not allowed; it must be one of core, rpc"),
    "a metric of readers that nobody tells of": (
        {**SERVICE, "metric": "requestErrorPercent"},
        "statsPort: required for metric requestErrorPercent, which the gates report on that port",
    ),
    "bounds with a pool": (
        {**POOL, "targetReplicas": "3"},
        "targetReplicas: '3' is not allowed with pool, which defines bounds and thresholds itself; allowed keys",
    ),
    "a target under the least": (
        {**SERVICE, "minReplicas": "4"},
        "targetReplicas: 3 must be between minReplicas (4) and maxReplicas (12)",
    ),
    "a target over the most": (
        {**SERVICE, "maxReplicas": "2"},
        "targetReplicas: 3 must be between minReplicas (3) and maxReplicas (2)",
    ),
    "a node twice": (
        {**NODES, "nodes": "http://a:1,http://b:1,http://a:1"},
        "nodes: 'http://a:1' is listed twice",
    ),
    "a node twice by another spelling": (
        {**NODES, "nodes": "http://a,HTTP://A:80/"},
        "nodes: 'HTTP://A:80/' is listed twice",
    ),
    "a reference twice": (
        {**NODES, "references": "core=http://a,core=http://a/"},
        "references: 'http://a/' is listed twice",
    ),
    "too many nodes": (
        {**NODES, "nodes": ",".join(f"http://n{number}" for number in range(5001))},
        "nodes: 5001 URLs given; at most 5000 are allowed",
    ),
    "too many references": (
        {**NODES, "references": ",".join(f"core=http://n{number}" for number in range(9))},
        "references: 9 given; at most 8 are allowed",
    ),
    "a reference of no kind": (
        {**NODES, "references": "http://a"},
        "references: 'http://a' is not allowed; it must be KIND=URL with a kind of core, rpc, horizon, archive",
    ),
    "a network's name that nobody has given": (
        {**SERVICE, "network": "pubnett"},
        "network: 'pubnett' is not allowed; it must be Mainnet (also pubnet, public), Testnet, Futurenet,",
    ),
    "an escape without a passphrase": ({**SERVICE, "network": "passphrase:"}, "network: 'passphrase:' is not allowed"),
    "a target value beside the number itself": (
        {**SERVICE, "targetValue": "5"},
        "targetValue: 5 is not allowed with metric desiredReplicas, which is the number of replicas",
    ),
    "a target value beside a pool's number itself": ({**POOL, "targetValue": "0.5"}, "targetValue: 0.5 is not allowed"),
    "no references": ({**NODES, "references": ""}, "references: '' is not allowed; it must be KIND=URL"),
}


@pytest.mark.parametrize(("metadata", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_together_is_refused_with_the_key_and_what_is_allowed(
    metadata: dict[str, str], message: str
) -> None:
    assert refuse(metadata).startswith(message)


def test_addresses_of_a_tenants_choice_need_the_operators_consent() -> None:
    assert re.match(r"nodes: not allowed.*--allow-static-nodes", refuse(NODES, allow=False))
    assert re.match(
        r"references: not allowed.*--reference", refuse({**SERVICE, "references": "core=http://a"}, allow=False)
    )


@pytest.mark.parametrize("namespace", ["", ".", "a.b", "A", "-a", "a/b", "kube-system.svc.evil.example", "x" * 64, "ä"])
def test_a_namespace_that_none_can_have_is_refused(namespace: str) -> None:
    with pytest.raises(TriggerError, match=r"^namespace: .* is not allowed; it must be a name of lower-case letters"):
        parse_trigger(namespace, SERVICE, allow_static_nodes=False)


def test_of_two_faults_the_same_one_is_told_whatever_the_order() -> None:
    doubled = {**SERVICE, "portFromEnv": "1", "metric": "maxLag", "metricFromEnv": "maxLag"}
    assert refuse(doubled) == refuse(dict(reversed(doubled.items())))
    unknown = {"a": "", "b": "", "c": ""}
    assert refuse(unknown).startswith("'a': unknown key")
