"""Reads what a report has of a cluster, as far as the caller may: what is refused is noted, and the rest goes on."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from readpool.cli.report.bundle import Bundle
from readpool.cli.report.sources import (
    CORE_EVENT,
    CRD,
    OWNED,
    PROGRAM_SELECTOR,
    choose_events,
    choose_of_pool,
    choose_scalers,
    find_telemetry_port,
    is_running,
    list_containers,
)
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import DEPLOYMENT, HPA, POD, POOL, Kind, Manifest
from readpool.pool.crd import CRD_NAME
from readpool.pool.labels import POOL_LABEL

MOST_LOG_BYTES = 5_000_000
MOST_METRICS_BYTES = 20_000_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is about.

    Attributes:
        namespace: of the pools, None for all.
        pool: one pool alone; None for all.
        system_namespace: where the programs run; None to look for them.
        log_seconds: how far back logs go; 0 for none.
    """

    namespace: str | None
    pool: str | None
    system_namespace: str | None
    log_seconds: int


@dataclass(slots=True)
class Seen:
    """What the summary is made of: pools and the programs' pods."""

    version: Mapping[str, Any] = field(default_factory=dict)
    pools: list[Manifest] = field(default_factory=list)
    program_pods: list[Manifest] = field(default_factory=list)


class Collector:
    """Reads a cluster into a bundle."""

    def __init__(self, client: KubernetesClient, bundle: Bundle, scope: Scope) -> None:
        self._client = client
        self._bundle = bundle
        self._scope = scope
        self.seen = Seen()

    async def collect(self) -> Seen:
        """Read everything that may be read."""
        await self._collect_cluster()
        await self._collect_pools()
        await self._collect_programs()
        return self.seen

    async def _try(self, what: str, asked: Awaitable[T], instead: T) -> T:
        try:
            return await asked
        except ApiError as error:
            self._bundle.miss(what, str(error))
            return instead

    async def _list(self, kind: Kind, namespace: str | None, selector: str | None = None) -> list[Manifest]:
        """List objects; a kind that the cluster does not have is an empty list, not a gap."""
        try:
            found, _ = await self._client.list(kind, namespace, selector=selector)
        except ApiError as error:
            if not error.is_not_found:
                where = f"in namespace {namespace}" if namespace else "in all namespaces"
                self._bundle.miss(f"{kind.plural} {where}", str(error))
            return []
        return [{"apiVersion": kind.api_version, "kind": kind.name, **one} for one in found]

    async def _collect_cluster(self) -> None:
        empty: dict[str, Any] = {}
        self.seen.version = await self._try("the cluster's version", self._client.request("GET", "/version"), empty)
        self._bundle.add_object("cluster/version.yaml", self.seen.version)
        definition = await self._try(
            f"the CRD {CRD_NAME}", self._client.request("GET", CRD.build_path(None, CRD_NAME)), empty
        )
        if definition:
            self._bundle.add_object("cluster/crd.yaml", definition)

    async def _collect_pools(self) -> None:
        found = await self._list(POOL, self._scope.namespace)
        self.seen.pools = [one for one in found if self._scope.pool in {None, one["metadata"]["name"]}]
        for namespace in sorted({one["metadata"]["namespace"] for one in self.seen.pools}):
            names = [one["metadata"]["name"] for one in self.seen.pools if one["metadata"]["namespace"] == namespace]
            await self._collect_namespace(namespace, names)

    async def _collect_namespace(self, namespace: str, names: Sequence[str]) -> None:
        owned = {kind: await self._list(kind, namespace, POOL_LABEL) for kind in OWNED}
        scalers = await self._list(HPA, namespace)
        events = await self._list(CORE_EVENT, namespace)
        pools = {one["metadata"]["name"]: one for one in self.seen.pools if one["metadata"]["namespace"] == namespace}
        for name in names:
            folder = f"pools/{namespace}/{name}"
            self._bundle.add_object(f"{folder}/pool.yaml", pools[name])
            objects = {kind: choose_of_pool(found, name) for kind, found in owned.items()}
            objects[HPA] = choose_scalers(scalers, name)
            for kind, found in objects.items():
                if found:
                    self._bundle.add_object(f"{folder}/objects/{kind.plural}.yaml", found)
            known = {name, *(one["metadata"]["name"] for found in objects.values() for one in found)}
            if about := choose_events(events, known):
                self._bundle.add_object(f"{folder}/events.yaml", about)

    async def _collect_programs(self) -> None:
        deployments = await self._list(DEPLOYMENT, self._scope.system_namespace, PROGRAM_SELECTOR)
        pods = await self._list(POD, self._scope.system_namespace, PROGRAM_SELECTOR)
        self.seen.program_pods = pods
        if not deployments and not pods:
            self._bundle.miss("the programs", f"no Deployment or pod with {PROGRAM_SELECTOR} can be seen")
        for namespace in sorted({one["metadata"]["namespace"] for one in (*deployments, *pods)}):
            folder = f"programs/{namespace}"
            own = [one for one in pods if one["metadata"]["namespace"] == namespace]
            for kind, found in ((DEPLOYMENT, deployments), (POD, own)):
                here = [one for one in found if one["metadata"]["namespace"] == namespace]
                self._bundle.add_object(f"{folder}/{kind.plural}.yaml", here)
            events = await self._list(CORE_EVENT, namespace)
            named = {one["metadata"]["name"] for one in (*deployments, *own)}
            self._bundle.add_object(f"{folder}/events.yaml", choose_events(events, named))
            for pod in filter(is_running, own):
                await self._collect_program_pod(folder, pod)

    async def _collect_program_pod(self, folder: str, pod: Manifest) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        path = POD.build_path(namespace, name)
        port = find_telemetry_port(pod)
        if port is not None:
            asked = self._client.read_text(f"{path}:{port}/proxy/metrics", most_bytes=MOST_METRICS_BYTES)
            if metrics := await self._try(f"metrics of pod {namespace}/{name}", asked, ""):
                self._bundle.add_text(f"{folder}/metrics/{name}.txt", metrics)
        for container, was_restarted in list_containers(pod) if self._scope.log_seconds else ():
            for previous in (False, True) if was_restarted else (False,):
                what = f"{'previous ' if previous else ''}log of pod {namespace}/{name}, container {container}"
                query = {
                    "container": container,
                    "timestamps": "true",
                    "limitBytes": str(MOST_LOG_BYTES),
                    **({"previous": "true"} if previous else {"sinceSeconds": str(self._scope.log_seconds)}),
                }
                asked = self._client.read_text(f"{path}/log", query, most_bytes=MOST_LOG_BYTES)
                if log := await self._try(what, asked, ""):
                    suffix = ".previous.log" if previous else ".log"
                    self._bundle.add_text(f"{folder}/logs/{name}/{container}{suffix}", log)
