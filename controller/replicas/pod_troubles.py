"""Why does a pod not come up? The kubelet's and the scheduler's own reasons, in words that can be counted.

Under the plan: the condition Ready counts them, Stalled names one that lasts, a rollout does not wait for them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.observed.labels import claim_name
from controller.resources.pod_state import parse_time
from readpool.kubernetes.kinds import Manifest
from readpool.text import count, shorten

_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
_STARTING = ("", "ContainerCreating", "PodInitializing")
_MOST_CHARACTERS = 160
_COUNTED_NODES = re.compile(r"^[0-9]+ (node\(s\) )?")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps one pod from running.

    Attributes:
        one: what it does, after its name or the number 1: `cannot pull …`.
        many: the same after a greater number.
        is_crash: a container of it ran and failed; otherwise none has begun.
        is_of_volume: it waits for its volume to be made.
    """

    one: str
    many: str
    is_crash: bool = False
    is_of_volume: bool = False


def find_trouble(pod: Manifest, claim: Manifest | None = None) -> Trouble | None:
    """Find what keeps a pod from running; None where nothing is known to. `claim` is that of its volume."""
    status = pod.get("status") or {}
    found = _judge_node(status, claim) or _judge_containers(status)
    if found is None and _is_waiting_for_volume(status, claim):
        found = _of_volume(claim)
    return found


def index_claims(pool: str, claims: Iterable[Manifest]) -> Mapping[str, Manifest]:
    """Index claims by the name of the pod that uses them."""
    prefix = claim_name(pool, 0).removesuffix(f"{pool}-0")
    return {claim["metadata"]["name"].removeprefix(prefix): claim for claim in claims}


def count_troubles(troubles: Iterable[Trouble]) -> str:
    """Count troubles of the same kind in a sentence, the most frequent first; empty for none."""
    counted = Counter((trouble.one, trouble.many) for trouble in troubles)
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(count(number, one, many) for (one, many), number in ordered)


def read_unready_since(pod: Manifest) -> float | None:
    """Read since when a pod that is not ready is not, or else when it was made; None where the cluster does not say."""
    conditions = {one.get("type"): one for one in (pod.get("status") or {}).get("conditions") or ()}
    for kind in ("Ready", "PodScheduled"):
        one = conditions.get(kind) or {}
        if one.get("status") == "False" and (at := parse_time(one.get("lastTransitionTime"))) is not None:
            return at
    return parse_time(pod["metadata"].get("creationTimestamp"))


def _judge_node(status: Mapping[str, Any], claim: Manifest | None) -> Trouble | None:
    conditions = status.get("conditions") or ()
    for one in conditions:
        if one.get("type") == "PodScheduled" and one.get("status") == "False" and one.get("reason") == "Unschedulable":
            message = one.get("message") or ""
            if "persistentvolumeclaim" in message.lower():
                return _of_volume(claim)
            why = _read_why_no_node(message)
            return Trouble(f"cannot be scheduled{why}", f"cannot be scheduled{why}")
    return None


def _read_why_no_node(message: str) -> str:
    """Read why no node takes a pod, as in `0/3 nodes are available: 3 Insufficient cpu. preemption: …`."""
    told = re.split(r"\. ?(?:preemption|no new claims)", message.partition(": ")[2], maxsplit=1)[0].rstrip(". ")
    parts = (_COUNTED_NODES.sub("", part.strip()) for part in told.split(", "))
    text = _fit_line(", ".join(part for part in dict.fromkeys(parts) if part))
    return f" ({text})" if text else ""


def _judge_containers(status: Mapping[str, Any]) -> Trouble | None:
    """Judge the containers in the order in which they start; the first that fails is what keeps the others waiting."""
    for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        found = _judge_container(one)
        if found is not None:
            return found
    return None


def _judge_container(one: Mapping[str, Any]) -> Trouble | None:
    waiting = (one.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason") or ""
    last = (one.get("state") or {}).get("terminated") or (one.get("lastState") or {}).get("terminated") or {}
    if reason in _IMAGE:
        text = f"cannot pull {one.get('image') or 'its image'} ({reason})"
        return Trouble(text, text)
    has_failed = bool(last) and last.get("exitCode", 0) != 0
    if not (one.get("ready") or "running" in (one.get("state") or {})) and has_failed:
        return _of_end(one.get("name") or "a container", last)
    if waiting and reason not in _STARTING:
        why = _read_last_line(waiting.get("message"))
        text = f"cannot start ({reason}: {why})" if why else f"cannot start ({reason})"
        return Trouble(text, text)
    return None


def _of_end(name: str, last: Mapping[str, Any]) -> Trouble:
    """Describe how a container terminated, with the last line of its output if the kubelet has kept it."""
    if last.get("reason") == "OOMKilled":
        return Trouble(f"runs out of memory ({name}: OOMKilled)", f"run out of memory ({name}: OOMKilled)")
    line = _read_last_line(last.get("message")) or f"exit code {last.get('exitCode')}"
    return Trouble(f"crashes ({name}: {line})", f"crash ({name}: {line})", is_crash=True)


def _is_waiting_for_volume(status: Mapping[str, Any], claim: Manifest | None) -> bool:
    is_bound = claim is None or (claim.get("status") or {}).get("phase") != "Pending"
    return not is_bound and not any("running" in (c.get("state") or {}) for c in status.get("containerStatuses") or ())


def _of_volume(claim: Manifest | None) -> Trouble:
    kind = (claim or {}).get("spec", {}).get("storageClassName")
    why = f"StorageClass {kind}" if kind else "none is bound"
    return Trouble(
        f"waits for its PersistentVolume ({why})", f"wait for their PersistentVolumes ({why})", is_of_volume=True
    )


def _read_last_line(text: Any) -> str:
    lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
    return _fit_line(lines[-1]) if lines else ""


def _fit_line(text: str) -> str:
    return shorten(" ".join(text.split()), _MOST_CHARACTERS - 1)
