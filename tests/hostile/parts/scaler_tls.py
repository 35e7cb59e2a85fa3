"""The scaler with mutual TLS, as the chart runs it by default: KEDA has a certificate, who attacks has none of ours."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from tests.component.certificates import Authority, write_secret
from tests.hostile.part import Part
from tests.hostile.parts.scaler import run_scaler


@contextlib.asynccontextmanager
async def run_part(folder: Path) -> AsyncIterator[Part]:
    """Run it."""
    ours = Authority("ours")
    flags = write_secret(folder / "tls", ours.issue(), ours.root)
    pair = ours.issue("keda")
    credentials = grpc.ssl_channel_credentials(ours.root, pair.key, pair.certificate)
    async with run_scaler(folder, (*flags, "--tls-client-ca", str(folder / "tls" / "ca.crt")), credentials) as part:
        yield part
