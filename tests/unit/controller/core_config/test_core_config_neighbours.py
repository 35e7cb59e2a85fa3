"""Which replicas of its pool a replica connects to first, and what a pool may say of its peers."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core_config.core_config import ConfigError, CoreSettings
from controller.core_config.neighbours import MOST_NEIGHBOURED, MOST_NEIGHBOURS, choose_neighbours
from controller.gate.gate import choose_ports
from controller.resources.network_policy import build_network_policy
from tests.unit.core_configs import OWN_QUORUM, A, build
from tests.unit.observed_pools import SETTINGS, build_pool


def build_peers(override: str = "", ordinal: int = 5) -> list[str]:
    settings = CoreSettings(archives=(A,), override=override, pool="reads", namespace="stellar")
    peers: list[str] = build(settings, ordinal=ordinal).get("PREFERRED_PEERS", [])
    return peers


def test_a_replica_remembers_more_than_by_default_and_prefers_a_few_of_its_pool() -> None:
    config = build(CoreSettings(pool="reads", namespace="stellar"), ordinal=5)
    assert config["MAX_SLOTS_TO_REMEMBER"] == 100
    assert config["PREFERRED_PEERS"] == [f"reads-{one}.reads-nodes.stellar.svc:11625" for one in (4, 3, 2)]


def test_the_networks_own_validators_stay_among_the_peers() -> None:
    config = build(CoreSettings(pool="reads"), ordinal=5)
    assert all(one["ADDRESS"] for one in config["VALIDATORS"])
    own = build(CoreSettings(archives=(A,), override=OWN_QUORUM))
    assert own["KNOWN_PEERS"]
    assert own["PREFERRED_PEERS"]


def test_however_large_a_pool_is_no_replica_has_many_peers_of_it() -> None:
    largest = 5000
    chosen = [choose_neighbours(ordinal) for ordinal in range(largest)]
    assert max(map(len, chosen)) <= MOST_NEIGHBOURS
    assert max(Counter(one for some in chosen for one in some).values()) <= MOST_NEIGHBOURED
    assert all(ordinal not in some for ordinal, some in enumerate(chosen))


@given(st.integers(2, 2500))
def test_whoever_joins_asks_one_that_was_there_before_even_where_a_pool_doubles(size: int) -> None:
    assert all(min(choose_neighbours(ordinal)) < size for ordinal in range(size, 2 * size))


def test_any_two_replicas_of_a_large_pool_are_a_few_hops_apart() -> None:
    hops = {0: 0}
    for ordinal in range(1, 1000):
        hops[ordinal] = 1 + min(hops[one] for one in choose_neighbours(ordinal) if one < ordinal)
    assert max(hops.values()) <= 10


@pytest.mark.parametrize(
    ("override", "most"),
    [
        pytest.param("", 3, id="Core's default of eight"),
        pytest.param("TARGET_PEER_CONNECTIONS = 20", 3, id="more peers"),
        pytest.param("TARGET_PEER_CONNECTIONS = 4", 2, id="few peers"),
        pytest.param("TARGET_PEER_CONNECTIONS = 1", 0, id="one peer, which is the network's"),
    ],
)
def test_at_least_half_of_the_peers_are_the_networks(override: str, most: int) -> None:
    assert len(build_peers(override)) == most


@pytest.mark.parametrize(
    "override",
    ['PREFERRED_PEERS = ["a:1"]', 'PREFERRED_PEERS = ["a:1"]\nPREFERRED_PEERS_ONLY = true'],
)
def test_peers_that_the_pool_names_take_the_place_of_ours(override: str) -> None:
    assert build_peers(override) == ["a:1"]


@pytest.mark.parametrize("slots", [12, 300])
def test_how_much_is_remembered_is_the_pools_to_say(slots: int) -> None:
    assert build(CoreSettings(override=f"MAX_SLOTS_TO_REMEMBER = {slots}"))["MAX_SLOTS_TO_REMEMBER"] == slots


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("MAX_SLOTS_TO_REMEMBER = 3", "MAX_SLOTS_TO_REMEMBER is 3 and must be at least 12"),
        ("MAX_SLOTS_TO_REMEMBER = -1", "MAX_SLOTS_TO_REMEMBER is -1 and"),
        ("MAX_SLOTS_TO_REMEMBER = true", "MAX_SLOTS_TO_REMEMBER is True and"),
        ('MAX_SLOTS_TO_REMEMBER = "many"', "MAX_SLOTS_TO_REMEMBER is 'many' and"),
        ("TARGET_PEER_CONNECTIONS = 0", "TARGET_PEER_CONNECTIONS is 0 and must be at least 1"),
        ("TARGET_PEER_CONNECTIONS = 2.5", "TARGET_PEER_CONNECTIONS is 2.5 and"),
        ("PREFERRED_PEERS_ONLY = true", "PREFERRED_PEERS_ONLY requires PREFERRED_PEERS"),
        ("PREFERRED_PEERS_ONLY = true\nPREFERRED_PEERS = []", "PREFERRED_PEERS_ONLY requires PREFERRED_PEERS"),
    ],
)
def test_what_contradicts_is_refused_with_a_sentence(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^coreConfigOverride: {message}"):
        build(CoreSettings(override=override))


def test_replicas_reach_the_peer_ports_of_each_other() -> None:
    pool = build_pool()
    ports = choose_ports(pool.spec, SETTINGS.gate_image)
    policy = build_network_policy(pool, ports, SETTINGS)
    open_to_all = [rule for rule in policy["spec"]["ingress"] if "from" not in rule]
    assert any(port["port"] == ports.peer for rule in open_to_all for port in rule["ports"])
