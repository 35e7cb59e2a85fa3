"""A stage for routes that really route: replicas on addresses that exist, Contour with Envoy, Envoy alone, kube-proxy.

The API server and the controller are real as well, and what the scaler says is scripted. All that readers pass is in a
network of the stage's own.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from controller.gate.gate import READ_PORT
from devtools.api.api_server import ApiServer, find_programs, run_api_server
from devtools.api.controller_stage import USER, ControllerStage, set_stage
from devtools.api.definition import install_crd
from devtools.api.gateway_definitions import read_experimental_definitions
from devtools.api.gateway_shares import read_shares
from devtools.api.network_programs import (
    GATEWAY,
    GATEWAY_NAMESPACE,
    GATEWAY_PORT,
    ROUTER_PORT,
    Programs,
    run_programs,
)
from devtools.api.running_pool import has_replicas
from devtools.cluster.addresses import NODE_NAME
from devtools.cluster.builds import Binaries, build_all
from devtools.cluster.waiting import wait_for
from devtools.envoy.envoy_binary import find_envoy
from devtools.envoy.own_network import NODE_ADDRESS, OwnNetwork, make_network
from devtools.envoy.weighted_backends import Connect, Reader, run_backend
from devtools.machine.ports import take_ports
from devtools.pools.scripted_observer import build_snapshot
from readpool.kubernetes.kinds import ENDPOINT_SLICE, SERVICE
from readpool.kubernetes.kinds import POOL as POOL_KIND

TIP, LAG, LAG_THRESHOLD = 1_000_000, 100, 12
FRESH_WEIGHT = 100
NAMESPACE, POOL, PLAIN = "default", "pool", "plain"
"""The pool is that of the example's bootstrap for Envoy."""
_MANIFESTS = Path(__file__).with_name("gateway.yaml")
_CONTOUR_DEFINITIONS = "contour/01-crds.yaml"


class Way(StrEnum):
    """How readers come to the replicas of the pool."""

    HTTP_ROUTE = "by the HTTPRoute"
    ENDPOINT_DISCOVERY = "through Envoy by endpoint discovery"
    KUBE_PROXY = "to the Service by kube-proxy"

    @property
    def keeps_open(self) -> bool:
        """Whether a connection may be kept: kube-proxy chooses a replica once a connection."""
        return self is not Way.KUBE_PROXY

    @property
    def settled_seconds(self) -> float:
        """How long a replica has not answered that has lost its share; kube-proxy writes once a second at most."""
        return 1.2 if self is Way.KUBE_PROXY else 0.6


@dataclass(frozen=True, slots=True)
class RoutedBy:
    """What follows the pool's HTTPRoute.

    Attributes:
        parent: the route's parentRef.
        entrance: where readers come in; None where they ask the Service, as in a mesh.
        virtual_host: which of Envoy's is the pool's; "" where it has no other.
        ways: that there are on this stage.
    """

    parent: Mapping[str, Any]
    entrance: tuple[str, int] | None
    virtual_host: str = ""
    ways: Sequence[Way] = (Way.HTTP_ROUTE,)


CONTOUR = RoutedBy({"name": GATEWAY, "namespace": GATEWAY_NAMESPACE}, (NODE_ADDRESS, GATEWAY_PORT), ways=tuple(Way))


