"""`readpool check http://HOST:PORT/readyz`: is that program ready? `helm test` checks controllers so."""

import asyncio
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

import httpx

from readpool.cli.fleets.answers import Answer, TooFewAddressesError, ask_until_settled, find_addresses, is_failed

SCHEME = "http://"
_DEFAULT_PORT = 80
_SHOWN_CHARACTERS = 200


async def ask_until_ready(url: str, seconds: float, at_least: int | None) -> list[Answer]:
    """Ask until the address behind a URL, or each of at least `at_least`, is ready, for at most `seconds`."""
    parts = urlsplit(url)

    async def ask_all(left: float) -> list[Answer]:
        return await _ask_all(parts, left, at_least)

    return await ask_until_settled(ask_all, seconds)


async def _ask_all(url: SplitResult, seconds: float, at_least: int | None) -> list[Answer]:
    address = url.netloc if url.port else f"{url.netloc}:{_DEFAULT_PORT}"
    try:
        addresses = [address] if at_least is None else await find_addresses(address, at_least)
    except TooFewAddressesError as error:
        return [Answer(address, str(error))]
    return list(await asyncio.gather(*(_ask(url, one, seconds) for one in addresses)))


async def _ask(url: SplitResult, address: str, seconds: float) -> Answer:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=seconds) as client:
            answer = await client.get(url._replace(netloc=address).geturl())
    except httpx.HTTPError as error:
        return Answer(address, str(error) or type(error).__name__)
    said = " ".join(answer.text.split())[:_SHOWN_CHARACTERS]
    return Answer(address) if answer.is_success else Answer(address, f"{answer.status_code} {said}".rstrip())


def describe_readiness(url: str, answers: Sequence[Answer]) -> str:
    """Return the result in one line."""
    if not is_failed(answers):
        return f"{url} is ready." if len(answers) == 1 else f"All {len(answers)} at {url} are ready."
    return f"{url} is not ready. " + "; ".join(f"{one.address}: {one.failure}" for one in answers if one.failure)
