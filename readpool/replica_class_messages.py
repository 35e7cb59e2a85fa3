"""Replica classes in the Observer's messages."""

from collections.abc import Mapping

from readpool.replica_class import ReplicaClass
from readpool.v1 import observer_pb2 as pb

CLASS_TO_MESSAGE: Mapping[ReplicaClass, "pb.ReplicaClass.ValueType"] = {
    ReplicaClass.FRESH: pb.REPLICA_CLASS_FRESH,
    ReplicaClass.LAGGING: pb.REPLICA_CLASS_LAGGING,
    ReplicaClass.CATCHING_UP: pb.REPLICA_CLASS_CATCHING_UP,
    ReplicaClass.UNREACHABLE: pb.REPLICA_CLASS_UNREACHABLE,
    ReplicaClass.FOREIGN: pb.REPLICA_CLASS_FOREIGN,
    ReplicaClass.UNKNOWN: pb.REPLICA_CLASS_UNKNOWN,
}
_FROM_MESSAGE: Mapping[int, ReplicaClass] = {number: one for one, number in CLASS_TO_MESSAGE.items()}


def parse_class(number: int) -> ReplicaClass:
    """Parse a class; one that a newer scaler has and we do not know is unknown."""
    return _FROM_MESSAGE.get(number, ReplicaClass.UNKNOWN)
