"""Is an answer of the API server what was asked for? Pure: from bytes to JSON, or to an ApiError.

A proxy in between may answer `200 OK` with a page to log in, a metav1.Status or nothing at all. Whatever it is, it is a
failure that is tried again, never a store that is wrong or a task that ends.
"""

import json
from typing import Any

from readpool.kubernetes.errors import ApiError, parse_error

CHANGES = ("ADDED", "MODIFIED", "DELETED")
BOOKMARK = "BOOKMARK"
_ERROR = "ERROR"
_FAILURE = 500


def parse_answer(text: bytes) -> dict[str, Any]:
    """Parse an answer that says success.

    Raises:
        ApiError: it is no JSON object, or a metav1.Status of a failure.
    """
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise _bad(f"is not JSON: {error}") from error
    if not isinstance(answer, dict):
        raise _bad("is not an object")
    if answer.get("kind") == "Status" and answer.get("status") == "Failure":
        raise _to_error(answer)
    return answer


def read_stored(manifest: Any) -> dict[str, Any]:
    """Return an object as the API server stores it, with a name and a version; raise ApiError for any other."""
    metadata = manifest.get("metadata") if isinstance(manifest, dict) else None
    if not (isinstance(metadata, dict) and all(_is_text(metadata.get(name)) for name in ("name", "resourceVersion"))):
        raise _bad("has no name or version")
    return dict(manifest)


def read_page(page: dict[str, Any]) -> tuple[list[dict[str, Any]], str, str]:
    """Return the objects of a page of a list, the token of the next page, empty for the last, and the version."""
    items, metadata = page.get("items", ()), page.get("metadata")
    if items is None:  # as Go writes a list that was never made
        items = []
    if not (isinstance(items, list) and isinstance(metadata, dict) and _is_text(metadata.get("resourceVersion"))):
        raise _bad("is not a list")
    return [read_stored(one) for one in items], str(metadata.get("continue") or ""), metadata["resourceVersion"]


def read_resources(answer: dict[str, Any]) -> set[str]:
    """Return the plurals of what a group serves; raise ApiError where an answer does not say."""
    resources = answer.get("resources", ())
    if not (resources is None or isinstance(resources, list)):
        raise _bad("lists no resources")
    return {str(one.get("name")) for one in resources or () if isinstance(one, dict)}


def parse_event(line: bytes) -> tuple[str, dict[str, Any]]:
    """Parse one line of a watch: ADDED, MODIFIED, DELETED or BOOKMARK, and the object.

    Raises:
        ApiError: the server ends the watch with an error, or it is no event.
    """
    event = parse_answer(line)
    change, manifest = event.get("type"), event.get("object")
    if change == _ERROR:
        raise _to_error(manifest if isinstance(manifest, dict) else {})
    if change == BOOKMARK and isinstance(manifest, dict) and isinstance(manifest.get("metadata"), dict):
        if _is_text(manifest["metadata"].get("resourceVersion")):
            return change, manifest
    elif change in CHANGES:
        return change, read_stored(manifest)
    raise _bad("is not a watch event")


def _to_error(status: dict[str, Any]) -> ApiError:
    code = status.get("code")
    is_code = isinstance(code, int) and code >= 400  # noqa: PLR2004 - errors begin here
    return parse_error(code if isinstance(code, int) and is_code else _FAILURE, json.dumps(status).encode(), None)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _bad(what: str) -> ApiError:
    return ApiError(0, "BadAnswer", f"the API server's response {what}")
