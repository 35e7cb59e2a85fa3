"""Each field of a pool either has a meaning beside workloadRef or is refused there; none is ignored in silence."""

import re

import pytest
from pydantic.alias_generators import to_camel

from readpool.pool.rules import Part
from readpool.pool.spec import PoolSpec, Storage
from readpool.pool.workload_ref import WORKLOAD_RULES

MEANINGFUL = {
    *("network", "networkPassphrase", "workloadRef", "probe", "minReplicas", "maxReplicas", "targetReplicas"),
    *("references", "autoscaling", "paused", "loadBalancing", "alerting"),
}
REFUSED = " ".join(rule.cel for rule in WORKLOAD_RULES if rule.message.startswith("must be omitted with workloadRef"))


def list_fields(part: type[Part]) -> set[str]:
    return {to_camel(name) for name in part.model_fields}


def test_each_field_has_a_meaning_beside_a_workload_or_is_refused() -> None:
    refused = set(re.findall(r"self\.(\w+)", REFUSED)) - {"workloadRef"}
    assert refused & MEANINGFUL == set()
    assert refused | MEANINGFUL == list_fields(PoolSpec)


@pytest.mark.parametrize("field", sorted(list_fields(Storage)))
def test_each_field_of_storage_is_refused(field: str) -> None:
    assert re.search(rf"self\.storage\.{field}\b", REFUSED)
