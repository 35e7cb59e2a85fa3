"""Horizon and Stellar RPC on real sockets: what they refuse, what readers get, and rate limits that are heeded."""

import json
from dataclasses import replace

import pytest

from readpool.replica_class import ReplicaClass
from scaler.probes.answer import HttpAnswer
from scaler.probes.kinds import ProbeKind
from scaler.triggers.fleet_spec import Reference
from tests.component.hostile_servers import run_node
from tests.component.scaler.polling.http_answers import AnsweringServer
from tests.component.scaler.polling.polling import FAST, build_spec, classes, run_fleets, wait_until
from tests.recorded.horizon_answers import NETWORK, read_answer

FRESH, UNKNOWN, UNREACHABLE = ReplicaClass.FRESH, ReplicaClass.UNKNOWN, ReplicaClass.UNREACHABLE
GOOD = HttpAnswer(200, b'{"_embedded": {"records": []}}')


def build_rpc(*, takes_batches: bool) -> AnsweringServer:
    results = {
        "getHealth": {"status": "healthy", "latestLedger": 1000},
        "getTransaction": {"status": "NOT_FOUND", "latestLedger": 1000},
        "getNetwork": {"passphrase": NETWORK},
    }

    def serve(_path: str, body: bytes) -> HttpAnswer:
        asked = json.loads(body)
        if isinstance(asked, dict):
            return HttpAnswer(200, json.dumps({"id": asked["id"], "result": results[asked["method"]]}).encode())
        if not takes_batches:
            return HttpAnswer(400, b"batch requests are not allowed here")
        return HttpAnswer(
            200, json.dumps([{"id": one["id"], "result": results[one["method"]]} for one in asked]).encode()
        )

    return AnsweringServer(serve)


@pytest.mark.parametrize("takes_batches", [True, False])
async def test_a_fleet_of_stellar_rpcs_knows_its_network_with_and_without_batches(*, takes_batches: bool) -> None:
    server = build_rpc(takes_batches=takes_batches)
    async with run_node(server.handler) as url, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url, probe=ProbeKind.RPC))
        await wait_until(lambda: classes(fleet) == [FRESH])
        await wait_until(lambda: fleet.snapshot.network == NETWORK)
        asked = len(server.asked)
        await wait_until(lambda: running.fleets.stats.polls["Answered"] >= 4)
        batches = [body for _, body, _ in server.asked[asked:] if body.startswith(b"[")]
        assert bool(batches) is takes_batches


async def test_a_stellar_rpc_as_reference_names_its_network() -> None:
    server = build_rpc(takes_batches=True)
    async with run_node(server.handler) as url, run_fleets() as running:
        reference = Reference(ProbeKind.RPC, url)
        fleet = running.fleets.watch(build_spec("http://127.0.0.1:1", references=(reference,)))
        await wait_until(lambda: fleet._fold._references)
        report = fleet._fold._references[reference].report
        assert report is not None
        assert (report.network, report.ledger) == (NETWORK, 1000)


async def test_a_horizon_whose_readers_get_errors_is_unreachable_within_three_polls() -> None:
    readings = {"/ledgers": GOOD, "/offers": GOOD}

    def serve(path: str, _body: bytes) -> HttpAnswer:
        return readings.get(path.partition("?")[0], read_answer("fresh"))

    server = AnsweringServer(serve)
    async with run_node(server.handler) as url, run_fleets() as running:
        fleet = running.fleets.watch(build_spec(url, probe=ProbeKind.HORIZON))
        await wait_until(lambda: classes(fleet) == [FRESH])
        readings["/ledgers"] = readings["/offers"] = read_answer("readers-database-down")
        await wait_until(lambda: classes(fleet) == [UNREACHABLE])
        (replica,) = fleet.snapshot.replicas
        assert replica.standing.detail == "readers get status 500: Internal Server Error"
        failed = running.fleets.stats.polls["BadStatus"]
        assert 3 <= failed <= 6
        readings["/ledgers"] = readings["/offers"] = GOOD
        await wait_until(lambda: classes(fleet) == [FRESH])


async def test_who_is_asked_too_often_is_asked_less_and_is_neither_lagging_nor_gone() -> None:
    server = AnsweringServer(lambda *_: replace(read_answer("rate-limited"), retry_after=b"2"))
    async with run_node(server.handler) as url, run_fleets(replace(FAST, interval_seconds=0.2)) as running:
        fleet = running.fleets.watch(build_spec(url, probe=ProbeKind.HORIZON))
        await wait_until(lambda: len(server.asked) >= 3, seconds=20)
        first, second, third = (at for _, _, at in server.asked[:3])
        assert min(second - first, third - second) >= 1.9
        assert classes(fleet) == [UNKNOWN]
        assert "rate limited (status 429: Rate Limit Exceeded)" in fleet.snapshot.replicas[0].standing.detail
        assert set(running.fleets.stats.polls) == {"RateLimited"}
        server.serve = lambda path, _: read_answer("fresh") if path == "/" else GOOD
        await wait_until(lambda: classes(fleet) == [FRESH], seconds=20)
        settled = len(server.asked)
        await wait_until(lambda: len(server.asked) >= settled + 8)
        assert server.asked[-1][2] - server.asked[settled][2] < 4.0
