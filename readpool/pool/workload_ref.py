"""What a pool says of a workload that is there already: spec.workloadRef, spec.probe, and what has no meaning then.

Such a pool owns no pods. What it says of pods of its own is refused, a field at a time, with a sentence each. Under
readpool.pool.spec.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from readpool.pool.rules import VALIDATIONS, Part, Rule
from readpool.pool.scalars import INT_OR_STRING, ObjectName, matches

DEFAULT_IMAGE = "stellar/stellar-core"
DEFAULT_SIZE = "100Gi"
_NUMBER = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_NAME = "([a-z]|[0-9][-0-9]*[a-z])([-a-z0-9]*[a-z0-9])?"
_MOST_OF_NAME = 15
_PORT = f"^({_NUMBER}|{_NAME})$"
_PORT_RULE = matches(_PORT, "must be a port from 1 to 65535, or the name of a container's port")
_PORT_CEL = Rule(_PORT_RULE.cel.replace("self.", "string(self).", 1), _PORT_RULE.message)


def _is_port(text: str) -> bool:
    return len(text) <= _MOST_OF_NAME and (_PORT_RULE.holds is None or _PORT_RULE.holds(text))


Port = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    Rule(_PORT_CEL.cel, _PORT_RULE.message, _is_port),
    WithJsonSchema({INT_OR_STRING: True, "maxLength": _MOST_OF_NAME, VALIDATIONS: [_PORT_CEL.to_schema()]}),
]
"""A port of a pod as text: its number, or its name in a container."""


class WorkloadApi(StrEnum):
    """The API of workloads."""

    APPS_V1 = "apps/v1"


class WorkloadKind(StrEnum):
    """The kinds of workload that a pool can stand before."""

    STATEFUL_SET = "StatefulSet"
    DEPLOYMENT = "Deployment"


class WorkloadRef(Part):
    """A StatefulSet or Deployment in the pool's namespace, which the pool does not own."""

    api_version: WorkloadApi = WorkloadApi.APPS_V1
    """API version of the workload: apps/v1."""
    kind: WorkloadKind
    """StatefulSet or Deployment."""
    name: ObjectName
    """Name of the workload. One pool can refer to it; the controller refuses a second one, and a workload that a pool
    owns."""

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.kind} {self.name}"


class ProbeType(StrEnum):
    """What runs in a workload's pods."""

    CORE = "core"
    RPC = "rpc"
    HORIZON = "horizon"


class Probe(Part):
    """How the scaler asks each pod of workloadRef for its newest ledger."""

    type: ProbeType
    """core (GET /info), rpc (getHealth) or horizon (GET /)."""
    port: Port
    """Port of the pods, by number or by the name that a container gives it, such as 11626 for Stellar Core's command
    port, or 8000 for Stellar RPC and Horizon."""


def _absent(field: str, cel: str, holds: Callable[[Any], bool], why: str) -> Rule:
    """Build the rule that a field is as it is by default beside workloadRef."""
    return Rule(
        f"!has(self.workloadRef) || ({cel})",
        f"must be omitted with workloadRef: {why}",
        lambda spec: spec.workload_ref is None or holds(spec),
        f".{field}",
    )


def _empty(field: str) -> str:
    return f"!has(self.{field}) || size(self.{field}) == 0"


def _keeps_command_port(spec: Any) -> bool:
    if spec.workload_ref is None or spec.probe is None or spec.probe.type is not ProbeType.CORE:
        return True
    return spec.load_balancing.port not in (None, spec.probe.port)


def _is_default(storage: Any) -> bool:
    return (
        storage.storage_class is None
        and storage.size == DEFAULT_SIZE
        and storage.retention_policy == "Delete"
        and storage.data_source is None
        and not storage.snapshots.enabled
        and storage.auto_grow is None
    )


_PODS = "set it in the workload's own pod template"
_VOLUMES = "the workload's volumes are its own"
_ARCHIVES = "the workload's own configuration lists its archives"

