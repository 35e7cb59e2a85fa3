"""Connections to the API server that notice when it has vanished: beneath the client, in place of the library's own.

A watch on which nothing happens looks the same whether the server is silent or gone, and its objects would be taken
for current until it is opened again. client-go has HTTP/2 pings against that; here the kernel probes.
"""

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.rest import RESTClientObject

_IDLE_SECONDS = 5
_PROBE_SECONDS = 3
_PROBES = 3
UNHEARD_SECONDS = _IDLE_SECONDS + _PROBES * _PROBE_SECONDS
"""After so long without a sign of the server a connection is given up: about when the Lease would be lost."""
_OPTIONS = {"TCP_KEEPIDLE": _IDLE_SECONDS, "TCP_KEEPINTVL": _PROBE_SECONDS, "TCP_KEEPCNT": _PROBES}
"""As Linux calls them; a system that lacks one goes by its own."""


class _ProbedTransport(RESTClientObject):
    """The library's transport over probed connections."""

    def _create_connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(limit=self.maxsize, ssl=self.ssl_context, socket_factory=open_probed_socket)


def build_transport(configuration: Configuration) -> ApiClient:
    """Build what requests go through; it has to be closed.

    The environment's proxy is looked up once and not at every request, each time in a thread, as the library would. A
    netrc, which it would read as well, has no say: the credentials are those of the configuration.
    """
    configuration.proxy = configuration.proxy or find_proxy(configuration.host)
    configuration.client_session_kwargs = {"trust_env": False}
    transport = ApiClient(configuration)
    transport.rest_client = _ProbedTransport(configuration)
    return transport


def find_proxy(url: str) -> str | None:
    """Find the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for a URL."""
    parts = urlsplit(url)
    if parts.hostname and proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def open_probed_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Open a socket that is not connected yet, whose connection is given up after UNHEARD_SECONDS of silence."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return opened
