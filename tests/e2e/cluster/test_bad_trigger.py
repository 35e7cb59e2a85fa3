"""Bad triggers beside a good one: each bad one says why in its events, changes nothing, and the good one goes on."""

from collections.abc import Mapping
from dataclasses import dataclass

from devtools.cluster.provided import ProvidedCluster
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.keda_view import KedaView
from tests.e2e.cluster.light_nodes import build_light_fleet, set_light_node
from tests.e2e.cluster.own_release import OwnRelease
from tests.e2e.cluster.scaled_object import build_metadata, build_scaled_object

SAID_SECONDS = 60.0
SCALED_SECONDS = 90.0
GOOD = build_metadata("good", target=3, maximum=6, lag_threshold=12, sustain_seconds=5)


@dataclass(frozen=True, slots=True)
class BadTrigger:
    """Keys that stand in for, or beside, those of a good trigger, and the sentence that they must earn."""

    keys: Mapping[str, str]
    sentence: str


BAD = {
    "unknown-key": BadTrigger({"lagTreshold": "12"}, "'lagTreshold': unknown key; allowed keys are service,"),
    "min-over-max": BadTrigger(
        {"minReplicas": "7", "maxReplicas": "6"},
        "targetReplicas: 3 must be between minReplicas (7) and maxReplicas (6)",
    ),
    "no-number": BadTrigger(
        {"targetReplicas": "three"},
        "targetReplicas: 'three' is not allowed; it must be a whole number from 0 to 5000",
    ),
}
"""By the name of the ScaledObject that has it."""


def start(
    cluster: ProvidedCluster, namespace: str, release: OwnRelease, name: str, keys: Mapping[str, str]
) -> KedaView:
    """Start a fleet of three with a ScaledObject whose bounds, KEDA's own, are good in any case."""
    metadata = GOOD | {"service": name}
    scaled = build_scaled_object(name, metadata, scaler_address=release.address)
    (trigger,) = scaled["spec"]["triggers"]
    trigger["metadata"] |= keys
    fleet = build_light_fleet(name, cluster.images.readpool, 3)
    cluster.access.apply(*fleet, scaled, namespace=namespace)
    return KedaView(cluster.access, namespace, name)


def test_bad_triggers_say_why_in_their_events_until_mended_and_the_good_one_goes_on(
    cluster: ProvidedCluster, namespace: str, scaler_release: OwnRelease
) -> None:
    good = start(cluster, namespace, scaler_release, "good", {})
    bad = {name: start(cluster, namespace, scaler_release, name, one.keys) for name, one in BAD.items()}
    good.wait_until_ready()
    for name, view in bad.items():
        expect_sentence(view, BAD[name].sentence)

    set_light_node(cluster.access, namespace, "good-0", {"lag_ledgers": 100})
    good.wait_for_replicas(4, SCALED_SECONDS)
    set_light_node(cluster.access, namespace, "good-0", {"lag_ledgers": 0})
    good.wait_for_replicas(3, SCALED_SECONDS)

    assert {name: view.spec_replicas() for name, view in bad.items()} == dict.fromkeys(BAD, 3)
    assert good.condition("Ready")["status"] == "True"

    start(cluster, namespace, scaler_release, "unknown-key", {})
    bad["unknown-key"].wait_until_ready()
    assert bad["unknown-key"].metric() == 3.0


def expect_sentence(view: KedaView, sentence: str) -> None:
    """Wait until a warning event of KEDA has this sentence of the scaler, and the ScaledObject is not ready for it."""
    name = view.name
    wait_for(
        f"the events of {name} to say why", lambda: any(sentence in text for text in view.warnings()), SAID_SECONDS
    )
    wait_for(f"{name} not to be ready", lambda: view.condition("Ready").get("status") == "False", SAID_SECONDS)
