"""Asking again and again until an answer is as it should be, of one address or of each behind a name: for `check`."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

RETRY_SECONDS = 0.5
_LEAST_SECONDS = 0.5  # for one try: with less it would fail for want of time, whatever is wrong


class TooFewAddressesError(Exception):
    """Fewer addresses are behind a name than there should be; the text says how many."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one address answered: as it should, where `failure` is empty; `is_final` where asking again is in vain."""

    address: str
    failure: str = ""
    is_final: bool = False


def is_failed(answers: Sequence[Answer]) -> bool:
    """Tell whether any address failed to answer as it should."""
    return any(answer.failure for answer in answers)


async def ask_until_settled(ask: Callable[[float], Awaitable[list[Answer]]], seconds: float) -> list[Answer]:
    """Ask, again while it may still come to answer, for at most so many seconds; give the last answers.

    `ask` is told how many seconds are left.
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
        TooFewAddressesError: there are fewer than `at_least`, none, or nobody to ask.
    """
    host, _, port = address.rpartition(":")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise TooFewAddressesError(f"no address is known for it: {error.strerror or error}") from error
    addresses = {f"[{where[0]}]:{port}" if ":" in str(where[0]) else f"{where[0]}:{port}" for *_, where in found}
    if len(addresses) < at_least:
        raise TooFewAddressesError(f"{len(addresses)} of {at_least} addresses are known for it")
    return sorted(addresses)
