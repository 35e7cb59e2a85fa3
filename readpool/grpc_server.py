"""What is the same at every gRPC port of ours: limits of connections, keepalive, and how it listens."""

import grpc

from readpool.host_port import HostPort, StartError
from readpool.server_tls import build_server_credentials
from readpool.tls_files import TlsFiles

LAST_ANSWERS_SECONDS = 0.5
"""For the answers of finished calls to leave the process."""


def build_options(streams: int) -> list[tuple[str, int]]:
    """Build the options of a server; `streams`: the most calls and streams of one connection."""
    return [
        ("grpc.so_reuseport", 0),  # a port in use is an error, not half of the calls
        ("grpc.max_receive_message_length", 256 * 1024),  # a trigger, or the names of thousands of pools, in turn
        ("grpc.max_send_message_length", 64 * 1024 * 1024),  # a snapshot of a very large fleet
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.http2.write_buffer_size", 8 * 1024),  # of each stream beyond what its reader takes; 64 KiB by default
        ("grpc.max_concurrent_streams", streams),
        ("grpc.keepalive_time_ms", 60_000),  # finds peers that went without a word, and frees their streams
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),  # Go clients ping every 10 s at most
    ]


def listen(server: grpc.aio.Server, address: HostPort, tls: TlsFiles | None, flag: str) -> int:
    """Listen, with TLS if there are files; return the port.

    Raises:
        StartError: the address cannot be bound, or the TLS files cannot be used; it names `flag`.
    """
    try:
        if tls is None:
            return server.add_insecure_port(str(address))
        return server.add_secure_port(str(address), build_server_credentials(tls))
    except RuntimeError as error:
        raise StartError(f"{flag} {address} cannot be bound: {error}") from None
