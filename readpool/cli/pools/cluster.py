"""The cluster that a command asks, found as kubectl finds it; and a sentence for each way in which it says no."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml
from kubernetes.aio.config import list_kube_config_contexts
from kubernetes.aio.config.config_exception import ConfigException

from readpool.kubernetes.client import KubernetesClient, NoKubernetes, connect
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POOL

Command = TypeVar("Command", bound=Callable[..., Any])
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_OPTIONS = (
    click.option("-n", "--namespace", metavar="NS", help="Namespace; the context's own where none is given."),
    click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Else $KUBECONFIG, else ~/.kube/config, else the pod that this runs in.",
    ),
    click.option("--context", metavar="NAME", help="Context of the kubeconfig; its current one where none is given."),
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a cluster is reached; a kubeconfig of None is the pod that this runs in."""

    kubeconfig: Path | None
    context: str | None
    namespace: str


def cluster_options(command: Command) -> Command:
    """Give a command the flags of a cluster; it gets them as keywords, for `find_cluster`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def find_cluster(kubeconfig: Path | None, context: str | None, namespace: str | None) -> Cluster:
    """Find the cluster and the namespace that the flags, the environment and the kubeconfig name.

    Raises:
        click.ClickException: the kubeconfig cannot be read, or has no such context.
    """
    found = find_kubeconfig(kubeconfig, os.environ, Path.home())
    if found is None and context is not None:
        raise click.ClickException(f"--context {context}: there is no kubeconfig that could have it.")
    usual = read_namespace(found, context)
    return Cluster(found, context, namespace or usual)


def find_kubeconfig(given: Path | None, environment: Mapping[str, str], home: Path) -> Path | None:
    """Find the kubeconfig as kubectl does: the flag, $KUBECONFIG (files between colons), ~/.kube/config, none."""
    if given is not None:
        return given
    if named := environment.get("KUBECONFIG"):
        return Path(named)
    usual = home / ".kube" / "config"
    return usual if usual.is_file() else None


def read_namespace(kubeconfig: Path | None, context: str | None) -> str:
    """Read the namespace of the context, or of the pod.

    Raises:
        click.ClickException: the kubeconfig cannot be read, or has no such context.
    """
    if kubeconfig is None:
        return POD_NAMESPACE.read_text().strip() if POD_NAMESPACE.is_file() else "default"
    paths = str(kubeconfig).split(os.pathsep)
    if not any(Path(path).is_file() for path in paths):
        raise click.ClickException(f"There is no kubeconfig at {kubeconfig}.")
    try:
        contexts, current = list_kube_config_contexts(str(kubeconfig))  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, yaml.YAMLError, TypeError, AttributeError) as error:  # it trips over other YAML
        raise click.ClickException(f"The kubeconfig {kubeconfig} cannot be used: {error}") from error
    chosen = current if context is None else next((one for one in contexts if one["name"] == context), None)
    if chosen is None:
        names = ", ".join(sorted(one["name"] for one in contexts)) or "none"
        raise click.ClickException(f"--context {context}: {kubeconfig} has no such context; there is {names}.")
    return chosen["context"].get("namespace") or "default"


@asynccontextmanager
async def ask_cluster(cluster: Cluster) -> AsyncIterator[KubernetesClient]:
    """Connect to a cluster; whatever it refuses within the block becomes a sentence.

    Raises:
        click.ClickException: there is no cluster, or it refuses.
    """
    try:
        async with connect(cluster.kubeconfig, context=cluster.context) as client:
            yield client
    except NoKubernetes as error:
        where = "Name one by --kubeconfig or $KUBECONFIG, or put one at ~/.kube/config."
        raise click.ClickException(f"No cluster is known. {where} ({error})") from error
    except ApiError as error:
        raise click.ClickException(say_refusal(error)) from error


def say_refusal(error: ApiError) -> str:
    """Say in a sentence why the API server did not tell of pools, and what to do about it."""
    if error.status == 0:
        return f"The cluster does not answer. {error.message}"
    if error.is_gone:
        return (
            f"The cluster knows no {POOL.name}: install the chart, which brings its definition (docs/chart.md),"
            " or apply what `python -m readpool.pool.crd` prints."
        )
    if error.status == 401:  # noqa: PLR2004 - Unauthorized
        return "The cluster does not know who you are: the credentials in the kubeconfig are wrong or have expired."
    if error.status == 403:  # noqa: PLR2004 - Forbidden
        return f"The cluster does not let you: {error.message}. A Role for it: list on {POOL.plural}.{POOL.group}."
    return f"The cluster refuses. {error}"
