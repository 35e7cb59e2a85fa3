"""What does the gate beside a replica let through? Ports in, Envoy's configuration out, as plain JSON.

Whatever gate.gate_listeners does not name is answered here and never reaches Core. Nothing of it is fetched at
run time, so that no one can change it from outside.
"""

import json
from dataclasses import dataclass
from typing import Any

from controller.core_config.core_config import CorePorts
from controller.gate.gate_listeners import (
    ADMIN_CLUSTER,
    ANY_ADDRESS,
    CONNECTION_BYTES,
    INFO_CLUSTER,
    MOST_READERS,
    MOST_WATCHERS,
    QUERY_CLUSTER,
    READ_PATHS,
    GatePorts,
    build_info_listener,
    build_read_listener,
    build_socket_options,
    build_stats_listener,
    listener_name,
)

ADMIN_SOCKET = "@readpool-gate-admin"
"""An abstract socket: there is no port and no file by which another pod or a volume could lead to Envoy's admin."""
LATENCY_BUCKETS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 5000, 10_000)
CORE_THREADS_WAITED_FOR = 64
"""Queries that Core is asked at once. Four threads answer them; more of them would only wait there."""
QUERIES_IN_LINE = 256
INFO_AT_ONCE = 8
"""Core's main thread answers /info, one after the other."""
CHECK_SECONDS = 5
"""For the answer to a check, which waits in line behind queries. Three in a row have to be missing."""
MOST_HEAP_BYTES = 160 * 1024 * 1024
_HEAP = "envoy.resource_monitors.fixed_heap"
_INJECTED = "envoy.resource_monitors.injected_resource"
_MONITORS = "type.googleapis.com/envoy.extensions.resource_monitors"


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Where the gate listens, and where Core does.

    Attributes:
        ports: of the gate itself.
        core: of Core, which is on localhost.
        host: which addresses the gate's ports are on. Core itself knows IPv4 alone.
        admin: where Envoy's own admin interface is.
        space_file: who fills it tells there how full the replica's volume is; None where no one does.
    """

    ports: GatePorts
    core: CorePorts
    host: str = ANY_ADDRESS
    admin: str = ADMIN_SOCKET
    space_file: str | None = None


def build_gate_config(settings: GateSettings) -> dict[str, Any]:
    """Build Envoy's bootstrap."""
    listeners = [build(settings.host, settings.ports) for build in (build_info_listener, build_read_listener)]
    tells_space = settings.space_file is not None
    listeners.append(build_stats_listener(settings.host, settings.ports, tells_space=tells_space))
    return {
        "admin": {"address": {"pipe": {"path": settings.admin}}},
        "static_resources": {
            "listeners": listeners,
            "clusters": [
                _build_core_cluster(INFO_CLUSTER, settings.core.command, INFO_AT_ONCE, INFO_AT_ONCE),
                _build_core_cluster(QUERY_CLUSTER, settings.core.query, CORE_THREADS_WAITED_FOR, QUERIES_IN_LINE)
                | _build_query_check(),
                _build_cluster(ADMIN_CLUSTER, {"pipe": {"path": settings.admin}}),
            ],
        },
        "stats_flush_interval": "1s",  # by which histograms are brought up to date
        "stats_config": _build_statistics(tells_space=tells_space),
        "layered_runtime": {"layers": [{"name": "static", "static_layer": _build_limits()}]},
        "overload_manager": _build_overload(settings.space_file),
    }


def write_gate_config(settings: GateSettings) -> str:
    """Write the bootstrap as Envoy's --config-yaml takes it: JSON is YAML."""
    return json.dumps(build_gate_config(settings), separators=(",", ":"), sort_keys=True)


def _build_cluster(name: str, address: dict[str, Any]) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        # An answer that its reader does not take stays with Core.
        "per_connection_buffer_limit_bytes": CONNECTION_BYTES,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _build_core_cluster(name: str, port: int, at_once: int, in_line: int) -> dict[str, Any]:
    """Build the way to one of Core's servers.

    Core closes each connection after its answer, and its query server knows Content-Length in this spelling alone.
    """
    spelling: dict[str, Any] = {"proper_case_words": {}}
    protocol = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"max_requests_per_connection": 1},
        "explicit_http_config": {"http_protocol_options": {"header_key_format": spelling}},
    }
    threshold = {
        "max_connections": at_once,
        "max_pending_requests": in_line,
        "max_requests": at_once + in_line,
        "max_retries": 0,
    }
    return _build_cluster(name, {"socket_address": {"address": "127.0.0.1", "port_value": port}}) | {
        "circuit_breakers": {"thresholds": [threshold]},
        "upstream_bind_config": {"socket_options": build_socket_options(ends_stalled=False)},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
    }


def _build_query_check() -> dict[str, Any]:
    """Ask Core's query server every few seconds, with a query that it refuses at once; any answer will do.

    It turns no reader away: with a lone endpoint Envoy goes on sending queries. It is what the kubelet is told by.
    """
    check = {
        "timeout": f"{CHECK_SECONDS}s",
        "interval": "2s",
        "no_traffic_interval": "2s",
        "unhealthy_threshold": 3,
        "healthy_threshold": 1,
        "reuse_connection": False,
        "http_health_check": {"path": READ_PATHS[0], "expected_statuses": [{"start": 200, "end": 600}]},
    }
    return {"health_checks": [check]}


def _build_statistics(*, tells_space: bool) -> dict[str, Any]:
    """Keep what tells of readers, and nothing else: the answer of the statistics port is read every few seconds."""
    kept = (
        "http.read.",
        "server.",
        f"cluster.{QUERY_CLUSTER}.membership_",
        *((f"overload.{_INJECTED}.",) if tells_space else ()),
    )
    return {
        "stats_matcher": {"inclusion_list": {"patterns": [{"prefix": prefix} for prefix in kept]}},
        "histogram_bucket_settings": [
            {"match": {"prefix": "http."}, "buckets": [float(one) for one in LATENCY_BUCKETS_MS]}
        ],
    }


def _build_limits() -> dict[str, Any]:
    """Bound the connections of each port, so that readers never shut out the scaler."""
    most = {"info": MOST_WATCHERS, "read": MOST_READERS, "stats": MOST_WATCHERS}
    return {
        f"envoy.resource_limits.listener.{listener_name(port)}.connection_limit": limit for port, limit in most.items()
    }


def _build_overload(space_file: str | None) -> dict[str, Any]:
    """Bound what bodies and connections may take up, below the container's own limit: refused is better than killed."""
    connections = {
        "@type": f"{_MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": MOST_READERS,
    }
    heap = {"@type": f"{_MONITORS}.fixed_heap.v3.FixedHeapConfig", "max_heap_size_bytes": MOST_HEAP_BYTES}
    full = {"name": _HEAP, "threshold": {"value": 0.95}}
    monitors = [
        {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": connections},
        {"name": _HEAP, "typed_config": heap},
    ]
    if space_file is not None:  # it is told of in the statistics, and nothing is refused for it
        space = {"@type": f"{_MONITORS}.injected_resource.v3.InjectedResourceConfig", "filename": space_file}
        monitors.append({"name": _INJECTED, "typed_config": space})
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": monitors,
        "actions": [{"name": "envoy.overload_actions.stop_accepting_requests", "triggers": [full]}],
    }
