"""What does the kubelet say of a pod: since when, at which addresses, and does what serves readers run at all?"""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from controller.gate.gate import GATE
from controller.resources.endpoint_slices import IPV4, family_of
from readpool.kubernetes.kinds import Manifest

CORE = "stellar-core"
_SERVING = (CORE, GATE)
"""Containers without which no reader is answered; a user's own beside them do not count."""


def list_addresses(pod: Manifest) -> tuple[str, ...]:
    """List a pod's addresses, the one of its cluster's first family before that of the other."""
    status = pod.get("status") or {}
    told = (status.get("podIP"), *(one.get("ip") for one in status.get("podIPs") or ()))
    return tuple(dict.fromkeys(address for address in told if address))


def choose_address(pod: Manifest, family: str | None) -> str:
    """Choose the address of a family, IPv4 or IPv6, or else the first; empty where a pod has none yet."""
    addresses = list_addresses(pod)
    of_family = [one for one in addresses if family_of(one) == family]
    return next(iter((*of_family, *addresses)), "")


def choose_other_address(pod: Manifest, families: Sequence[str], address: str) -> str:
    """Choose the address of the second family where readers come by both; empty where a pod answers at none of that.

    Core itself listens on IPv4 alone, so its pod answers on IPv6 only where a gate is in it.
    """
    asked = families[1:]
    own = next((one for one in list_addresses(pod) if one != address and family_of(one) in asked), "")
    has_gate = any(one.get("name") == GATE for one in (pod.get("spec") or {}).get("containers") or ())
    return own if has_gate or family_of(own) == IPV4 else ""


def read_ports(pod: Manifest) -> Mapping[str, int]:
    """Read a pod's named ports, those of the gate and of Core; they stay while it lives, whatever its template says."""
    containers = (pod.get("spec") or {}).get("containers") or ()
    ports = (port for one in containers if one.get("name") in _SERVING for port in one.get("ports") or ())
    return {port["name"]: port["containerPort"] for port in ports if port.get("name") and port.get("containerPort")}


def read_start(pod: Manifest) -> float | None:
    """Read when the kubelet took a pod on, or else when it was made, in Unix seconds; None where neither is told."""
    told = (pod.get("status") or {}).get("startTime") or pod["metadata"].get("creationTimestamp")
    return parse_time(told)


def read_core_start(pod: Manifest) -> float | None:
    """Read since when Core's container runs, in Unix seconds; None while it does not."""
    running = read_states(pod).get(CORE, {}).get("running") or {}
    return parse_time(running.get("startedAt"))


def parse_time(text: Any) -> float | None:
    """Parse a timestamp of the API; None for none, and for what anyone may have written into an annotation."""
    with contextlib.suppress(ValueError, OverflowError):
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) and text else None
    return None


def is_dead(pod: Manifest) -> bool:
    """Return whether the kubelet knows that Core or its gate does not run.

    That is certain, unlike whether Core is ready: busy, it fails its own probe and still answers readers.
    """
    states = read_states(pod)
    return any(states.get(name, {}).keys() & {"waiting", "terminated"} for name in _SERVING)


def is_gate_unready(pod: Manifest) -> bool:
    """Return whether the kubelet says that the gate is not ready: Core's query server does not answer it."""
    return any(one.get("name") == GATE and one.get("ready") is False for one in _list_statuses(pod))


def read_states(pod: Manifest, part: str = "containerStatuses") -> Mapping[str, Mapping[str, Any]]:
    """Read the state of each container, by its name; `part` may be initContainerStatuses, for native sidecars."""
    return {one.get("name", ""): one.get("state") or {} for one in _list_statuses(pod, part)}


def _list_statuses(pod: Manifest, part: str = "containerStatuses") -> Sequence[Mapping[str, Any]]:
    return (pod.get("status") or {}).get(part) or ()
