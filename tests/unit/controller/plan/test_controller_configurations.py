"""Each replica's configuration: what stalls a pool, and which change of it a restart is worth."""

import re
from dataclasses import replace
from typing import Any

import pytest

from controller.observed.drift import compute_hash
from controller.observed.failures import Failure
from controller.observed.observed import ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.configurations import (
    Configurations,
    build_configurations,
    choose_config_hash,
    choose_texts,
    hash_configuration,
    runs_another,
)
from controller.plan.plan import plan_pool
from controller.replicas.replicas import read_replicas
from controller.resources.config_map import build_config_map
from devtools.pools.pool_manifests import ARCHIVE
from readpool.kubernetes.kinds import CONFIG_MAP, ObjectKey
from tests.unit.observed_pools import FRESH, NOW, SETTINGS, build_pod, build_pool, index, observe
from tests.unit.pool_world import STATEFUL_SET_KEY, PoolWorld


def build(observed: ObservedPool, wanted: int = 2, settings: PlanSettings = SETTINGS) -> Configurations:
    return build_configurations(observed, wanted, {}, settings)


def hold(observed: ObservedPool, texts: Any, noted: str | None = None) -> ObservedPool:
    """Put these texts into the ConfigMap, and a hash into the pod."""
    pod = build_pod(observed.pool, 0, annotations={} if noted is None else {"stellar.org/config": noted})
    return replace(observed, children=index([build_config_map(observed.pool, texts)]), pods=(pod,))


def test_each_replica_that_is_wanted_has_a_file_of_its_own() -> None:
    texts = build(observe(build_pool())).texts
    assert list(texts) == ["pool-0", "pool-1"]
    assert "# Replica 1." in texts["pool-1"]
    config_map = build_config_map(build_pool(), texts)
    assert config_map["data"].keys() == {"pool-0.cfg", "pool-1.cfg"}


STALLS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an override that moves a port": (
        {"coreConfigOverride": "HTTP_PORT = 1\n"},
        "InvalidConfiguration",
        "coreConfigOverride: HTTP_PORT",
    ),
    "a network of which nothing is known": (
        {"network": "Custom", "networkPassphrase": "x", "historyArchiveUrls": [ARCHIVE]},
        "InvalidConfiguration",
        "QUORUM_SET",
    ),
    "more than a ConfigMap holds": (
        {"coreConfigOverride": f'NOTES = "{"x" * 60_000}"\n'},
        "ConfigurationTooLarge",
        "A ConfigMap has room for the configurations of only",
    ),
}
LONG = {"coreConfigOverride": f'NOTES = "{"x" * 60_000}"\n'}


@pytest.mark.parametrize(("spec", "reason", "part"), STALLS.values(), ids=STALLS.keys())
def test_a_pool_stalls_over(spec: dict[str, Any], reason: str, part: str) -> None:
    found = build_configurations(observe(build_pool(**spec)), 20, {}, SETTINGS, running=20)
    assert (found.texts, found.is_complete) == ({}, False)
    assert found.stalled is not None
    assert found.stalled[0] == reason
    assert part in found.stalled[1]


def test_a_network_that_the_installation_does_not_know_is_refused() -> None:
    found = build(observe(build_pool()), settings=PlanSettings({}))
    assert found.stalled == ("InvalidConfiguration", "network: Testnet is not a network that this controller knows")


def test_a_pod_is_noted_once_with_what_the_config_map_holds() -> None:
    observed = observe(build_pool(), FRESH)
    texts = build(observed, 1).texts
    held = hold(observed, texts)
    assert choose_config_hash(held, read_replicas(held)[0]) == hash_configuration(texts["pool-0"])
    noted = hold(observed, texts, "before")
    assert choose_config_hash(noted, read_replicas(noted)[0]) == "before"
    assert choose_config_hash(observed, read_replicas(observed)[0]) is None


@pytest.mark.parametrize(
    ("noted", "is_written", "runs"),
    [
        pytest.param("other", True, True, id="it started with another one"),
        pytest.param("other", False, True, id="whether the new one is written or not"),
        pytest.param("same", True, False, id="it started with this one"),
        pytest.param(None, True, False, id="nobody has noted what it started with"),
    ],
)
def test_a_replica_runs_another_configuration_when(noted: str | None, is_written: bool, runs: bool) -> None:
    observed = observe(build_pool(), FRESH)
    texts = build(observed, 1).texts
    note = hash_configuration(texts["pool-0"]) if noted == "same" else noted
    held = hold(observed, texts if is_written else {"pool-0": "old"}, note)
    assert runs_another(read_replicas(held)[0], texts) is runs
    assert not runs_another(read_replicas(held)[0], {})


