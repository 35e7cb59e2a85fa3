"""Asks one address, or each address behind a name, until the answers are as expected: for `readpool check`."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

RETRY_SECONDS = 0.5
_LEAST_SECONDS = 0.5  # for one try: with less it would fail for want of time, whatever is wrong


class TooFewAddressesError(Exception):
    """A name has fewer addresses than required; the text says how many."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one address answered: as expected if `failure` is empty; `is_final` if asking again cannot help."""

    address: str
    failure: str = ""
    is_final: bool = False


def is_failed(answers: Sequence[Answer]) -> bool:
    """Return whether any address did not answer as expected."""
    return any(answer.failure for answer in answers)


async def ask_until_settled(ask: Callable[[float], Awaitable[list[Answer]]], seconds: float) -> list[Answer]:
    """Ask until all answers are as expected, or can no longer become so, for at most `seconds`; return the last ones.

    `ask` gets the seconds that are left.
    """
    deadline = time.monotonic() + seconds
    while True:
        answers = await ask(deadline - time.monotonic())
        is_settled = not is_failed(answers) or any(answer.is_final for answer in answers)
        if is_settled or time.monotonic() + RETRY_SECONDS + _LEAST_SECONDS > deadline:
            return answers
        await asyncio.sleep(RETRY_SECONDS)


async def find_addresses(address: str, at_least: int) -> list[str]:
    """Look up every IP:PORT behind HOST:PORT.

    Raises:
        TooFewAddressesError: there are fewer than `at_least`, none, or no DNS server answers.
    """
    host, _, port = address.rpartition(":")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise TooFewAddressesError(f"its address cannot be looked up: {error.strerror or error}") from error
    addresses = {f"[{where[0]}]:{port}" if ":" in str(where[0]) else f"{where[0]}:{port}" for *_, where in found}
    if len(addresses) < at_least:
        raise TooFewAddressesError(f"DNS has {len(addresses)} of {at_least} addresses for it")
    return sorted(addresses)
