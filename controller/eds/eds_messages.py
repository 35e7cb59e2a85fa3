"""Assignments as Envoy's own messages: controller.eds decides what is in them, this writes it down."""

from typing import Any

from envoy.config.core.v3 import address_pb2, base_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.wrappers_pb2 import UInt32Value

from controller.eds.eds import Assignment, EdsEndpoint, Locality

TYPE_URL = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


def encode_assignment(name: str, assignment: Assignment) -> PackedMessage:
    """Encode the assignment of the resource with this name."""
    localities = [_build_locality(locality) for locality in assignment.localities]
    message = endpoint_pb2.ClusterLoadAssignment(cluster_name=name, endpoints=localities)
    return PackedMessage(type_url=TYPE_URL, value=message.SerializeToString(deterministic=True))


def _build_locality(locality: Locality) -> Any:
    return endpoint_components_pb2.LocalityLbEndpoints(
        locality=base_pb2.Locality(zone=locality.zone),
        load_balancing_weight=UInt32Value(value=locality.weight),
        lb_endpoints=[_build_endpoint(endpoint) for endpoint in locality.endpoints],
    )


def _build_endpoint(endpoint: EdsEndpoint) -> Any:
    socket = address_pb2.SocketAddress(address=endpoint.address, port_value=endpoint.port)
    return endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(address=address_pb2.Address(socket_address=socket)),
        health_status=health_check_pb2.HealthStatus.Value(str(endpoint.health)),
        load_balancing_weight=UInt32Value(value=endpoint.weight),
    )
