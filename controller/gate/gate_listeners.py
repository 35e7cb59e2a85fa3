"""Which requests pass the gate, port by port? Envoy's listeners, for controller.gate.gate_config.

A request passes when its method and its whole path, as sent, are the very ones named here. Nothing is decoded, joined
or shortened first, so what Core's own parser might make of another spelling does not matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

INFO_CLUSTER = "info"
QUERY_CLUSTER = "query"
ADMIN_CLUSTER = "admin"

INFO_PATH = "/info"
READ_PATHS = ("/getledgerentryraw", "/getledgerentry")
"""All that Core's query server answers, in any version (src/main/QueryServer.cpp)."""
STATS_PATH = "/stats/prometheus"
READY_PATH = "/ready"
SERVING_PATH = "/serving"
"""For the kubelet: answers 200 while Core's query server answers, 503 while it does not."""
DRAIN_PATH = "/drain"
"""For Core's preStop hook: answers when readers are gone. Images of Envoy have no shell to sleep in."""
LEAVE_PATH = "/leave"
"""For the gate's own: a little later, so that Core's hook is not cut off."""
READERS_STATS = r"^http\.read\.downstream_(cx_active|rq_(active|time|total|[1-5]xx))$"
"""What the statistics port tells of, of all that Envoy counts."""
SPACE_STATS = r"^overload\.envoy\.resource_monitors\.injected_resource\.pressure$"
"""The same of the replica's volume, where the gate watches how full that is."""

MOST_BODY_BYTES = 64 * 1024
"""Some 900 keys of accounts. Bodies of all connections at once fit in the gate's memory. Core itself takes 10 MiB."""
CONNECTION_BYTES = 64 * 1024
"""What is held of a connection on either side before its sender has to wait."""
SOCKET_BYTES = 32 * 1024
"""Of each direction; Linux takes twice as much."""
STALLED_SECONDS = 5
MOST_READERS = 1024
MOST_WATCHERS = 512
CONNECTION_SECONDS = 10
"""After this age a reader's connection is closed with the next response, so that readers follow the weights."""
DRAIN_SECONDS = 15
"""How long a replica that goes answers on: until routers have heard of it and readers' connections have ended."""
INFO_SECONDS = 30
QUERY_SECONDS = 10
_LEAVE_SECONDS = DRAIN_SECONDS + 2
_HEADERS_SECONDS = 5
_REQUEST_SECONDS = 10
_IDLE_SECONDS = 10
"""Who says nothing for so long gives up his place. Readers' connections are to move as often anyway."""
_LENGTH = "[0-9]{1,6}"
"""Lengths that go on to Core: up to 25.2.2 its query server ends by one that is no int of 32 bits."""
_SOCKET, _SEND_BUFFER, _RECEIVE_BUFFER = 1, 7, 8
_TCP, _USER_TIMEOUT = 6, 18
"""SOL_SOCKET, SO_SNDBUF, SO_RCVBUF; IPPROTO_TCP, TCP_USER_TIMEOUT: as numbers of Linux, which is where a gate runs."""
_HTTP = "type.googleapis.com/envoy.extensions.filters"


@dataclass(frozen=True, slots=True)
class GatePorts:
    """Where the gate listens: for the scaler, for readers, and for its statistics."""

    info: int = 11627
    read: int = 11628
    stats: int = 11629


def listener_name(port: str) -> str:
    """Name the listener of one of the gate's ports, as its statistics and limits call it."""
    return f"gate_{port}"


def build_info_listener(host: str, ports: GatePorts) -> dict[str, Any]:
    """Build the port of GET /info. Core takes no more of it than the path: it must not even have a query string."""
    routes = [_pass("GET", INFO_PATH, {"cluster": INFO_CLUSTER, "timeout": f"{INFO_SECONDS}s"})]
    refused = _refuse(f"This port answers GET {INFO_PATH} and nothing else.")
    return _build_listener("info", host, ports.info, [*routes, refused], [_build_body_limit(1)])


def build_read_listener(host: str, ports: GatePorts) -> dict[str, Any]:
    """Build the port of readers: the query server's paths by POST."""
    route = {"cluster": QUERY_CLUSTER, "timeout": f"{QUERY_SECONDS}s"}
    routes = [_pass("POST", path, route) for path in READ_PATHS]
    refused = _refuse(f"This port answers POST {' and POST '.join(READ_PATHS)} and nothing else.")
    limits = {
        "common_http_protocol_options": _build_connection_limits()
        | {"max_connection_duration": f"{CONNECTION_SECONDS}s"},
        "http1_safe_max_connection_duration": True,
    }
    rules = [_refuse_lengths(), *routes, refused]
    return _build_listener("read", host, ports.read, rules, [_build_body_limit(MOST_BODY_BYTES)], limits)


def build_stats_listener(host: str, ports: GatePorts, *, tells_space: bool = False) -> dict[str, Any]:
    """Build the port of the gate itself: its statistics of readers, its readiness, and a wait for those that end."""
    admin = {"cluster": ADMIN_CLUSTER, "timeout": "5s"}
    told = f"{READERS_STATS}|{SPACE_STATS}" if tells_space else READERS_STATS
    paths = (STATS_PATH, READY_PATH, SERVING_PATH, DRAIN_PATH, LEAVE_PATH)
    routes = [
        _pass("GET", STATS_PATH, admin | {"prefix_rewrite": f"{STATS_PATH}?filter={told}"}),
        _pass("GET", READY_PATH, admin),
        _wait(DRAIN_PATH, DRAIN_SECONDS),
        _wait(LEAVE_PATH, _LEAVE_SECONDS),
        _refuse(f"This port answers GET {', '.join(paths[:-1])} and {paths[-1]}, and nothing else."),
    ]
    filters = [_build_body_limit(1), _tell_serving(), _build_filter("fault", "HTTPFault")]
    limits = {"request_timeout": f"{2 * _LEAVE_SECONDS}s"}
    return _build_listener("stats", host, ports.stats, routes, filters, limits)


