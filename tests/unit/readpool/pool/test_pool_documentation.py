"""docs/readonlypool.md lists every field with its default, allowed values and meaning, as the CRD has them."""

from pathlib import Path

import pytest

from readpool.pool.crd import build_crd
from readpool.pool.field_tables import replace_tables

TEXT = (Path(__file__).resolve().parents[4] / "docs" / "readonlypool.md").read_text(encoding="utf-8")
SCHEMA = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


def test_the_tables_of_the_guide_are_those_of_the_crd() -> None:
    lines, wanted = TEXT.splitlines(), replace_tables(TEXT, SCHEMA).splitlines()
    assert lines == wanted, "run `python -m readpool.pool.crd --docs`"


@pytest.mark.parametrize(
    "row",
    [
        "| `storage.size` | cannot be decreased: volumes cannot shrink; create a new pool with ",
        "| `references[].type` | required | `core`, `horizon`, `rpc`, `archive` | core (polled by GET /info), ",
        "| `loadBalancing.freshNodeWeight` | `100` | 0 to 1000 | Weight of a fresh replica: ",
        "| `replicaWeights[].replicaName` | required | text | Name of the pod. |",
    ],
)
def test_a_row_says_what_the_field_is(row: str) -> None:
    assert any(line.startswith(row) for line in TEXT.splitlines())


@pytest.mark.parametrize("heading", ["Validation", "spec", "status"])
def test_a_page_without_a_table_is_refused(heading: str) -> None:
    page = TEXT.replace(f"\n## {heading}\n", "\n## Something else\n")
    with pytest.raises(ValueError, match=f"below the heading ## {heading}"):
        replace_tables(page, SCHEMA)