@dataclass
class RoutesStage:
    """One pool, `pool`, and the ways to it.

    Attributes:
        ledgers: of each replica, which it answers with.
        addresses: of each replica.
    """

    stage: ControllerStage
    network: OwnNetwork
    programs: Programs
    backends: contextlib.AsyncExitStack
    routed_by: RoutedBy = CONTOUR
    ledgers: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    async def find_way(self, way: Way) -> Connect:
        """Find a way to the pool, once it is answered."""
        match way:
            case Way.HTTP_ROUTE if self.routed_by.entrance is not None:
                return await self._until_answered(*self.routed_by.entrance)
            case Way.ENDPOINT_DISCOVERY:
                return await self._until_answered(NODE_ADDRESS, ROUTER_PORT)
            case _:
                return await self._find_service(POOL)

    async def have_pool(
        self, replicas: int, *, has_route: bool = True, target: int | None = None, **balancing: Any
    ) -> None:
        """Make a pool of so many replicas, all of them fresh; a pool that is there grows.

        Of them `target` are wanted fresh: all, where it is not given.
        """
        route = {"httpRoute": {"parentRefs": [dict(self.routed_by.parent)]}} if has_route else {}
        await self.stage.apply(
            version="v23.0.0",
            gate={"image": "envoyproxy/envoy:distroless-v1.40.0"},
            minReplicas=1,
            targetReplicas=target or replicas,
            loadBalancing={"enabled": True, "lagThreshold": LAG_THRESHOLD} | route | balancing,
        )
        scale = {"spec": {"replicas": replicas}}
        await self.stage.client.merge(POOL_KIND, self.stage.namespace, POOL, scale, manager=USER, subresource="scale")
        await self.stage.until(lambda: has_replicas(self.stage, replicas), f"a StatefulSet of {replicas}")
        for pod in await self.stage.cluster.run_pods(POOL):
            await self._answer(pod["metadata"]["name"], pod["status"]["podIP"])
        await self.say()
        weights = dict.fromkeys(self.addresses, FRESH_WEIGHT)
        await (self.until_routed(weights) if has_route else self.stage.until_weights(weights))

    async def say(self, lagging: Iterable[str] = ()) -> None:
        """Make these replicas lag and the others be fresh, and the scaler report so at once."""
        lags = dict.fromkeys(lagging, LAG)
        self.ledgers.update({name: TIP - lags.get(name, 0) for name in self.addresses})
        classes = {name: "lagging" if name in lags else "fresh" for name in self.addresses}
        told = build_snapshot(classes, time.time(), tip=TIP, desired=len(classes), lags=lags)
        await self.stage.observer.say(self.stage.namespace, POOL, told)

    async def until_routed(self, weights: Mapping[str, int]) -> None:
        """Wait until the slices have these weights, and the route's Envoy divides requests as they say."""
        await self.stage.until_weights({pod: weight for pod, weight in weights.items() if weight})
        await self.stage.until(lambda: self.is_routed(weights), f"Envoy to have {weights}")

    async def is_routed(self, weights: Mapping[str, int]) -> bool:
        """Return whether the route's Envoy divides requests as these weights say, by its own word."""
        self.programs.require_alive()
        whole = sum(weights.values())
        wanted = {self.addresses[pod]: Fraction(weight, whole) for pod, weight in weights.items() if weight}
        return await read_shares(self.programs, self.routed_by.virtual_host) == wanted

    async def have_plain_service(self) -> Connect:
        """Make a Service with all replicas in it, as one with a selector has; return the way to it."""
        named = {"name": PLAIN, "namespace": self.stage.namespace}
        port = {"name": "read", "port": READ_PORT, "protocol": "TCP"}
        slice_ = {
            "apiVersion": ENDPOINT_SLICE.api_version,
            "kind": ENDPOINT_SLICE.name,
            "metadata": named | {"labels": {"kubernetes.io/service-name": PLAIN}},
            "addressType": "IPv4",
            "ports": [port],
            "endpoints": [
                {"addresses": [address], "conditions": {"ready": True}} for address in self.addresses.values()
            ],
        }
        service = {"apiVersion": "v1", "kind": SERVICE.name, "metadata": named, "spec": {"ports": [port]}}
        for kind, manifest in ((SERVICE, service), (ENDPOINT_SLICE, slice_)):
            await self.stage.client.apply(kind, manifest, manager=USER)
        return await self._find_service(PLAIN)

    async def _find_service(self, name: str) -> Connect:
        service = await self.stage.read(SERVICE, name)
        return await self._until_answered(service["spec"]["clusterIP"], READ_PORT)

    async def _until_answered(self, address: str, port: int) -> Connect:
        way = partial(self.network.connect, address, port)

        async def is_answered() -> bool:
            self.programs.require_alive()
            async with Reader(way, keeps_open=False) as reader:
                return await reader.ask() != ""

        await self.stage.until(is_answered, f"answers at {address}:{port}")
        return way

    async def _answer(self, pod: str, address: str) -> None:
        """Make a replica answer with its name and its ledger."""
        if pod not in self.addresses:
            self.addresses[pod] = address
            self.ledgers[pod] = TIP
            listener = self.network.listen(address, READ_PORT)
            await self.backends.enter_async_context(run_backend(listener, lambda: f"{pod} {self.ledgers[pod]}"))


