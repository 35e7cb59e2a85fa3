"""The telemetry port that both programs have: Prometheus metrics and the two probes of the kubelet, with safe headers.

Everything is GET and the same for everyone; the headers keep a browser from being used against it all the same.
"""

import socket
from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry

from readpool.telemetry.connections import Connections
from readpool.telemetry.exposition import Exposition

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"  # no text becomes markup, not even by mistake
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class ListenAddress(Protocol):
    """Where to listen: readpool.host_port.HostPort, or anything like it."""

    @property
    def host(self) -> str:
        """An address, or "::" for every address of both families."""

    @property
    def port(self) -> int:
        """A port; 0 takes a free one."""


def build_telemetry_app(
    registry: CollectorRegistry, is_ready: Callable[[], bool], connections: Connections
) -> web.Application:
    """Build /metrics, /readyz and /healthz; callers can add routes."""
    exposition = Exposition(registry)

    async def serve_metrics(request: web.Request) -> web.Response:
        body, content_type = await exposition.read(",".join(request.headers.getall("Accept", ())))
        response = web.Response(body=body, headers={"Content-Type": content_type})
        response.enable_compression()
        return response

    async def serve_readiness(_request: web.Request) -> web.Response:
        return web.Response(text="ready\n") if is_ready() else web.Response(status=503, text="not ready\n")

    async def serve_health(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application(middlewares=[connections.serve])
    app.router.add_get("/metrics", serve_metrics)
    app.router.add_get("/readyz", serve_readiness)
    app.router.add_get("/healthz", serve_health)
    app.on_response_prepare.append(_add_headers)
    return app


def open_listener(listen: ListenAddress) -> socket.socket:
    """Open the socket to listen on; "::" listens on IPv4 as well, port 0 takes a free one.

    Raises:
        OSError: when the address cannot be listened on.
    """
    host, port = listen.host, listen.port
    if host == "::" and socket.has_dualstack_ipv6():
        return socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True)
    if host == "::":
        host = ""  # this machine has IPv4 only
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-cache")
    response.headers["Server"] = "readpool"
