"""`python -m readpool.simulator` as a process: it says where its nodes are, serves them, and ends on SIGTERM."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE


async def test_it_serves_until_it_is_told_to_end() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "readpool.simulator", "--nodes", "2",
        "--newcomers", "1", "--dns-port", "0",
        stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            lines = [(await process.stdout.readline()).decode().split() for _ in range(4)]
        assert [line[0] for line in lines] == ["pool-0", "pool-1", "pool-2", "dns"]
        host, _, port = lines[0][1].removeprefix("http://").removesuffix("/info").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /info HTTP/1.0\r\n\r\n")
        assert (await reader.readline()) == b"HTTP/1.0 200 OK\r\n"
        writer.close()
    finally:
        process.terminate()
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_a_taken_port_is_one_line_and_not_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "readpool.simulator",
            "--base-port",
            str(taken.getsockname()[1]),
            stdout=PIPE,
            stderr=PIPE,
        )
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.startswith(b"Error: ")
    assert errors.count(b"\n") == 1
