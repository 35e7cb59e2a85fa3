"""A simulated node: each of Core's eight traps, the sequence of a catch-up, and that all comes from its seed."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readpool.simulator.core_info import CoreInfo, CoreState, render_info
from readpool.simulator.network import UNKNOWN_HASH, Network, NetworkSettings
from readpool.simulator.node import Node, NodeSettings, Phase

START = 1_795_476_000.0
ACCELERATED = NetworkSettings(ledger_seconds=1.0, checkpoint_ledgers=8, first_ledger=200)
REAL = NetworkSettings(ledger_seconds=5.0, checkpoint_ledgers=64, first_ledger=220)


def make_node(
    network: NetworkSettings = ACCELERATED, settings: NodeSettings | None = None, *, fresh: bool = False
) -> Node:
    return Node("pool-0", Network(network, START), settings or NodeSettings(bucket_seconds=6.0), START, fresh=fresh)


def watch(node: Node, until: float, since: float = 0.0, every: float = 0.25) -> list[CoreInfo]:
    steps = int((until - since) / every)
    return [node.info(START + since + step * every) for step in range(steps + 1)]


def find_states(infos: list[CoreInfo]) -> list[str]:
    states = [str(info.state) for info in infos]
    return [state for i, state in enumerate(states) if i == 0 or states[i - 1] != state]


def test_a_settled_node_follows_within_a_ledger_and_hears_one_less_than_the_network() -> None:
    node = make_node()
    for info in watch(node, 60.0):
        assert info.state is CoreState.SYNCED
        assert info.heard is not None
        assert info.heard.ledger - info.ledger.num in {-1, 0}
        assert info.ledger.age <= 2


def test_trap_1_a_node_that_was_stopped_says_synced_while_it_lags_at_a_constant_age() -> None:
    node = make_node()
    node.stop(START + 60)
    node.resume(START + 130)
    joining, *backlog = watch(node, 195.0, since=130.0, every=5.0)
    assert joining.state is CoreState.JOINING
    assert {info.state for info in backlog} == {CoreState.SYNCED}
    assert {info.ledger.age for info in backlog} <= {69, 70, 71}
    assert {info.heard.ledger - info.ledger.num for info in backlog if info.heard} == {-1}
    gained = backlog[-1].ledger.num - backlog[0].ledger.num
    assert 59 <= gained <= 61
    assert node.network.tip(START + 230) - node.info(START + 230).ledger.num <= 1


@pytest.mark.parametrize(("moment", "state", "num"), [(0.1, CoreState.BOOTING, 0), (1.5, CoreState.JOINING, 1)])
def test_trap_2_a_new_node_reports_age_0_and_close_time_0(moment: float, state: CoreState, num: int) -> None:
    info = make_node(fresh=True).info(START + moment)
    assert (info.state, info.ledger.num, info.ledger.close_time, info.ledger.age) == (state, num, 0, 0)
    assert (info.ledger.hash == UNKNOWN_HASH) is (state is CoreState.BOOTING)


def test_trap_3_in_a_halted_network_nodes_say_synced_for_35_seconds_then_joining_and_go_on_at_once() -> None:
    node = make_node()
    node.network.halt(START + 60)
    halted = watch(node, 120.0, since=61.0)
    assert find_states(halted) == ["Synced!", "Joining SCP"]
    assert {info.ledger.num for info in halted} == {260}
    assert 34 <= next(info.ledger.age for info in halted if info.state is CoreState.JOINING) <= 36
    assert halted[-1].ledger.age == 60
    node.network.resume(START + 120)
    assert node.info(START + 122.5).state is CoreState.SYNCED
    assert node.info(START + 122.5).ledger.num >= 261


def test_trap_4_what_it_hears_is_there_while_it_catches_up_and_absent_before() -> None:
    for info in watch(make_node(fresh=True), 20.0):
        is_early = info.state in {CoreState.BOOTING, CoreState.CONNECTED, CoreState.JOINING}
        assert (info.heard is None) is is_early
        assert info.heard is None or info.heard.ledger > info.ledger.num - 2


def test_trap_5_status_is_absent_when_empty_and_stale_while_synced() -> None:
    infos = watch(make_node(fresh=True), 30.0)
    assert all(info.status == () for info in infos if info.state in {CoreState.BOOTING, CoreState.JOINING})
    synced = [info.status for info in infos if info.state is CoreState.SYNCED]
    assert "Applying buffered ledgers: apply ledger" in synced[0][0]
    assert synced[-1] == ()


def test_trap_5_a_replay_counts_its_checkpoints_down() -> None:
    node = make_node(settings=NodeSettings(replays_all=True), fresh=True)
    lines = [line for info in watch(node, 60.0) for line in info.status]
    replay = list(dict.fromkeys(line.rpartition(": ")[2] for line in lines if "to ledger 199" in line))
    assert "num checkpoints left to apply:25 (0% done)" in "\n".join(lines)
    assert any(line.startswith("num checkpoints left") or "left to apply:1 (96% done)" in line for line in lines)
    assert replay[-1] == "catchup-seq"


def test_trap_6_a_stopped_node_is_frozen_whatever_is_asked() -> None:
    node = make_node()
    node.stop(START + 10)
    assert node.is_stopped
    assert node.info(START + 100).ledger.num == node.info(START + 11).ledger.num


@pytest.mark.parametrize(
    ("away_seconds", "connected_seconds", "states"),
    [
        pytest.param(5, 2, ["Booting", "Connected", "Synced!"], id="its peers remember what it missed"),
        pytest.param(25, 35, ["Booting", "Connected", "Catching up", "Synced!"], id="only the archives do"),
        pytest.param(100, 35, ["Booting", "Connected", "Catching up", "Synced!"], id="long away"),
    ],
)
def test_trap_7_a_restart_is_connected_with_num_frozen_before_it_catches_up(
    away_seconds: int, connected_seconds: int, states: list[str]
) -> None:
    node = make_node()
    node.die(START + 60)
    ledger = node.ledger
    node.start(START + 60 + away_seconds)
    infos = watch(node, 200.0 + away_seconds, since=60.0 + away_seconds)
    connected = [info for info in infos if info.state is CoreState.CONNECTED]
    assert find_states(infos) == states
    assert abs(len(connected) * 0.25 - connected_seconds) < 1.0
    assert {info.ledger.num for info in connected} == {ledger}


def test_trap_7_a_new_node_of_a_real_network_waits_for_the_next_checkpoint() -> None:
    node = make_node(REAL, fresh=True)  # ledger 220: the next checkpoint is 255, its trigger 257
    infos = watch(node, 400.0)
    waiting = [info.status[0] for info in infos if info.status and "Waiting" in info.status[0]]
    assert waiting[0] == "Waiting for trigger ledger: 220/257, ETA: 185s"
    assert waiting[-1] == "Waiting for trigger ledger: 256/257, ETA: 5s"
    assert find_states(infos)[-2:] == ["Catching up", "Synced!"]


def test_trap_8_a_young_node_has_no_soroban_size() -> None:
    infos = watch(make_node(fresh=True), 40.0)
    assert all(info.ledger.max_soroban_tx_set_size is None for info in infos if info.ledger.num <= 1)
    assert infos[-1].ledger.max_soroban_tx_set_size == 1


def test_a_node_without_time_for_ledgers_lags_and_recovers_once_it_has() -> None:
    node = make_node()
    node.set_utilization(0.95, START)
    assert node.network.tip(START + 60) - node.info(START + 60).ledger.num == 30
    assert node.info(START + 60).state is CoreState.SYNCED
    node.set_utilization(0.0, START + 60)
    assert node.network.tip(START + 70) - node.info(START + 70).ledger.num <= 1


def test_an_impossible_utilization_is_refused() -> None:
    with pytest.raises(ValueError, match=r"utilization is 1\.5"):
        make_node().set_utilization(1.5, START)


def test_a_liar_keeps_its_lead_and_calls_it_new() -> None:
    node = make_node()
    node.claimed_lead = 5000
    info = node.info(START + 60)
    assert info.ledger.num >= 5259
    assert (info.ledger.age, info.ledger.close_time) == (0, int(START + 60))


COMMANDS: dict[str, Callable[[Node, float], None]] = {
    "stop": Node.stop,
    "resume": Node.resume,
    "die": Node.die,
    "start": Node.start,
    "load": lambda node, now: node.set_utilization(0.97, now),
    "idle": lambda node, now: node.set_utilization(0.0, now),
    "halt": lambda node, now: node.network.halt(now),
    "unhalt": lambda node, now: node.network.resume(now),
}
STORIES = st.lists(st.tuples(st.sampled_from(sorted(COMMANDS)), st.floats(0.0, 60.0)), max_size=8)


def play(node: Node, story: list[tuple[str, float]], ask_every: float | None) -> float:
    now = START
    for command, wait in story:
        end = now + wait
        while ask_every is not None and (now := now + ask_every) < end:
            node.info(now)
        now = end
        COMMANDS[command](node, now)
    return now


@given(STORIES, st.booleans(), st.integers(0, 3), st.floats(0.1, 90.0))
def test_the_same_seed_and_story_give_the_same_bytes_however_often_it_is_asked(
    story: list[tuple[str, float]], fresh: bool, seed: int, rest: float
) -> None:
    network = NetworkSettings(ledger_seconds=1.0, checkpoint_ledgers=8, first_ledger=200, seed=seed)
    quiet, asked = make_node(network, fresh=fresh), make_node(network, fresh=fresh)
    now = play(quiet, story, None)
    assert play(asked, story, 0.7) == now
    assert render_info(quiet.info(now + rest)) == render_info(asked.info(now + rest))


@given(STORIES, st.booleans())
def test_no_story_brings_it_ahead_of_its_network_or_back(story: list[tuple[str, float]], fresh: bool) -> None:
    node = make_node(fresh=fresh)
    now, last = START, node.ledger
    for command, wait in story:
        for moment in (now + wait / 2, now + wait):
            info = node.info(moment)
            assert info.ledger.num <= node.network.tip(moment)
            assert node.ledger >= last
            assert info.ledger.age >= 0
            last = node.ledger
        now += wait
        COMMANDS[command](node, now)


@given(st.permutations(["pool-0", "pool-1", "pool-2"]))
def test_nodes_do_not_depend_on_the_order_in_which_they_are_made_or_asked(order: list[str]) -> None:
    network = Network(ACCELERATED, START)
    nodes = {name: Node(name, network, NodeSettings(), START) for name in order}
    answers = {name: render_info(nodes[name].info(START + 33.3)) for name in order}
    assert answers == {
        name: render_info(Node(name, Network(ACCELERATED, START), NodeSettings(), START).info(START + 33.3))
        for name in sorted(order)
    }


def test_nodes_differ_in_who_they_are_and_when_they_started() -> None:
    network = Network(ACCELERATED, START)
    infos = [Node(f"pool-{n}", network, NodeSettings(), START).info(START) for n in range(5)]
    assert len({info.node_id for info in infos}) == 5
    assert len({info.started_on for info in infos}) == 5


def test_a_restart_gives_a_new_key_and_start() -> None:
    node = make_node()
    before = node.info(START + 1)
    node.die(START + 2)
    assert node.phase is Phase.DEAD
    node.start(START + 5)
    after = node.info(START + 6)
    assert after.started_on == START + 5
    assert after.node_id != before.node_id
