"""Finding the address of a host name in a thread for which no process waits at its end, however long DNS takes."""

import asyncio
import ipaddress
import socket
import threading


async def resolve(host: str, port: int) -> tuple[str, int]:
    """Return the first IPv4 address of `host`, and the port. Raises OSError when it has none."""
    try:
        return str(ipaddress.IPv4Address(host)), port
    except ValueError:
        return await _look_up(host), port


async def _look_up(host: str) -> str:
    loop = asyncio.get_running_loop()
    found: asyncio.Future[str] = loop.create_future()

    def settle(address: str | None, error: OSError | None) -> None:
        if found.done():
            return
        if address is None:
            found.set_exception(error or OSError(f"{host} has no IPv4 address"))
        else:
            found.set_result(address)

    def work() -> None:
        address, error = None, None
        try:
            address = str(socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0])
        except OSError as caught:
            error = caught
        try:
            loop.call_soon_threadsafe(settle, address, error)
        except RuntimeError:
            return  # the loop has ended meanwhile

    threading.Thread(target=work, daemon=True).start()
    return await found
