"""From pydantic's schema to a structural one: what is resolved, what is dropped, what is refused."""

from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from readpool.pool.structural import build_structural_schema


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    """An inner part."""

    size: Annotated[int, Field(ge=0, le=10)] = 3
    colour: Colour = Colour.RED
    words: tuple[str, ...] = ()


class Outer(BaseModel):
    model_config = {"json_schema_extra": {"description": "An outer\n    part."}}

    plain: Inner = Inner()
    maybe: Annotated[Inner | None, Field(description="Perhaps one.")] = None
    many: Annotated[tuple[Inner, ...], Field(max_length=2)] = ()
    by_name: dict[str, int] = Field(default_factory=dict)
    large: Annotated[int, Field(le=2**40)] = 0


SCHEMA = build_structural_schema(Outer)
FIELDS = SCHEMA["properties"]
INNER = {
    "size": {"type": "integer", "format": "int32", "default": 3, "minimum": 0, "maximum": 10},
    "colour": {"type": "string", "default": "red", "enum": ["red", "blue"]},
    "words": {"type": "array", "items": {"type": "string"}},
}


def test_a_reference_is_replaced_by_what_it_stands_for() -> None:
    assert FIELDS["plain"]["properties"] == INNER
    assert FIELDS["many"]["items"]["properties"] == INNER


def test_what_may_be_null_is_what_it_is_otherwise_and_has_no_default() -> None:
    assert FIELDS["maybe"] == {"description": "Perhaps one.", "type": "object", "properties": INNER}


def test_an_object_defaults_to_its_fields_and_what_is_empty_to_nothing() -> None:
    assert FIELDS["plain"]["default"] == {"size": 3, "colour": "red"}
    assert "default" not in FIELDS["many"]
    assert "default" not in FIELDS["by_name"]


def test_a_description_is_one_line() -> None:
    assert SCHEMA["description"] == "An outer part."


@pytest.mark.parametrize(("name", "width"), [("large", "int64"), ("plain.size", "int32")])
def test_a_number_is_as_wide_as_its_bounds(name: str, width: str) -> None:
    field: dict[str, Any] = SCHEMA
    for part in name.split("."):
        field = field["properties"][part]
    assert field["format"] == width


def test_a_map_says_what_its_values_are() -> None:
    assert FIELDS["by_name"] == {"type": "object", "additionalProperties": {"type": "integer", "format": "int32"}}


def test_a_union_is_refused() -> None:
    class Either(BaseModel):
        value: int | str

    with pytest.raises(ValueError, match="no union"):
        build_structural_schema(Either)
