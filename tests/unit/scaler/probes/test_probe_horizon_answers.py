"""Every recorded answer of Horizon and Stellar RPC, and the report that it must become."""

import pytest

from scaler.probes.answer import RATE_LIMITED, StatusError, take_body
from scaler.probes.horizon import judge_reading, parse_root
from scaler.probes.report import NodeReport, ProbeError
from scaler.probes.rpc import CALL_FAILED, parse_rpc
from tests.recorded.horizon_answers import NAMES, NETWORK, read_answer


def root(ledger: int, core: int | None, age: float | None, *, starting: bool = False, state: str = "") -> NodeReport:
    words = "starting: its Core has not responded yet" if starting else "ingested"
    return NodeReport(
        ledger,
        is_synced=ledger > 0 and not starting,
        state=state or words,
        network=NETWORK,
        heard_ledger=core,
        age_seconds=age,
        tells_start=False,
        is_starting=starting,
    )


def rpc(ledger: int, age: float | None, state: str = "healthy", network: str | None = None) -> NodeReport:
    is_healthy = state == "healthy"
    return NodeReport(ledger, is_synced=is_healthy, state=state, network=network, age_seconds=age, tells_start=False)


def silent(state: str, network: str | None = None) -> NodeReport:
    return NodeReport(0, is_synced=False, state=state, network=network, tells_ledger=False, tells_start=False)


LATE = "unhealthy: [-32603] latency ({}) since last known ledger closed is too high (>30s)"
STALE = "Historical DB Is Too Stale"
ROOTS = {
    "fresh": root(219, 219, 1.0),
    "lagging": root(264, 264, 23.0),
    "catching-up": root(264, 265, 44.0),
    "halted-network": root(792, 792, 52.0),
    "database-down": root(589, 595, 7.0),
    "ingestion-blocked": root(1165, 1207, 42.0),
    "reads-hang": root(1965, 1981, 19.0),
    "api-only": root(862, 862, 2.0),
    "api-only-ingester-stopped": root(873, 933, 62.0),
    "stale-threshold": root(1266, 1291, 25.0),
    "state-invalid": root(1153, 1153, 1.0),
    "state-rebuild-begins": root(2577, 2577, 2.0),
    "state-rebuild": root(2578, 2592, None, state="state at 2578, history at 2583"),
    "rate-limit-default": root(1258, 1259, 1.0),
    "restored-database": root(1308, None, 69.0, starting=True),
    "empty-database": root(0, None, None, starting=True),
    "read-replica-behind": silent(STALE),
}
RPCS = {
    "rpc-healthy": rpc(1537, 0.0),
    "rpc-batch-healthy": rpc(1800, 0.0, network=NETWORK),
    "rpc-batch-small-unhealthy": rpc(2638, 34.0, LATE.format("35s"), NETWORK),
    "rpc-batch-unhealthy": rpc(2618, 35.0, LATE.format("35s"), NETWORK),
    "rpc-unhealthy-latency": silent(LATE.format("51s")),
    "rpc-halted-network": silent(LATE.format("1m1s")),
    "rpc-not-initialized": NodeReport(
        0,
        is_synced=False,
        state="unhealthy: [-32603] data stores are not initialized: DB is empty",
        tells_start=False,
        is_starting=True,
    ),
}
"""The answer to getHealth alone has no network, and once it is unhealthy no ledger."""
READINGS = {
    "readers-lagging": root(264, 264, 23.0),
    "readers-stale-threshold-state": root(219, 219, 1.0),
    "readers-stale-threshold": f"readers get: {STALE}",
    "readers-state-rebuild-begins": "readers get: Still Ingesting",
    "readers-state-rebuild": "readers get: Still Ingesting",
}
READING_FAILS = ("readers-database-down", "readers-database-down-state", "readers-state-invalid")
RPC_FAILS = {
    "rpc-execution-limit": (CALL_FAILED, "[-32001] request exceeded processing limit threshold (code -32001)"),
    "rpc-unknown-method": (CALL_FAILED, "method not found (code -32601)"),
    "rpc-latest-ledger-healthy": ("BadAnswer", "status is missing"),
    "rpc-latest-ledger-unhealthy": ("BadAnswer", "status is missing"),
    "rpc-network-healthy": ("BadAnswer", "status is missing"),
    "rpc-network-unhealthy": ("BadAnswer", "status is missing"),
    "rpc-get": ("BadStatus", "status 405;"),
    "rpc-health-path": ("BadStatus", "status 404;"),
    "rpc-trailing-path": ("BadStatus", "status 404;"),
    "rpc-no-content-type": ("BadStatus", "status 415;"),
    "rpc-not-json": ("BadStatus", "status 500;"),
    "rpc-request-limit": ("BadStatus", "status 504;"),
}
HEALTH = tuple(name for name in NAMES if name.startswith("health-"))
"""GET /health is not asked: of a Horizon that is 42 ledgers behind it says 200, of a halted network 503."""


