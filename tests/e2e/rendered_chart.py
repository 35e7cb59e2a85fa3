"""The chart as Helm renders it, as data: `render("scaler.replicas=3")` gives every object. No cluster is asked."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from devtools.cluster.builds import build_all
from devtools.machine.needs import UnmetNeedError
from devtools.strictness import skip_or_fail

CHART = Path(__file__).resolve().parents[2] / "charts" / "readpool"
KUBERNETES = "1.36.3"
RELEASE, NAMESPACE = "readpool", "readpool"
Object = Mapping[str, Any]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where PyYAML has it

# Helm prints no notes without a cluster: here they are an object like the others.
_NOTES = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data:
  notes: {{ include (print $.Template.BasePath "/NOTES.txt") . | quote }}
"""


class RefusedError(Exception):
    """Helm refused the chart with these values; the message is its own."""


@dataclass(frozen=True, slots=True)
class Helm:
    """Helm, built from its pins."""

    binary: Path

    def run(self, *arguments: str) -> str:
        """Run a command and return what it prints.

        Raises:
            RefusedError: when it fails.
        """
        quiet = {**os.environ, "KUBECONFIG": os.devnull, "HELM_NO_PLUGINS": "1"}
        done = subprocess.run([self.binary, *arguments], capture_output=True, text=True, check=False, env=quiet)
        if done.returncode:
            raise RefusedError(done.stderr + done.stdout)
        return done.stdout

    @cache  # noqa: B019 - many tests render the same, and there is one Helm
    def _run_once(self, *arguments: str) -> str:
        return self.run(*arguments)

    def render(
        self, *settings: str, kubernetes: str = KUBERNETES, chart: Path = CHART, release: str = RELEASE
    ) -> list[Object]:
        """Render the chart with settings as of `--set`, or values as a JSON object.

        Raises:
            RefusedError: when schema or templates refuse them.
        """
        flags = [word for one in settings for word in _to_flags(one)]
        where = ("--namespace", NAMESPACE, "--kube-version", kubernetes)
        run = self._run_once if chart == CHART else self.run
        text = run("template", release, str(chart), *where, *flags)
        return [document for document in yaml.load_all(text, Loader=_LOADER) if document]

    def render_notes(self, *settings: str) -> str:
        """Render what is printed after an installation."""
        with tempfile.TemporaryDirectory() as folder:
            chart = Path(shutil.copytree(CHART, Path(folder, "readpool")))
            (chart / "templates" / "notes.yaml").write_text(_NOTES)
            notes = find(self.render(*settings, chart=chart), "ConfigMap", "notes")
        return str(notes["data"]["notes"])


def _to_flags(setting: str) -> Iterator[str]:
    """Write a setting, or each value of a JSON object, as flags."""
    if not setting.startswith("{"):
        yield from ("--set", setting)
        return
    for name, value in json.loads(setting).items():
        yield from ("--set-json", f"{name}={json.dumps(value)}")


def find_helm() -> Helm:
    """Find Helm in the cache, or build it; without Go, skip the test that needs it."""
    try:
        return Helm(build_all(parts=("helm",)).path("helm"))
    except UnmetNeedError as error:
        skip_or_fail(str(error))


def find(objects: Sequence[Object], kind: str, name: str | None = None) -> Object:
    """Find the one object of a kind, or the one of that name."""
    (found,) = (o for o in objects if o["kind"] == kind and name in {None, o["metadata"]["name"]})
    return found


def list_pods(objects: Sequence[Object]) -> list[Object]:
    """List what becomes pods: their metadata and spec."""
    templates = [o["spec"]["template"] for o in objects if "template" in o.get("spec", {})]
    return templates + [o for o in objects if o["kind"] == "Pod"]


def pod_of(objects: Sequence[Object], deployment: str) -> Any:
    """Return the spec of the pods of a Deployment."""
    return find(objects, "Deployment", deployment)["spec"]["template"]["spec"]


def args_of(pod: Object) -> list[str]:
    """Return the arguments of a pod's only container."""
    (container,) = pod["containers"]
    return list(container["args"])
