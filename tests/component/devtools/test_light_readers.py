"""The light RPC and Horizon of the end-to-end tests: the scaler's own probes must read them as they read real ones."""

import json
from email.utils import formatdate

import pytest

from scaler.probes.answer import HttpAnswer
from scaler.probes.horizon import judge_reading, parse_root
from scaler.probes.rpc import parse_rpc
from tests.e2e.cluster.light_reader_program import HORIZON, RPC, answer
from tests.recorded.horizon_answers import FOLDER, NETWORK

NOW = 1_800_000_000.0
DATE = formatdate(NOW, usegmt=True).encode()
TIP = 100_000_000


@pytest.mark.parametrize(("lag", "is_synced"), [(0, True), (500, False)])
def test_a_light_rpc_tells_its_ledger_as_a_real_one(lag: int, is_synced: bool) -> None:
    status, body = answer(RPC, FOLDER, "/", lag, NOW)
    report = parse_rpc(json.dumps(body).encode(), NOW)
    assert (status, report.ledger, report.is_synced, report.network) == (200, TIP - lag, is_synced, NETWORK)
    assert report.age_seconds == lag


@pytest.mark.parametrize("lag", [0, 500])
def test_a_light_horizon_tells_its_ledger_as_a_real_one(lag: int) -> None:
    answers = [answer(HORIZON, FOLDER, path, lag, NOW) for path in ("/", "/ledgers?limit=1&order=desc", "/offers?x")]
    root, *readings = [HttpAnswer(status, json.dumps(body).encode(), DATE) for status, body in answers]
    report = parse_root(root)
    for reading in readings:
        report = judge_reading(report, reading)
    assert (report.ledger, report.is_synced, report.network, report.age_seconds) == (TIP - lag, True, NETWORK, lag)