WORKLOAD_RULES = (
    Rule(
        "has(self.workloadRef) == has(oldSelf.workloadRef)"
        " && (!has(self.workloadRef) || self.workloadRef == oldSelf.workloadRef)",
        "is immutable: a pool either owns its replicas or uses one existing workload; create a new pool instead",
        path=".workloadRef",
    ),
    Rule(
        "(has(self.version) && size(self.version) > 0) || has(self.workloadRef)",
        "is required without workloadRef: the tag of Stellar Core's image, such as 30",
        lambda spec: bool(spec.version) or spec.workload_ref is not None,
        ".version",
    ),
    Rule(
        "has(self.probe) == has(self.workloadRef)",
        "is required with workloadRef, such as {type: rpc, port: 8000}, and not allowed without: the controller knows"
        " the port of its own replicas",
        lambda spec: (spec.probe is None) == (spec.workload_ref is None),
        ".probe",
    ),
    Rule(
        "has(self.workloadRef) || !has(self.loadBalancing.port)",
        "is allowed only with workloadRef: the controller knows the port of its own replicas",
        lambda spec: spec.workload_ref is not None or spec.load_balancing.port is None,
        ".loadBalancing.port",
    ),
    Rule(
        "!has(self.workloadRef) || !has(self.probe) || self.probe.type != 'core' || (has(self.loadBalancing.port)"
        " && string(self.loadBalancing.port) != string(self.probe.port))",
        "is required with probe.type core, and must not be probe.port, which is Core's command port, an admin port: use"
        " the port of its query server",
        _keeps_command_port,
        ".loadBalancing.port",
    ),
    _absent("version", _empty("version"), lambda spec: not spec.version, _PODS),
    _absent("image", f"self.image == '{DEFAULT_IMAGE}'", lambda spec: spec.image == DEFAULT_IMAGE, _PODS),
    _absent(
        "imagePullPolicy",
        "self.imagePullPolicy == 'IfNotPresent'",
        lambda spec: spec.image_pull_policy == "IfNotPresent",
        _PODS,
    ),
    _absent("imagePullSecrets", _empty("imagePullSecrets"), lambda spec: not spec.image_pull_secrets, _PODS),
    _absent(
        "replicas",
        "self.replicas == 0",
        lambda spec: spec.replicas == 0,
        "scale the workload itself, or let autoscaling do so",
    ),
    _absent(
        "coreConfigOverride",
        _empty("coreConfigOverride"),
        lambda spec: not spec.core_config_override,
        "the workload has its own configuration",
    ),
    _absent(
        "template",
        "!has(self.template) || (!has(self.template.metadata) && !has(self.template.spec))",
        lambda spec: not spec.template,
        "the workload has its own",
    ),
    _absent(
        "replacement.enabled",
        "!self.replacement.enabled",
        lambda spec: not spec.replacement.enabled,
        "the controller deletes neither its pods nor its volumes",
    ),
    _absent(
        "gate",
        "self.gate.enabled && !has(self.gate.image)",
        lambda spec: spec.gate.enabled and spec.gate.image is None,
        "the controller adds nothing to its pods",
    ),
    _absent(
        "shardBalancing.enabled",
        "!self.shardBalancing.enabled",
        lambda spec: not spec.shard_balancing.enabled,
        _ARCHIVES,
    ),
    _absent("historyArchiveUrls", _empty("historyArchiveUrls"), lambda spec: not spec.history_archive_urls, _ARCHIVES),
    _absent(
        "resources",
        "(!has(self.resources.requests) || size(self.resources.requests) == 0)"
        " && (!has(self.resources.limits) || size(self.resources.limits) == 0)",
        lambda spec: not spec.resources.requests and not spec.resources.limits,
        _PODS,
    ),
    _absent(
        "storage",
        f"!has(self.storage.storageClass) && string(self.storage.size) == '{DEFAULT_SIZE}'"
        " && self.storage.retentionPolicy == 'Delete' && !has(self.storage.dataSource)"
        " && !self.storage.snapshots.enabled && !has(self.storage.autoGrow)",
        lambda spec: _is_default(spec.storage),
        _VOLUMES,
    ),
)
"""What holds between workloadRef and the rest of the spec."""