BEFORE = "# Replica 1, shard 2.\nA = 1\nCATCHUP_COMPLETE = false\nCATCHUP_RECENT = 4096\nB = 2\nC = 2026-01-01\n"
CHANGES = {
    "how much history a new volume replays": (BEFORE.replace("4096", "8192"), False),
    "whether a new volume replays all of it": (BEFORE.replace("false", "true"), False),
    "a comment": (BEFORE.replace("shard 2", "shard 3, ledgers 1-63"), False),
    "the order of keys": ("C = 2026-01-01\nB = 2\nA = 1\n", False),
    "a value": (BEFORE.replace("B = 2", "B = 3"), True),
    "a date": (BEFORE.replace("2026", "2027"), True),
    "a key of its own": (BEFORE + "D = 1\n", True),
    "a value that only looks like one of these": (BEFORE + 'X = "CATCHUP_RECENT = 1"\n', True),
    "what is no TOML": ("NO TOML", True),
}


@pytest.mark.parametrize(("text", "is_worth"), CHANGES.values(), ids=CHANGES.keys())
def test_a_restart_is_worth_what_core_can_notice(text: str, is_worth: bool) -> None:
    assert (hash_configuration(text) != hash_configuration(BEFORE)) is is_worth


def test_a_hash_that_an_older_controller_noted_restarts_nobody() -> None:
    observed = observe(build_pool(), FRESH)
    texts = build(observed, 1).texts
    stripped = re.sub(r"^CATCHUP_RECENT = [0-9]+\n", "", texts["pool-0"], flags=re.MULTILINE)
    held = hold(observed, texts, compute_hash(stripped))
    assert not runs_another(read_replicas(held)[0], texts)
    other = hold(observed, texts, compute_hash("another"))
    assert runs_another(read_replicas(other)[0], texts)


OLD, NEW = "A = 1\n", "A = 2\n"
KEPT = {
    "of a replica that runs the old one": (hash_configuration(OLD), {"pool-0": OLD}, None, False, OLD),
    "of the one whose turn it is, the new one": (hash_configuration(OLD), {"pool-0": OLD}, "pool-0", False, NEW),
    "of one that ends": (hash_configuration(OLD), {"pool-0": OLD}, None, True, NEW),
    "of one that runs the new one": (hash_configuration(NEW), {"pool-0": OLD}, None, False, NEW),
    "of one of which nobody has noted what it runs": (None, {"pool-0": OLD}, None, False, OLD),
    "what somebody else has written over it": (hash_configuration(OLD), {"pool-0": "broken"}, None, False, NEW),
    "of one that has none": (hash_configuration(OLD), {}, None, False, NEW),
}


@pytest.mark.parametrize(("noted", "live", "turn", "is_going", "text"), KEPT.values(), ids=KEPT.keys())
def test_a_replica_that_runs_keeps_its_file_until_its_turn(
    noted: str | None, live: dict[str, str], turn: str | None, is_going: bool, text: str
) -> None:
    held = hold(observe(build_pool(), FRESH), live, noted)
    if is_going:
        held.pods[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    chosen = choose_texts(held, read_replicas(held), {"pool-0": NEW, "pool-1": NEW}, turn)
    assert chosen == {"pool-0": text, "pool-1": NEW}


@pytest.mark.parametrize("is_permanent", [True, False], ids=["is refused", "fails"])
def test_nobody_is_restarted_for_a_config_map_that_cannot_be_written_and_it_stays_to_be_written(
    is_permanent: bool,
) -> None:
    world = PoolWorld.begin(FRESH, FRESH)
    world.change(coreConfigOverride="MAX_SLOTS_TO_REMEMBER = 33")
    key, since = ObjectKey(CONFIG_MAP, "default", "pool-config"), world.now - 3600.0
    held: dict[str, Any] = {"failing": {key: Failure("no room", is_permanent=False, count=9, since=since)}}
    plan = plan_pool(
        replace(world.observe(), **({"refused": {key: "no room"}} if is_permanent else held)), SETTINGS, NOW
    )
    assert not plan.delete
    assert [one["kind"] for one in plan.apply] == ["ConfigMap"]
    told = {one["type"]: one["message"] for one in plan.status["conditions"]}
    assert told["Stalled"] == "ConfigMap pool-config: no room"
    assert not plan.is_rolling, "it has no turn that other pools wait for"


def test_a_pool_grows_as_far_as_its_configurations_fit_and_goes_on_with_its_version() -> None:
    found = build_configurations(observe(build_pool(**LONG)), 5000, {}, SETTINGS, running=3)
    assert found.most == len(found.texts) == 16
    world = PoolWorld.begin(*[FRESH] * 3, maxReplicas=5000, **LONG)
    world.change(replicas=40, version="v23.0.0")
    world.rest()
    stateful_set = world.objects[STATEFUL_SET_KEY]["spec"]
    assert stateful_set["replicas"] == 16
    assert stateful_set["template"]["spec"]["containers"][0]["image"].endswith(":v23.0.0")
    assert world.read_condition("Stalled") == ("True", "ConfigurationTooLarge")
