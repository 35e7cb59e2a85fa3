"""The telemetry port of the controller: Prometheus metrics and the two probes of the kubelet."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from controller.telemetry.metrics import ControllerCollector
from readpool.host_port import HostPort
from readpool.telemetry.certificates import CertificateCollector
from readpool.telemetry.exposition import build_process_registry
from readpool.telemetry.telemetry_port import serve_telemetry_port


def serve_telemetry(
    listen: HostPort, collector: ControllerCollector, is_ready: Callable[[], bool], certificates: Iterable[Path] = ()
) -> contextlib.AbstractAsyncContextManager[HostPort]:
    """Serve during the block, and yield where; `certificates` are files whose expiry is exposed.

    Raises:
        StartError: when the address cannot be bound.
    """
    registry = build_process_registry(collector)
    registry.register(CertificateCollector(certificates))
    return serve_telemetry_port(listen, registry, is_ready)
