"""A real gate for tests and benchmarks: the configuration of a pod's gate, on free ports of 127.0.0.1."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from controller.core_config.core_config import CorePorts
from controller.gate.gate_config import GateSettings, build_gate_config
from controller.gate.gate_listeners import GatePorts
from devtools.envoy.envoy_process import EnvoyProcess, name_admin_socket, run_envoy
from devtools.machine.ports import take_ports

ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Gate:
    """A running gate and its ports."""

    ports: GatePorts
    envoy: EnvoyProcess


@contextlib.asynccontextmanager
async def run_gate(
    binary: Path,
    folder: Path,
    command_port: int,
    query_port: int,
    ports: GatePorts | None = None,
    space_file: Path | None = None,
) -> AsyncIterator[Gate]:
    """Run a gate before Core's two ports until the block ends; at free ports of its own where none are given."""
    ports = ports or GatePorts(*take_ports(3))
    core = CorePorts(command=command_port, query=query_port)
    told = None if space_file is None else str(space_file)
    settings = GateSettings(ports, core, host="127.0.0.1", admin=name_admin_socket(), space_file=told)
    config = build_gate_config(settings)
    async with run_envoy(binary, config, folder) as envoy:
        await envoy.wait_until_live()
        yield Gate(ports, envoy)


async def send(port: int, request: bytes) -> bytes:
    """Send these very bytes over a connection of their own; return all answers up to the one that ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = b""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(request)
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while not _is_last(answer := await read_answer(reader, has_body=not request.startswith(b"HEAD "))):
                    answers += answer
                answers += answer
    finally:
        writer.close()
    return answers


async def read_answer(reader: asyncio.StreamReader, *, has_body: bool = True) -> bytes:
    """Read one answer: its head, and its body by what the head says."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not has_body:
        return head
    if b"transfer-encoding: chunked" in head.lower():
        return head + await reader.readuntil(b"0\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


def _is_last(answer: bytes) -> bool:
    return b"connection: close" in answer.partition(b"\r\n\r\n")[0].lower()


def build_request(method: str, path: str, body: bytes = b"", headers: str = "") -> bytes:
    """Build a request that ends its connection."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n{length}{headers}\r\n"
    return head.encode("latin-1") + body


def read_status(answer: bytes) -> int:
    """Read the status of an answer; 0 where there is none."""
    words = answer.split(b" ", 2)
    return int(words[1]) if answer.startswith(b"HTTP/") else 0
