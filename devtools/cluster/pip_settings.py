"""How this machine's pip finds packages (an index of its own, a proxy, certificates), for the build of an image."""

import re
import subprocess
import sys

TAKEN = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries", "cert")
_LINE = re.compile(r"^(?P<source>\S+)\.(?P<name>[a-z-]+)='(?P<value>.*)'$")


def read_pip_settings() -> dict[str, str]:
    """Read what pip is configured to; empty where this Python has no pip."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    return parse_pip_settings(subprocess.run(command, capture_output=True, check=False, text=True).stdout)


def parse_pip_settings(listed: str) -> dict[str, str]:
    """Parse `pip config list`: those settings that matter to an install; the environment's come before a file's."""
    found = [
        line
        for line in map(_LINE.match, listed.splitlines())
        if line and line["name"].removeprefix("default-") in TAKEN
    ]
    ordered = sorted(found, key=lambda line: line["source"] == ":env:")
    return {line["name"].removeprefix("default-"): line["value"] for line in ordered}
