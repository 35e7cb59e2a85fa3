"""`readpool validate` says of a manifest what API server, scaler and controller would, with the line it stands in."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from devtools.pools.pool_manifests import ACCEPTED, build_manifest
from devtools.pools.pool_manifests import REFUSED as REFUSED_POOLS
from readpool.cli.__main__ import main
from readpool.cli.validation.checked import Rules, check_text
from readpool.cli.validation.documents import UnreadableError, read_documents
from readpool.cli.validation.pool_checks import check_pool
from readpool.pool.errors import PoolError
from readpool.pool.spec import parse_pool
from tests.unit.scaler.triggers.test_trigger import REFUSED as REFUSED_TRIGGERS
from tests.unit.scaler.triggers.test_trigger import SERVICE, refuse

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
ADDRESS = {"scalerAddress": "readpool-scaler.readpool:9090"}
POOL = """\
apiVersion: stellar.org/v1alpha1
kind: ReadOnlyPool
metadata: {name: readers, namespace: stellar}
spec:
  network: Mainnet
  version: "30.0.0"
"""


def validate(*arguments: str, stdin: str | bytes = "") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["validate", *arguments], input=stdin, prog_name="readpool")
    return result.exit_code, result.output


def check(text: str) -> list[str]:
    checked, _ = check_text("f.yaml", text, Rules())
    return [f"{line}: {finding.message}" for one in checked for line, finding in one.findings]


def build_scaled_object(*triggers: Any) -> str:
    metadata = {"name": "readers", "namespace": "stellar"}
    body = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata}
    return yaml.safe_dump({**body, "spec": {"triggers": list(triggers)}}, sort_keys=False)


def test_a_pool_in_order_is_valid() -> None:
    assert validate("-f", "-", stdin=POOL) == (
        0,
        "standard input:1: ReadOnlyPool stellar/readers is valid\n1 valid, 0 invalid.\n",
    )


@pytest.mark.parametrize("what", REFUSED_POOLS)
def test_a_pool_that_is_refused_is_refused_in_the_words_of_the_controller(what: str) -> None:
    refused = REFUSED_POOLS[what]
    manifest = build_manifest(refused.name, **refused.spec)
    with pytest.raises(PoolError) as refusal:
        parse_pool(manifest)
    assert str(refusal.value) in [finding.message for finding in check_pool(manifest)]


@pytest.mark.parametrize("what", ACCEPTED)
def test_a_pool_that_is_accepted_is_refused_by_nothing_but_what_core_is_given(what: str) -> None:
    manifest = build_manifest(**ACCEPTED[what])
    errors = [one.message for one in check_pool(manifest) if one.level == "error"]
    assert [error for error in errors if not error.startswith(("spec.coreConfigOverride", "spec.QUORUM"))] == []


@pytest.mark.parametrize("what", REFUSED_TRIGGERS)
def test_a_trigger_that_is_refused_is_refused_in_the_words_of_the_scaler(what: str) -> None:
    metadata, _ = REFUSED_TRIGGERS[what]
    text = build_scaled_object({"type": "external", "metadata": {**ADDRESS, **metadata}})
    checked, _ = check_text("f", text, Rules(allow_static_nodes=True))
    told = [finding.message for one in checked for _, finding in one.findings]
    if any("not checked" in one for one in told):
        return  # what is wrong may be in the environment
    assert any(one.endswith(refuse(metadata)) for one in told), told


def test_every_field_that_is_wrong_is_reported_at_its_line() -> None:
    text = POOL.replace("Mainnet", "Pubnet") + "  minReplicas: 0\n  targetReplica: 5\n  storage:\n    size: 0\n"
    told = check(text)
    expected = [
        "5: spec.network: 'Pubnet' is invalid; it must be 'Mainnet', 'Testnet', 'Futurenet' or 'Custom'",
        "7: spec.minReplicas: 0 is invalid; it must be greater than or equal to 1",
        '8: unknown field "spec.targetReplica"; did you mean targetReplicas?',
        "10: spec.storage.size: '0' is invalid; it must be",
    ]
    assert [line.startswith(start) for line, start in zip(told, expected, strict=True)] == [True] * 4, told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            POOL + "  coreConfigOverride: |\n    NODE_IS_VALIDATOR = true\n",
            "7: spec.coreConfigOverride: NODE_IS_VALIDATOR must be false",
            id="what stalls the controller",
        ),
        pytest.param(POOL.replace("30.0.0", "v21.0.0"), "6: spec.version: 'v21.0.0' serves GET /info alone", id="old"),
        pytest.param(POOL.replace("v1alpha1", "v1"), "1: apiVersion: 'stellar.org/v1' is invalid", id="version"),
        pytest.param(POOL.replace("OnlyP", "onlyp"), "2: kind: 'Readonlypool' is invalid", id="kind"),
        pytest.param(POOL + "  paused: true\n  paused: false\n", '8: key "paused" already set in map', id="twice"),
        pytest.param(
            POOL + "  historyArchiveUrls: [https://a.example, https://a.example]\n",
            '7: spec.historyArchiveUrls[1]: Duplicate value: "https://a.example"',
            id="an item twice",
        ),
        pytest.param(POOL + "    extra: [\n", "", id="no YAML"),
        pytest.param("just text", "1: not a Kubernetes object", id="text"),
        pytest.param("a: &a [*a]\n", "an alias stands within its own anchor", id="an alias within itself"),
    ],
)
def test_what_else_is_wrong_is_reported(text: str, told: str) -> None:
    assert any(told in line for line in check(text))


def test_the_other_triggers_of_a_scaled_object_are_left_to_their_scalers() -> None:
    foreign = {"type": "external", "metadata": {"scalerAddress": "other:1", "queue": "q"}}
    text = build_scaled_object({"type": "cpu"}, foreign, {"type": "external", "metadata": {**ADDRESS, **SERVICE}})
    assert validate("-f", "-", stdin=text)[0] == 0
    assert check_text("f", build_scaled_object({"type": "cpu"}, foreign), Rules()) == ([], 1)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({**ADDRESS, **SERVICE, "port": 11626}, "metadata.port: 11626 is not allowed; it must be text, in quotes"),
        (SERVICE, "metadata.scalerAddress: required, but missing"),
        ({**ADDRESS, "pool": "readers", "port": "1"}, "metadata.port: '1' is not allowed with pool"),
        ({**ADDRESS, "targetReplicas": "3"}, "metadata: service, nodes, pool: exactly one of them is required"),
        ({**ADDRESS, **SERVICE, "nodes": "http://a"}, "exactly one of them is required, service and nodes given"),
        ({**ADDRESS, "nodes": "http://a", "targetReplicas": "1"}, "metadata.nodes: not allowed"),
    ],
)
def test_a_trigger_is_named_by_its_place(metadata: dict[str, Any], told: str) -> None:
    (line,) = check(build_scaled_object({"type": "cpu"}, {"type": "external-push", "metadata": metadata}))
    assert "spec.triggers[1].metadata" in line
    assert told in line


def test_a_value_from_the_environment_is_not_judged_and_said_not_to_be() -> None:
    metadata = {**ADDRESS, "service": "core", "port": "1", "targetReplicasFromEnv": "TARGET"}
    code, out = validate("-f", "-", stdin=build_scaled_object({"type": "external", "metadata": metadata}))
    assert code == 0
    assert "warning" in out
    assert "targetReplicasFromEnv: not checked" in out


def test_several_files_folders_lists_and_documents_are_checked_together(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps({"kind": "List", "items": [yaml.safe_load(POOL)] * 2}, indent="\t"))
    (tmp_path / "many.yml").write_text(f"---\n---\n{POOL}---\n{POOL.replace('Mainnet', 'Moon')}---\nkind: Service\n")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "pool.yaml").write_text(POOL)
    assert validate("-f", str(tmp_path))[1].endswith("\n3 valid, 1 invalid; 1 object of other kinds not checked.\n")
    code, out = validate("-f", str(tmp_path), "-R", "-f", "-", stdin=POOL)
    assert (code, out.splitlines()[-1]) == (1, "5 valid, 1 invalid; 1 object of other kinds not checked.")
    assert f"{tmp_path}/many.yml:14: error: ReadOnlyPool stellar/readers: spec.network: 'Moon'" in out


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    code, out = validate("-f", str(tmp_path / "lost.yaml"), "-f", "-", stdin=b"\xff\xfe\xfa")
    assert code == 1
    assert f"{tmp_path}/lost.yaml: error: cannot be read: No such file or directory" in out
    assert "standard input: error: is not UTF-8 text" in out


def test_the_document_has_what_the_lines_say() -> None:
    code, out = validate("-f", "-", "-o", "json", stdin=POOL + "  minReplicas: 0\n")
    assert code == 1
    report = json.loads(out)
    assert (report["kind"], report["valid"], report["notChecked"]) == ("ValidationReport", False, 0)
    (item,) = report["items"]
    assert (item["kind"], item["name"], item["valid"]) == ("ReadOnlyPool", "stellar/readers", False)
    (finding,) = item["findings"]
    assert (finding["level"], finding["field"], finding["line"]) == ("error", "spec.minReplicas", 7)


def test_an_alias_of_aliases_does_not_grow_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(UnreadableError, match="more than 200,000 values"):
        read_documents("\n".join(lines))


def test_our_examples_are_valid() -> None:
    code, out = validate("-f", str(EXAMPLES))
    assert code == 0, out
    assert ", 0 invalid" in out


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
KINDS = [("stellar.org/v1alpha1", "ReadOnlyPool"), ("keda.sh/v1alpha1", "ScaledObject"), ("v1", "Service")]


@given(st.sampled_from(KINDS), values, values, st.lists(values, max_size=2))
def test_any_object_at_all_gets_a_judgement(
    kind: tuple[str, str], metadata: Any, spec: Any, triggers: Sequence[Any]
) -> None:
    body = {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec}
    check_text("f", json.dumps(body), Rules())
    listed = {**body, "spec": {"triggers": [{"type": "external", "metadata": one} for one in triggers]}}
    check_text("f", json.dumps(listed), Rules())


@given(st.text())
def test_any_text_at_all_gets_a_judgement(text: str) -> None:
    check_text("f", text, Rules())
