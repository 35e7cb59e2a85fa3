"""`readpool backtest` on days of which the truth is known: by a real Prometheus, and judged on days that it never saw.

The model days are the simulator's own. Their history, a sample a minute as a scraper has it, is all that the backtest
gets; what its recommendation is worth is told by other days, lived through with each setting.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.policy.model_history import live_truly, record_days
from devtools.cluster.builds import build_all
from devtools.machine.needs import UnmetNeedError
from devtools.machine.ports import take_ports
from devtools.strictness import skip_or_fail
from readpool.cli.backtest.advice import DEFAULT_PRICE, advise, compute_cost, compute_fit
from readpool.cli.backtest.grid import build_grid
from readpool.cli.backtest.history import History, Setting
from readpool.cli.backtest.reconstruction import reconstruct
from readpool.cli.backtest.replay import replay
from readpool.simulator.day.oddities import DAY_SECONDS

pytestmark = pytest.mark.timeout(900)  # Prometheus may have to be built
OWN = Setting(5, 3, 20, 12)
FLEET = "stellar/readers"


def judge(seen: range, unseen: range, grid: list[Setting]) -> tuple[Setting, float]:
    """Recommend from some days; return the recommendation, and its cost on others over the best one's."""
    history = record_days(seen, OWN)
    past = reconstruct(history)
    outcomes = [replay(past, setting) for setting in grid]
    fit = compute_fit(history, outcomes[0])
    assert fit.hours_error < 0.15, fit
    advice = advise(outcomes, outcomes[0], fit, DEFAULT_PRICE)
    assert advice.setting is not None, advice.reason
    truth = {setting: compute_cost(live_truly(unseen, setting, OWN), DEFAULT_PRICE) for setting in grid}
    return advice.setting, truth[advice.setting] / min(truth.values())


def test_what_is_recommended_is_nearly_the_best_on_days_not_seen() -> None:
    _, ratio = judge(range(1, 7), range(5001, 5007), build_grid(OWN, targets=(4, 6, 8), thresholds=(12,)))
    assert ratio <= 1.05


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_what_is_recommended_is_within_a_twentieth_of_the_best_of_the_grid_on_20_days_not_seen() -> None:
    _, ratio = judge(range(1, 31), range(5001, 5021), build_grid(OWN))
    assert ratio <= 1.05


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[tuple[str, History, float]]:
    """Start a real Prometheus that has two model days; yield its address, the days, and when they end."""
    try:
        programs = build_all(("prometheus",))
    except UnmetNeedError as need:
        skip_or_fail(str(need))
    history = record_days(range(1, 3), OWN)
    end = time.time() // 60 * 60
    blocks = tmp_path / "data"
    text = tmp_path / "history.txt"
    text.write_text(format_exposition(history, end - 2 * DAY_SECONDS), encoding="utf-8")
    subprocess.run(
        [programs.path("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, blocks],
        check=True,
        capture_output=True,
    )
    (tmp_path / "prometheus.yaml").write_text("global: {}\n", encoding="utf-8")
    (port,) = take_ports(1)
    arguments = [
        f"--config.file={tmp_path / 'prometheus.yaml'}",
        f"--storage.tsdb.path={blocks}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([programs.path("prometheus"), *arguments], stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            await_ready(url, process)
            yield url, history, end
        finally:
            process.terminate()
            process.wait(30)


def format_exposition(history: History, start: float) -> str:
    """Format a history as OpenMetrics with times: the scaler's own series."""
    label, lines = f'fleet="{FLEET}"', []
    setting = history.setting
    bounds = {
        "target_replicas": setting.target,
        "min_replicas": setting.minimum,
        "max_replicas": setting.maximum,
        "lag_threshold_ledgers": setting.lag_threshold,
    }
    series: dict[str, list[str]] = {}

    def add(name: str, labels: str, value: float, at: float) -> None:
        series.setdefault(f"readpool_{name}", []).append(f"readpool_{name}{{{labels}}} {value} {at:.0f}")

    for sample in history.samples:
        at = start + sample.at
        for name, bound in bounds.items():
            add(name, label, bound, at)
        if sample.requests is not None:
            add("requests_per_second", label, sample.requests, at)
        fresh = sum(lag < setting.lag_threshold for lag in sample.lags.values())
        add("replicas", f'{label},class="fresh"', fresh, at)
        add("replicas", f'{label},class="lagging"', (sample.replicas or 0) - fresh, at)
        add("network_halted", label, int(sample.is_halted), at)
        for replica, lag in sample.lags.items():
            add("replica_lag_ledgers", f'{label},replica="{replica}"', lag, at)
    for name, points in series.items():
        lines += [f"# TYPE {name} gauge", *sorted(points, key=lambda line: line.rpartition(" ")[0].partition(" ")[0])]
    return "\n".join([*lines, "# EOF", ""])


def await_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "Prometheus has ended"
        try:
            if httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    pytest.fail("Prometheus is not ready after a minute")


def test_it_reads_a_real_prometheus(prometheus: tuple[str, History, float], tmp_path: Path) -> None:
    url, history, end = prometheus
    saved = tmp_path / "saved.csv"
    arguments = ["--prometheus", url, "--pool", FLEET, "--days", "1.9", "--targets", "6", "--lag-thresholds", "12"]
    ended = subprocess.run(
        [sys.executable, "-m", "readpool.cli", "backtest", *arguments, "-o", "json", "--save-csv", saved],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stderr
    data = json.loads(ended.stdout)
    assert (data["settings"][0]["target"], data["settings"][0]["lag_threshold"]) == (OWN.target, OWN.lag_threshold)
    observed = [sample.replicas or 0 for sample in history.samples[-int(1.9 * 1440) :]]
    assert data["fit"]["observed_hours"] == pytest.approx(24 * sum(observed) / len(observed), rel=0.02)
    assert end - 2 * DAY_SECONDS <= float(saved.read_text().splitlines()[1].split(",")[0]) <= end

    unknown = subprocess.run(
        [sys.executable, "-m", "readpool.cli", "backtest", "--prometheus", url, "--pool", "stellar/no"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert unknown.returncode == 1
    assert "no readpool_target_replicas of fleet 'stellar/no'" in unknown.stderr
