"""Argo CD's health check of a ReadOnlyPool, run as Lua 5.1 as Argo CD does, and the examples for Argo CD and Flux."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime

ROOT = Path(__file__).resolve().parents[2]
GITOPS = ROOT / "examples" / "gitops"
SCRIPT = (GITOPS / "argocd" / "health.lua").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "readonlypool.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (True|False|Unknown) \| `(\w+)` \|", GUIDE, re.MULTILINE)
GOOD = {row for row in ROWS if row[1] == ("False" if row[0] in ("Reconciling", "Stalled") else "True")}
DEGRADED = {
    *(("Stalled", reason) for kind, status, reason in ROWS if (kind, status) == ("Stalled", "True")),
    *(("Reconciling", "Stalled"), ("Fresh", "CoreTooOld"), ("Alerting", "PrometheusMissing")),
    *(("Autoscaling", reason) for reason in ("KedaMissing", "NotAllowed")),
    *(("Routing", reason) for reason in ("NoQueryServer", "GatewayApiMissing", "NotAllowed")),
    *(("Sharded", reason) for reason in ("NoArchives", "ShardMissing", "ShardNotANumber", "ShardOutOfRange")),
    *(("Snapshots", reason) for reason in ("SnapshotFailed", "SnapshotControllerMissing", "SnapshotApiMissing")),
    *(("VolumeSpace", reason) for reason in ("CannotGrow", "AtMaxSize")),
}
SUSPENDED = {(kind, reason) for kind, _, reason in ROWS if reason in ("Paused", "ScaledObjectPaused")}
ACCEPTED = {("Autoscaling", "Disabled"), ("Snapshots", "NoSnapshotYet"), ("Snapshots", "SnapshotUnusable")}
ACCEPTED |= {("VolumeSpace", "UsageUnknown"), ("Resources", "NoRequests")}


def ask(pool: dict[str, Any]) -> tuple[str, str]:
    """Ask the script, in a Lua that can neither read files nor know the time, as Argo CD's."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.execute("os, io, require, dofile, loadfile, package, debug = nil")
    lua.globals().obj = lua.table_from(pool, recursive=True)
    health = lua.execute(SCRIPT)
    return health["status"], health["message"]


def build_pool(*conditions: tuple[str, str, str], **changes: Any) -> dict[str, Any]:
    told = [{"type": kind, "status": status, "reason": reason, "message": "why"} for kind, status, reason in conditions]
    status = {"observedGeneration": 2, "conditions": told}
    return {"metadata": {"name": "readers", "generation": 2}, "spec": {}, "status": status} | changes


def expect(kind: str, status: str, reason: str) -> str:
    if (kind, reason) in DEGRADED:
        return "Degraded"
    if (kind, reason) in SUSPENDED:
        return "Suspended"
    return "Healthy" if (kind, status, reason) in GOOD or (kind, reason) in ACCEPTED else "Progressing"


@pytest.mark.parametrize(("kind", "status", "reason"), ROWS)
def test_each_condition_of_the_guide_has_a_health(kind: str, status: str, reason: str) -> None:
    told = ask(build_pool((kind, status, reason)))
    wanted = expect(kind, status, reason)
    assert told == (wanted, "" if wanted == "Healthy" else f"{kind}: why")


def test_every_bad_reason_of_the_guide_stands_in_the_script_and_no_other() -> None:
    body = SCRIPT[SCRIPT.index("local verdicts") : SCRIPT.index("-- Of these")]
    parts = re.findall(r"(\w+) = \{([^{}]*)\}", body)
    named = {(kind, reason) for kind, held in parts for reason in re.findall(r"(\w+) = \"", held)}
    good = {(kind, reason) for kind, _, reason in GOOD}
    assert len(ROWS) > 60
    assert named - good == {(kind, reason) for kind, _, reason in ROWS} - good
    assert named & good <= DEGRADED | SUSPENDED  # of Reconciling: False, but not because all is well


def test_the_worst_condition_counts_whatever_their_order() -> None:
    conditions = [
        ("Ready", "False", "TooFewReady"),
        ("Stalled", "True", "Refused"),
        ("Fresh", "Unknown", "NotObserved"),
    ]
    for turn in range(3):
        assert ask(build_pool(*conditions[turn:], *conditions[:turn]))[0] == "Degraded"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": None}, "the controller has not looked at this pool yet"),
        ({"status": {"observedGeneration": 2}}, "the controller has not looked at this pool yet"),
        ({"metadata": {"generation": 3}}, "the controller has not looked at the last change yet"),
        ({"metadata": {"generation": 2, "deletionTimestamp": "2026-11-30T00:00:00Z"}}, "the pool is being deleted"),
    ],
)
def test_a_pool_is_progressing_while(changes: dict[str, Any], message: str) -> None:
    pool = {key: one for key, one in build_pool(("Ready", "True", "EnoughReady"), **changes).items() if one is not None}
    assert ask(pool) == ("Progressing", message)


def test_a_reason_of_a_newer_controller_is_healthy_where_it_is_good_and_progressing_where_not() -> None:
    assert ask(build_pool(("Fresh", "True", "Brilliant"), ("Novel", "True", "Well")))[0] == "Healthy"
    assert ask(build_pool(("Fresh", "False", "Strange")))[0] == "Progressing"


def test_the_config_map_carries_the_script_word_for_word() -> None:
    config_map = yaml.safe_load((GITOPS / "argocd" / "argocd-cm.yaml").read_text(encoding="utf-8"))
    assert config_map["data"] == {"resource.customizations.health.stellar.org_ReadOnlyPool": SCRIPT}


def test_the_examples_name_the_chart_s_version() -> None:
    chart = yaml.safe_load((ROOT / "charts/readpool/Chart.yaml").read_text(encoding="utf-8"))
    argo, flux = (
        list(yaml.safe_load_all((GITOPS / name).read_text(encoding="utf-8")))
        for name in ("argocd/application.yaml", "flux/readpool.yaml")
    )
    assert argo[0]["spec"]["source"]["targetRevision"] == flux[0]["spec"]["ref"]["tag"] == chart["version"]
    assert "ServerSideApply=true" in argo[1]["spec"]["syncPolicy"]["syncOptions"]
