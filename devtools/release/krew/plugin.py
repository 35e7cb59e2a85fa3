"""The archive of the kubectl plugin and its krew manifest, from the templates beside this module. Pure.

The archive holds a launcher, since krew installs files and no Python packages: uv or pipx bring those.
"""

import hashlib
import io
import time
import zipfile

from devtools.release.versions import to_chart_version

BINARY = "kubectl-readpool"
_EXECUTABLE, _PLAIN = 0o100755, 0o100644


def build_archive(launcher: str, license_text: bytes, version: str, made_at: int) -> tuple[str, bytes]:
    """Build the archive: its name and its content, the same each time."""
    files = {BINARY: (_fill(launcher, version).encode(), _EXECUTABLE), "LICENSE": (license_text, _PLAIN)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, mode) in sorted(files.items()):
            entry = zipfile.ZipInfo(name, time.gmtime(made_at)[:6])
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, mode << 16
            archive.writestr(entry, content)
    return f"{BINARY}-{version}.zip", packed.getvalue()


def build_manifest(template: str, version: str, archive: bytes) -> str:
    """Build the manifest that krew's index takes, for this archive."""
    return _fill(template, version).replace("{{SHA256}}", hashlib.sha256(archive).hexdigest())


def _fill(template: str, version: str) -> str:
    return template.replace("{{VERSION}}", version).replace("{{SEMVER}}", to_chart_version(version))
