"""A rule of the resource: one sentence, held by the API server as CEL and by the model as Python.

Both forms stand side by side where the field is, so that `kubectl apply` and parse_pool refuse the same input with the
same words. Under readpool.pool.spec; readpool.pool.crd writes the CEL form out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"
BROKEN_RULE = "pool_rule"
"""The type of the pydantic error that a broken rule raises; its context has `path`, `value` and `allowed`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What has to hold for a value, or for an object and its fields.

    Attributes:
        cel: the expression that the API server evaluates.
        message: the sentence that says what is allowed.
        holds: the same in Python; None where only the API server can tell, as it alone knows the object from before.
        path: the field that is at fault, below the object, as in `.minReplicas`; empty for the value itself.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    path: str = ""

    def check(self, value: Any) -> Any:
        """Return the value if the rule holds for it.

        Raises:
            PydanticCustomError: if it does not.
        """
        if self.holds is None or self.holds(value):
            return value
        found = _find(value.model_dump(mode="json", by_alias=True), self.path) if self.path else value
        raise PydanticCustomError(
            BROKEN_RULE, "{allowed}", {"path": self.path, "value": found, "allowed": self.message}
        )

    def to_schema(self) -> dict[str, str]:
        """Return the rule as an entry of x-kubernetes-validations."""
        entry = {"rule": self.cel, "message": self.message}
        return entry | ({"fieldPath": self.path} if self.path else {})

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Add the rule to an Annotated type, after its other validators."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Write the rule beside what else the schema says of the type."""
        written = handler(schema)
        return written | {VALIDATIONS: [*written.get(VALIDATIONS, ()), self.to_schema()]}


def _find(written: Any, path: str) -> Any:
    return reduce(lambda part, key: part[key], path.removeprefix(".").split("."), written)


class Part(BaseModel):
    """A piece of the resource: immutable, camelCase outside, held to its `rules`, described by its docstrings.

    What it does not know it ignores: the API server has refused or pruned it, unless it is newer than we are.
    """

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        for rule in self.rules:
            rule.check(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Write the rules into the object's schema."""
        written = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            written[VALIDATIONS] = [rule.to_schema() for rule in cls.rules]
        return written
