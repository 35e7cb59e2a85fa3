"""What is in the image beside the base: a software bill of materials in CycloneDX 1.6, from the lock. Pure.

Each component has the hashes that the image was installed by, so that who scans it finds the same files.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from packaging.utils import canonicalize_name

_PIN = re.compile(
    r"^([A-Za-z0-9._-]+)==([^\s;\\]+)([^\\\n]*)((?:\\?\n[ ]+--hash=sha256:[0-9a-f]{64}[ ]*)+)", re.MULTILINE
)
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_MARKER = "readpool:marker"


def build_sbom(
    lock: str, version: str, made_at: int, find_license: Callable[[str], str], requirements: Iterable[str]
) -> str:
    """Build the bill of materials as JSON.

    Args:
        lock: the text of lock/runtime.txt.
        version: of readpool.
        made_at: Unix seconds.
        find_license: gives a package's SPDX expression, or empty where it is not known.
        requirements: names of what readpool needs itself; the others are needed by those.
    """
    components = [
        _build_component(*found.group(1, 2), marker=found[3], hashes=found[4], license_=find_license(found[1]))
        for found in _PIN.finditer(lock)
    ]
    purl = f"pkg:pypi/readpool@{version}"
    needed = {canonicalize_name(name) for name in requirements}
    direct = sorted(str(one["purl"]) for one in components if one["name"] in needed)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, purl + lock)}",
        "version": 1,
        "metadata": {
            "timestamp": f"{datetime.fromtimestamp(made_at, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "component": {
                "type": "application",
                "name": "readpool",
                "version": version,
                "bom-ref": purl,
                "purl": purl,
                "licenses": [{"expression": "Apache-2.0"}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": purl, "dependsOn": direct},
            *({"ref": one["bom-ref"]} for one in components),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _build_component(name: str, version: str, *, marker: str, hashes: str, license_: str) -> dict[str, object]:
    name, purl = canonicalize_name(name), f"pkg:pypi/{canonicalize_name(name)}@{version}"
    component: dict[str, object] = {
        "type": "library",
        "name": name,
        "version": version,
        "bom-ref": purl,
        "purl": purl,
        "externalReferences": [
            {
                "type": "distribution",
                "url": purl,
                "hashes": [{"alg": "SHA-256", "content": one} for one in sorted(_HASH.findall(hashes))],
            }
        ],
    }
    if license_:
        component["licenses"] = [{"expression": license_}]
    if marker := marker.strip(" ;\\"):
        component["properties"] = [{"name": _MARKER, "value": marker}]
    return component
