"""The recorded answers of Horizon and Stellar RPC beside this module, as the probes take them."""

import json
from email.utils import formatdate
from pathlib import Path
from typing import Any

from scaler.probes.answer import HttpAnswer

FOLDER = Path(__file__).resolve().parent / "horizon-answers"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
NETWORK = "Private Autoscaler Test Network"


def read_answer(name: str) -> HttpAnswer:
    """Read one recorded answer: status, headers and body."""
    recorded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_bytes())
    headers, body = recorded["headers"], recorded["body"]
    return HttpAnswer(
        recorded["status"],
        body.encode() if isinstance(body, str) else json.dumps(body).encode(),
        headers["Date"].encode(),
        headers["Retry-After"].encode() if "Retry-After" in headers else None,
    )


def change_root(name: str, at: float, **fields: object) -> HttpAnswer:
    """Return a recorded answer to GET / with some fields changed, answered at `at`, in Unix seconds."""
    recorded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_bytes())
    return HttpAnswer(200, json.dumps(recorded["body"] | fields).encode(), formatdate(at, usegmt=True).encode())
