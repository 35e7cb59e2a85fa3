"""Unix time as RFC 3339 in UTC, as Kubernetes writes it. Pure."""

from datetime import UTC, datetime


def format_time(seconds: float) -> str:
    """Write whole seconds, such as 2026-05-01T12:00:00Z."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(seconds: float) -> str:
    """Write it as a MicroTime of Kubernetes, such as 2026-05-01T12:00:00.000000Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
