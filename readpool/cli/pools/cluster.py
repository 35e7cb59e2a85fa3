"""The cluster that a command talks to, found as kubectl finds it, and a sentence for every way in which it refuses."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from kubernetes.aio.config import list_kube_config_contexts

from readpool.kubernetes.client import CONFIG_ERRORS, KubernetesClient, NoKubernetes, connect, say_config_error
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import POOL

Command = TypeVar("Command", bound=Callable[..., Any])
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_OPTIONS = (
    click.option("-n", "--namespace", metavar="NS", help="Namespace; by default the one of the context."),
    click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Kubeconfig; by default $KUBECONFIG, ~/.kube/config, or the pod that this runs in.",
    ),
    click.option("--context", metavar="NAME", help="Context of the kubeconfig; by default its current one."),
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a cluster is reached; a kubeconfig of None is the pod that this runs in."""

    kubeconfig: Path | None
    context: str | None
    namespace: str


def cluster_options(command: Command) -> Command:
    """Add the flags of a cluster to a command, which gets them as keywords, for `find_cluster`."""
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
    except CONFIG_ERRORS as error:
        raise click.ClickException(f"The kubeconfig {kubeconfig} cannot be used: {say_config_error(error)}.") from error
    chosen = current if context is None else next((one for one in contexts if one["name"] == context), None)
    if chosen is None:
        names = ", ".join(sorted(one["name"] for one in contexts)) or "none"
        raise click.ClickException(f"--context {context}: {kubeconfig} has no such context; there is {names}.")
    return chosen["context"].get("namespace") or "default"


@asynccontextmanager
async def ask_cluster(cluster: Cluster) -> AsyncIterator[KubernetesClient]:
    """Connect to a cluster; what it refuses within the block becomes a sentence.

    Raises:
        click.ClickException: there is no cluster, or it refuses.
    """
    try:
        async with connect(cluster.kubeconfig, context=cluster.context) as client:
            yield client
    except NoKubernetes as error:
        where = "Name one with --kubeconfig or $KUBECONFIG, or put one at ~/.kube/config."
        known = f"The kubeconfig cannot be used: {error}." if cluster.kubeconfig else f"No cluster is known. {where}"
        raise click.ClickException(known) from error
    except ApiError as error:
        raise click.ClickException(say_refusal(error)) from error


def say_refusal(error: ApiError) -> str:
    """Return a sentence for why the API server did not answer with pools, and what to do about it."""
    if error.status == 0:
        return f"The cluster does not answer. {error.message}"
    if error.is_not_found:
        return (
            f"The cluster has no {POOL.name} CRD: install the chart, which brings it (docs/chart.md),"
            " or apply what `python -m readpool.pool.crd` prints."
        )
    if error.status == 401:  # noqa: PLR2004 - Unauthorized
        return "The cluster does not know who you are: the credentials in the kubeconfig are wrong or have expired."
    if error.status == 403:  # noqa: PLR2004 - Forbidden
        return f"You may not do this: {error.message}. It takes a Role with list on {POOL.plural}.{POOL.group}."
    return f"The cluster refuses. {error}"
