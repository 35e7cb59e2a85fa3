"""What a watch tells of an object while this process writes it is that write, as a rule, a moment before its answer.

The lane that writes plans again afterwards, so that no pool needs to be queued. Under controller.cluster.watches.
"""

from dataclasses import dataclass

from readpool.kubernetes.kinds import POD, POOL, Manifest, ObjectKey


@dataclass(slots=True)
class _Write:
    """Writes of one object that are under way.

    Attributes:
        count: how many there are; either lane may have one.
        generation: the object's when the first began.
        held_back: what the watch has told of it since then, unless an answer has accounted for that.
    """

    count: int
    generation: object
    held_back: Manifest | None = None


class OwnWrites:
    """The objects that this process writes at present, and whether more has happened to them than that."""

    def __init__(self) -> None:
        self._under_way: dict[ObjectKey, _Write] = {}

    def begin(self, key: ObjectKey, live: Manifest | None) -> None:
        """Note that a write of an object begins; `live` is what is known of it."""
        write = self._under_way.setdefault(key, _Write(0, _read_generation(live)))
        write.count += 1

    def hold_back(self, key: ObjectKey, manifest: Manifest) -> bool:
        """Return whether an event may wait until the write has ended.

        Those of pods may not, which readers hang on, nor a change of a pool's spec: a write may take half a minute.
        """
        write = self._under_way.get(key)
        if write is None or key.kind == POD:
            return False
        if key.kind == POOL and _read_generation(manifest) != write.generation:
            return False
        write.held_back = manifest
        return True

    def account_for(self, key: ObjectKey, answer: Manifest, live: Manifest | None) -> None:
        """Forget what was held back, if the answer to the write is as new as what is known by now."""
        write = self._under_way.get(key)
        if write is not None and live is not None and _read_version(live) == _read_version(answer):
            write.held_back = None

    def end(self, key: ObjectKey) -> Manifest | None:
        """Note that a write has ended, or has failed; return what was held back and was not that write."""
        write = self._under_way[key]
        write.count -= 1
        if write.count:
            return None
        del self._under_way[key]
        return write.held_back


def _read_generation(manifest: Manifest | None) -> object:
    return (manifest or {}).get("metadata", {}).get("generation")


def _read_version(manifest: Manifest) -> object:
    return manifest["metadata"].get("resourceVersion")