def _tell_serving() -> dict[str, Any]:
    """Answer by what gate.gate_config's health check makes of Core's query server."""
    healthy = {QUERY_CLUSTER: {"value": 100}}
    matched = _match("GET", SERVING_PATH)["headers"]
    settings = {"pass_through_mode": False, "cluster_min_healthy_percentages": healthy, "headers": matched}
    return _build_filter("health_check", "HealthCheck", **settings)


def _match(method: str, path: str) -> dict[str, Any]:
    """Match a method and a whole path; `:path` has the query string in it, so that there can be none."""
    exactly = {":method": method, ":path": path}
    headers = [{"name": name, "string_match": {"exact": value}} for name, value in exactly.items()]
    return {"path": path, "headers": headers}


def _pass(method: str, path: str, route: Mapping[str, Any]) -> dict[str, Any]:
    return {"match": _match(method, path), "route": dict(route)}


def _wait(path: str, seconds: int) -> dict[str, Any]:
    """Answer after so many seconds."""
    delay = {"fixed_delay": f"{seconds}s", "percentage": {"numerator": 100}}
    fault = {"@type": f"{_HTTP}.http.fault.v3.HTTPFault", "delay": delay}
    return {
        "match": _match("GET", path),
        "direct_response": _answer(200, "Drained."),
        "typed_per_filter_config": {"envoy.filters.http.fault": fault},
    }


def _refuse(sentence: str) -> dict[str, Any]:
    return {"match": {"prefix": "/"}, "direct_response": _answer(403, sentence)}


def _refuse_lengths() -> dict[str, Any]:
    """Refuse a Content-Length that Core could end by, whatever Envoy's own parser makes of it."""
    length = {"name": "content-length", "string_match": {"safe_regex": {"regex": _LENGTH}}, "invert_match": True}
    sentence = f"A query has at most {MOST_BODY_BYTES} bytes."
    return {"match": {"prefix": "/", "headers": [length]}, "direct_response": _answer(413, sentence)}


def _answer(status: int, sentence: str) -> dict[str, Any]:
    return {"status": status, "body": {"inline_string": f"{sentence}\n"}}


def _build_filter(name: str, message: str, **settings: Any) -> dict[str, Any]:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{_HTTP}.http.{name}.v3.{message}", **settings},
    }


def _build_body_limit(most_bytes: int) -> dict[str, Any]:
    """Buffer the whole body: Core does not support chunks, and slow senders would block its threads."""
    return _build_filter("buffer", "Buffer", max_request_bytes=most_bytes)


def _build_connection_limits() -> dict[str, Any]:
    return {
        "idle_timeout": f"{_IDLE_SECONDS}s",
        "headers_with_underscores_action": "REJECT_REQUEST",
        "max_headers_count": 64,
    }


def build_socket_options(*, ends_stalled: bool) -> list[dict[str, int]]:
    """Bound what the kernel keeps of a connection, by default megabytes, which counts as the container's memory.

    With `ends_stalled` a reader is sent away who takes nothing of an answer: it would hold one of Core's places.
    """
    options = {(_SOCKET, _SEND_BUFFER): SOCKET_BYTES, (_SOCKET, _RECEIVE_BUFFER): SOCKET_BYTES}
    if ends_stalled:
        options[_TCP, _USER_TIMEOUT] = 1000 * STALLED_SECONDS
    return [{"level": level, "name": name, "int_value": value} for (level, name), value in options.items()]


ANY_ADDRESS = "::"
"""All of a pod's addresses, of either family: a pod of an IPv6 cluster has none of IPv4."""


def _build_address(host: str, port: int) -> dict[str, Any]:
    both = {"ipv4_compat": True} if host == ANY_ADDRESS else {}
    return {"address": host, "port_value": port} | both


def _build_listener(
    name: str,
    host: str,
    port: int,
    routes: Iterable[Mapping[str, Any]],
    filters: Iterable[Mapping[str, Any]],
    limits: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    router = _build_filter("router", "Router", suppress_envoy_headers=True)
    connections: dict[str, Any] = {
        "@type": f"{_HTTP}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": list(routes)}]},
        "http_filters": [*filters, router],
        "http_protocol_options": {"allow_absolute_url": False},
        "common_http_protocol_options": _build_connection_limits(),
        "max_request_headers_kb": 8,
        "request_headers_timeout": f"{_HEADERS_SECONDS}s",
        "request_timeout": f"{_REQUEST_SECONDS}s",
        "stream_idle_timeout": f"{2 * INFO_SECONDS}s",
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
    }
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": connections | dict(limits or {}),
    }
    return {
        "name": listener_name(name),
        "address": {"socket_address": _build_address(host, port)},
        "per_connection_buffer_limit_bytes": CONNECTION_BYTES,
        # Whatever readers do, the scaler and the kubelet are answered: neither limit of the whole process is theirs.
        "ignore_global_conn_limit": name != "read",
        "bypass_overload_manager": name != "read",
        "socket_options": build_socket_options(ends_stalled=True),
        "filter_chains": [{"filters": [manager]}],
    }
