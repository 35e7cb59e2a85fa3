"""The manifests of the documentation: whole ones are understood by our own parsers, parts have names that exist."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from controller.core_config.core_config_override import parse_override
from readpool.pool.spec import PoolSpec, parse_pool
from scaler.triggers.trigger import parse_trigger
from tests.docs_pages import ROOT, list_manifest_texts

SCHEMA = json.loads((ROOT / "charts" / "readpool" / "values.schema.json").read_text(encoding="utf-8"))
POOL_FIELDS = frozenset(field.alias or name for name, field in PoolSpec.model_fields.items())
ELSEWHERE = {"advanced", "triggers", "httpRoute", "groups", "name", "on", "jobs", "runs-on", "steps"}
ELSEWHERE |= {"securityContext", "authenticationRef", "metadata", "clusters"}
"""Parts of what is not ours, or of a pool deeper down."""


def list_manifests() -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    for place, text in list_manifest_texts():
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
        found += [(place, one) for one in documents if "apiVersion" in one and "kind" in one]
    return found


def test_every_block_of_yaml_can_be_read() -> None:
    assert len(list_manifests()) > 10


@pytest.mark.parametrize(("place", "manifest"), list_manifests())
def test_every_manifest_is_one(place: str, manifest: Mapping[str, Any]) -> None:
    assert place
    assert manifest["metadata"]["name"]
    if manifest["kind"] == "ReadOnlyPool":
        parse_pool(manifest)
    if manifest["kind"] == "ScaledObject":
        for trigger in manifest["spec"]["triggers"]:
            if str(trigger["type"]).startswith("external"):
                parse_trigger(
                    manifest["metadata"].get("namespace", "stellar"), trigger["metadata"], allow_static_nodes=True
                )


def list_fragments() -> list[tuple[str, dict[str, Any]]]:
    """List the blocks of YAML that are parts of something."""
    found = []
    for place, text in list_manifest_texts():
        try:
            documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
        except yaml.YAMLError:
            documents = []
        found += [(place, one) for one in documents if "apiVersion" not in one]
    return found


@pytest.mark.parametrize(("place", "fragment"), list_fragments())
def test_a_part_of_a_manifest_or_of_the_values_has_names_that_exist(place: str, fragment: dict[str, Any]) -> None:
    assert place
    spec = fragment["spec"] if set(fragment) == {"spec"} else fragment
    if set(fragment) <= SCHEMA["properties"].keys() and set(fragment) - POOL_FIELDS:
        assert list_unknown_values(fragment, SCHEMA) == []
    elif set(spec) <= POOL_FIELDS:
        pool = {"network": "Testnet", "version": "28", "loadBalancing": {"enabled": True}} | spec
        parse_pool({"metadata": {"name": "readers"}, "spec": pool})
        if "coreConfigOverride" in spec:
            parse_override(spec["coreConfigOverride"])
    else:
        assert set(fragment) <= ELSEWHERE, f"{sorted(set(fragment) - ELSEWHERE)}: of what is it a part?"


def list_unknown_values(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> list[str]:
    """List the values that the chart does not have."""
    unknown = []
    for name, value in values.items():
        known = schema.get("properties", {}).get(name)
        if known is None:
            unknown += [f"{path}{name}"] if schema.get("additionalProperties") is False else []
        elif isinstance(value, dict):
            unknown += list_unknown_values(value, known, f"{path}{name}.")
    return unknown


def test_the_clusters_of_envoy_that_pages_show_are_those_of_the_examples() -> None:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "examples").glob("envoy-*.yaml")]
    clusters = [one for whole in files for one in whole["static_resources"]["clusters"]]
    shown = [one for _, fragment in list_fragments() for one in fragment.get("clusters", ())]
    assert shown
    assert all(one in [{key: whole.get(key) for key in one} for whole in clusters] for one in shown)
