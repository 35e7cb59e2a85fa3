"""Events of a Secret: that its certificate was issued, or expires soon. Nothing waits or fails for one."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import structlog

from readpool.clock import Clock
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import EVENT
from readpool.timestamps import format_micro_time

REPORTER = "stellar.org/readpool-certificates"
_log = structlog.get_logger()


class SecretEvents:
    """Writes Events at once; a failure is logged once until one succeeds."""

    def __init__(self, client: KubernetesClient, identity: str, clock: Clock) -> None:
        self._client = client
        self._identity = identity
        self._clock = clock
        self._has_failed = False

    async def write(self, secret: Mapping[str, Any], reason: str, note: str, *, is_warning: bool = False) -> None:
        """Write an Event that regards a Secret."""
        metadata = secret["metadata"]
        at = format_micro_time(self._clock())
        event = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": metadata["namespace"]},
            "eventTime": at,
            "reportingController": REPORTER,
            "reportingInstance": self._identity[:128],
            "action": "Issue",
            "reason": reason,
            "type": "Warning" if is_warning else "Normal",
            "note": note,
            "regarding": {
                "apiVersion": "v1",
                "kind": "Secret",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata.get("uid", ""),
            },
        }
        try:
            await self._client.create(EVENT, event)
        except ApiError as error:
            if not self._has_failed:
                _log.warning("cannotWriteEvents", reason=error.reason, message=error.message)
            self._has_failed = True
            return
        self._has_failed = False
