"""The archive of a report while it is put together: files by path, and what could not be read."""

import gzip
import io
import json
import os
import tarfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from readpool.cli.report.redaction import redact_object, redact_text

SUFFIXES = (".tar.gz", ".tgz", ".zip")
_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that belongs into the report and could not be had, and why."""

    what: str
    why: str


@dataclass(slots=True)
class Bundle:
    """What is known so far; every text goes through the redaction on its way in."""

    files: dict[str, str] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def add_text(self, path: str, text: str) -> None:
        """Add a text."""
        self.files[path] = redact_text(text)

    def add_object(self, path: str, value: Any) -> None:
        """Add an object or a list of objects, as YAML."""
        plain = json.loads(json.dumps(redact_object(value)))
        self.files[path] = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)

    def add_document(self, path: str, value: Mapping[str, Any]) -> None:
        """Add a document of ours, as JSON."""
        self.files[path] = json.dumps(redact_object(value), indent=2, ensure_ascii=False) + "\n"

    def miss(self, what: str, why: str) -> None:
        """Note what could not be read."""
        self.unread.append(Unread(what, redact_text(" ".join(why.split()))))


def write_archive(path: Path, top: str, files: Mapping[str, str], at: float) -> None:
    """Write the files below the folder `top` into an archive that only its owner can read.

    Raises:
        FileExistsError: there is a file of this name already.
        OSError: it cannot be written.
    """
    content = _pack_zip(top, files, at) if path.suffix == ".zip" else _pack_tar(top, files, at)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as archive:
        archive.write(content)


def _pack_tar(top: str, files: Mapping[str, str], at: float) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=at) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name in sorted(files):
            content = files[name].encode()
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), at, _MODE
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _pack_zip(top: str, files: Mapping[str, str], at: float) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{top}/{name}", time.gmtime(at)[:6])
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _MODE << 16
            archive.writestr(entry, files[name])
    return packed.getvalue()
