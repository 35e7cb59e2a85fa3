"""The definition of ReadOnlyPool: made from the types, whole, teaching, and the same in the chart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.pools.pool_manifests import MINIMAL_SPEC
from readpool.pool.crd import build_crd, render_chart_template, render_crd
from readpool.pool.rules import VALIDATIONS
from readpool.pool.scalars import LIST_MAP_KEYS, LIST_TYPE
from readpool.pool.spec import PoolSpec

CHART_TEMPLATE = Path(__file__).resolve().parents[4] / "charts" / "readpool" / "templates" / "crd.yaml"
CRD = build_crd()
VERSION = CRD["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
NOT_STRUCTURAL = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "title", "const", "definitions"}


def walk(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """List a schema and all that is inside it."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from walk(field, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from walk(schema[key], f"{path}[]")


FIELDS = dict([*walk(SCHEMA["properties"]["spec"], "spec"), *walk(SCHEMA["properties"]["status"], "status")])


def test_the_charts_template_is_current() -> None:
    current = CHART_TEMPLATE.read_text(encoding="utf-8")
    assert current == render_chart_template(), "run: python -m readpool.pool.crd --chart > charts/…/templates/crd.yaml"


def test_the_charts_template_holds_no_braces_but_those_of_its_head_and_tail() -> None:
    body = render_crd()
    assert "{{" not in body
    assert "}}" not in body


def test_what_kubectl_reads_is_what_was_built() -> None:
    assert yaml.safe_load(render_crd()) == CRD


@pytest.mark.parametrize("path", FIELDS)
def test_every_part_of_the_schema_is_structural(path: str) -> None:
    schema = FIELDS[path]
    assert not NOT_STRUCTURAL & schema.keys()
    assert "type" in schema or "x-kubernetes-int-or-string" in schema
    assert schema.get("default", 0) is not None


@pytest.mark.parametrize("path", [path for path in FIELDS if not path.endswith("[]")])
def test_every_field_is_explained_in_sentences(path: str) -> None:
    text = FIELDS[path]["description"]
    assert text[0].isupper() or text.split()[0] in {"core", "fresh,"}
    assert text.endswith((".", ")"))
    assert "\n" not in text


@pytest.mark.parametrize("path", [path for path, schema in FIELDS.items() if schema.get("type") == "array"])
def test_every_list_says_how_it_is_merged_and_how_long_it_may_be(path: str) -> None:
    schema = FIELDS[path]
    assert schema["maxItems"] > 0
    keys = schema.get(LIST_MAP_KEYS, ())
    assert schema[LIST_TYPE] == ("map" if keys else schema[LIST_TYPE])
    assert set(keys) <= set(schema["items"].get("required", ()))


@pytest.mark.parametrize("path", [path for path, schema in FIELDS.items() if VALIDATIONS in schema])
def test_every_rule_has_a_sentence_and_names_a_field_that_exists(path: str) -> None:
    for rule in FIELDS[path][VALIDATIONS]:
        assert rule["message"].startswith(("must ", "is ", "requires ", "cannot "))
        assert f"{path}{rule.get('fieldPath', '')}" in FIELDS


def test_an_object_defaults_to_what_its_fields_default_to() -> None:
    whole = PoolSpec.model_validate(MINIMAL_SPEC).model_dump(mode="json", by_alias=True, exclude_none=True)
    defaults = {
        name: field["default"]
        for name, field in SCHEMA["properties"]["spec"]["properties"].items()
        if "default" in field
    }
    assert defaults["loadBalancing"] == whole["loadBalancing"]
    assert defaults["storage"] == whole["storage"]
    assert set(SCHEMA["properties"]["spec"]["required"]) == {"network"}


def test_who_scales_finds_replicas_and_selector() -> None:
    scale = VERSION["subresources"]["scale"]
    assert FIELDS[scale["specReplicasPath"].removeprefix(".")]["default"] == 0
    assert FIELDS[scale["statusReplicasPath"].removeprefix(".")]["type"] == "integer"
    assert FIELDS[scale["labelSelectorPath"].removeprefix(".")]["type"] == "string"


@pytest.mark.parametrize("column", [c for c in VERSION["additionalPrinterColumns"] if c["jsonPath"].count("[") == 0])
def test_every_column_shows_a_field_that_exists(column: dict[str, str]) -> None:
    assert column["jsonPath"].startswith(".metadata.") or column["jsonPath"].removeprefix(".") in FIELDS
