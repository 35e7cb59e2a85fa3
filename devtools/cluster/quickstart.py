"""Runs hack/quickstart.sh on a cluster of ours: the quick start where neither kind nor docker is at hand."""

import json
import subprocess
import tempfile
from pathlib import Path

from devtools.cluster.builds import build_all
from devtools.cluster.images import Images, build_images
from devtools.cluster.instance import PROGRAMS, Instance
from devtools.machine.progress import Progress

SCRIPT = Path(__file__).resolve().parents[2] / "hack" / "quickstart.sh"


def run_script(instance: Instance, progress: Progress) -> int:
    """Run the script on a cluster that is up, with the images that are built here; return its exit code."""
    images = build_images(build_all(PROGRAMS, progress), progress)
    for archive in images.archives:  # what is there already takes no time
        instance.import_image(archive)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as values:
        json.dump(build_values(images), values)
        values.flush()
        ours = {
            "QUICKSTART_CLUSTER": "current",
            "QUICKSTART_CORE_IMAGE": images.core,
            "QUICKSTART_VALUES": values.name,
        }
        return subprocess.run([SCRIPT], check=False, env={**instance.access.environment, **ours}).returncode


def build_values(images: Images) -> dict[str, object]:
    """Build the values that name the images; without an Envoy to be had, replicas have no gate."""
    return {"image": _name_image(images.readpool), "gate": {"image": _name_image(images.gate or "")}}


def _name_image(reference: str) -> dict[str, str]:
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "tag": tag}