@dataclass(frozen=True, slots=True)
class Kit:
    """What a stage is set with.

    Attributes:
        build: builds the programs, or finds them in the cache.
        read_definition: reads the CRDs that come with them.
        manifests: what else has to be there.
        run: runs them for a block.
        flags: of the controller.
        routed_by: what follows the pool's HTTPRoute.
    """

    build: Callable[[], Binaries]
    read_definition: Callable[[Binaries], str]
    manifests: Path
    run: Callable[[OwnNetwork, ApiServer, Binaries, Path, Path], contextlib.AbstractContextManager[Programs]]
    flags: Sequence[str]
    routed_by: RoutedBy


@contextlib.asynccontextmanager
async def set_stage_with(kit: Kit, folder: Path) -> AsyncIterator[RoutesStage]:
    """Set a stage during the block.

    Raises:
        UnmetNeedError: where a program can be had neither from the cache nor by building it, or Linux makes no network.
        EnvoyMissingError: where there is no Envoy.
    """
    with make_network() as network:
        envoy, programs = await asyncio.to_thread(find_envoy), await asyncio.to_thread(find_programs)
        binaries = await asyncio.to_thread(kit.build)
        definitions = await asyncio.to_thread(read_experimental_definitions)
        with run_api_server(folder, programs) as server:
            manifests = kit.manifests.read_text(encoding="utf-8")
            await asyncio.to_thread(_prepare, server, [*definitions, kit.read_definition(binaries)], manifests)
            async with contextlib.AsyncExitStack() as stack:
                stage = await stack.enter_async_context(set_stage(server, NAMESPACE, folder))
                running = stack.enter_context(kit.run(network, server, binaries, envoy, folder))
                backends = await stack.enter_async_context(contextlib.AsyncExitStack())
                await stack.enter_async_context(stage.process(*kit.flags, kubeconfig=server.kubeconfig))
                yield RoutesStage(stage, network, running, backends, kit.routed_by)


def set_routes_stage(folder: Path) -> contextlib.AbstractAsyncContextManager[RoutesStage]:
    """Set the stage with Contour, an Envoy by endpoint discovery and kube-proxy; raises as set_stage_with."""
    (eds_port,) = take_ports(1)
    kit = Kit(
        build=partial(build_all, ("kubernetes", "contour")),
        read_definition=_read_contour_definitions,
        manifests=_MANIFESTS,
        run=partial(run_programs, eds_port),
        flags=("--eds-listen", f"127.0.0.1:{eds_port}", "--gateway-namespaces", GATEWAY_NAMESPACE),
        routed_by=CONTOUR,
    )
    return set_stage_with(kit, folder)


def _read_contour_definitions(binaries: Binaries) -> str:
    return (binaries.path("examples") / _CONTOUR_DEFINITIONS).read_text(encoding="utf-8")


def _prepare(server: ApiServer, definitions: Sequence[str], manifests: str) -> None:
    """Serve all kinds, and make a node and what else is required."""
    install_crd(server)
    server.access.apply(*definitions)
    wait_for("all kinds to be served", lambda: _are_served(server), seconds=60, every=0.1)
    server.access.apply(manifests)
    server.access.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE_NAME}})
    address = {"status": {"addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}]}}
    server.access.kubectl("patch", "node", NODE_NAME, "--subresource=status", "--patch", json.dumps(address))


def _are_served(server: ApiServer) -> bool:
    defined = {one["metadata"]["name"] for one in server.access.list("customresourcedefinitions")}
    return defined <= set(server.access.kubectl("api-resources", "--cached=false", "-o", "name").split())
