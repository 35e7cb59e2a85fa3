"""Triggers as a pod that means harm gives them to a scaler: of fleets without end, and of words without end."""

import itertools
from collections.abc import Iterator

from readpool.keda.externalscaler_pb2 import ScaledObjectRef

NAMESPACES = 50
LONG = 60_000


def build_trigger(**metadata: str) -> dict[str, str]:
    """Build a trigger that is in order, of a Service that is not there."""
    return {"service": "core", "port": "11626", "targetReplicas": "3", **metadata}


def build_ref(namespace: str = "evil", name: str = "core", **metadata: str) -> ScaledObjectRef:
    """Build what is said of a ScaledObject with it."""
    return ScaledObjectRef(name=name, namespace=namespace, scalerMetadata=build_trigger(**metadata))


def name_fleets() -> Iterator[ScaledObjectRef]:
    """Name one fleet after the other, no two the same, of many namespaces."""
    for number in itertools.count():
        yield build_ref(f"evil-{number % NAMESPACES}", lagThreshold=str(1 + number), service=f"core-{number % 7}")


def tell_at_length() -> Iterator[ScaledObjectRef]:
    """Name what cannot be, at length: as a namespace, an object, a key and a value."""
    for number in itertools.count():
        words = f"\x1b]0;{number}\x07\n" + "\x01" * LONG
        yield ScaledObjectRef(name="core", namespace=words, scalerMetadata=build_trigger())
        yield ScaledObjectRef(name=words, namespace=f"evil-{number}", scalerMetadata=build_trigger(port="none"))
        yield build_ref(service=words)
        yield build_ref(**{words: "1"})
        yield build_ref(**{f"key{number}-{one}": "v" * 40 for one in range(800)})
