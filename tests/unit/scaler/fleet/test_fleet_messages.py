"""Why nobody of this network is known: in the words that KEDA's event shows."""

from dataclasses import replace

from scaler.fleet.fleet import Fleet, FleetSettings
from scaler.policy.hold_reasons import NO_REPLICAS
from tests.unit.staged_fleet import NETWORK, POLL_SECONDS, SPEC, START, StagedFleet, StagedNetwork


def test_where_all_are_of_another_network_both_are_named() -> None:
    network = StagedNetwork()
    other = "Public Global Stellar Network ; September 2015"
    stage = StagedFleet(*[network.in_step] * 3, spec=replace(SPEC, network=other))
    decision = stage.play(60)[-1].decision
    assert decision.reason == NO_REPLICAS
    assert decision.message == (f"No replica of this network is known. 3 are on {NETWORK!r}, not {other!r}.")


def test_where_nobody_is_known_the_trouble_with_discovery_is_named() -> None:
    fleet = Fleet("stellar/core", SPEC, FleetSettings(POLL_SECONDS), START)
    fleet.set_members({}, START)
    fleet.discovery_failed("Service stellar/core is not headless.", START)
    assert fleet.advance(START).decision.message.endswith("Service stellar/core is not headless.")