def test_every_recorded_answer_stands_in_one_of_these_tables() -> None:
    listed = [*ROOTS, *RPCS, *READINGS, *READING_FAILS, *RPC_FAILS, *HEALTH, "rate-limited"]
    assert sorted(listed) == list(NAMES)


@pytest.mark.parametrize("name", ROOTS)
def test_an_answer_to_get_root_becomes(name: str) -> None:
    assert parse_root(read_answer(name)) == ROOTS[name]


@pytest.mark.parametrize("name", RPCS)
def test_an_answer_of_a_stellar_rpc_becomes(name: str) -> None:
    answer = read_answer(name)
    assert parse_rpc(take_body(answer), answer.at) == RPCS[name]


@pytest.mark.parametrize("name", RPC_FAILS)
def test_an_error_of_request_quota_or_method_is_a_failed_poll_with_its_words(name: str) -> None:
    reason, words = RPC_FAILS[name]
    with pytest.raises(ProbeError) as caught:
        parse_rpc(take_body(read_answer(name)))
    assert (caught.value.reason, words in str(caught.value)) == (reason, True), str(caught.value)


@pytest.mark.parametrize("name", READINGS)
def test_what_a_reader_gets_is_held_against_what_horizon_says_of_itself(name: str) -> None:
    report = parse_root(read_answer("lagging" if name == "readers-lagging" else "fresh"))
    judged, expected = judge_reading(report, read_answer(name)), READINGS[name]
    assert (judged == expected) if isinstance(expected, NodeReport) else (judged.state == expected)
    assert judged.is_synced is isinstance(expected, NodeReport)


@pytest.mark.parametrize("name", READING_FAILS)
def test_an_error_that_readers_get_is_a_failed_poll(name: str) -> None:
    with pytest.raises(ProbeError, match="readers get status 500: Internal Server Error") as caught:
        judge_reading(parse_root(read_answer("database-down")), read_answer(name))
    assert caught.value.reason == "BadStatus"


@pytest.mark.parametrize("name", HEALTH)
def test_an_answer_to_get_health_is_none_to_get_root(name: str) -> None:
    if name == "health-read-replica-behind":
        assert parse_root(read_answer(name)) == silent(STALE)
        return
    with pytest.raises(ProbeError):
        parse_root(read_answer(name))


def test_a_rate_limit_is_said_with_how_long_to_wait() -> None:
    with pytest.raises(StatusError, match=r"rate limited \(status 429: Rate Limit Exceeded\)") as caught:
        parse_root(read_answer("rate-limited"))
    assert (caught.value.reason, caught.value.retry_after_seconds) == (RATE_LIMITED, 1.0)


def test_a_reader_behind_what_horizon_remembers_is_believed() -> None:
    fresh = parse_root(read_answer("fresh"))
    behind = read_answer("readers-lagging")
    judged = judge_reading(ROOTS["ingestion-blocked"], behind)
    assert (judged.ledger, judged.age_seconds) == (264, 29.0), "the age is that of what readers get"
    assert judge_reading(fresh, behind).ledger == fresh.ledger
