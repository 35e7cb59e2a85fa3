"""A real Chromium, headless: the one of the system, which talks to nobody on its own account."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from devtools.strictness import skip_or_fail

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str:
    """Return the path of Chromium: $CHROMIUM, or the first of the usual names on PATH; without one, skip the test."""
    given = os.environ.get("CHROMIUM")
    found = given or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        skip_or_fail(f"no Chromium: set CHROMIUM or install one of {', '.join(_NAMES)}")
    return found


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start Chromium, and end it."""
    path = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()
