"""A stage of two clusters that follow one network, and a reader's Envoy that knows the pools of both.

Each has an API server, a scaler and a controller as processes of its own, and two replicas; the network is one
validator, which is both scalers' reference. Validator and replicas are simulated Stellar Cores, a process each. What a
kubelet and cluster DNS do, the stage does. Readers ask replicas for /info, which says the ledger that they have.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import grpc
import yaml

from controller.gate.gate import READ_PORT
from devtools.api.api_server import Programs, find_programs, run_api_server
from devtools.api.controller_stage import ControllerStage, set_stage
from devtools.api.definition import install_crd
from devtools.api.running_pool import has_replicas
from devtools.core.core_private import PASSPHRASE, Nodes, make_nodes
from devtools.core.simulated_core import simulated_core
from devtools.envoy.envoy_binary import find_envoy
from devtools.envoy.envoy_process import name_admin_socket, run_envoy
from devtools.envoy.own_network import NODE_ADDRESS, OwnNetwork, Streams, make_network
from devtools.envoy.tcp_link import TcpLink, forward
from devtools.envoy.weighted_backends import to_port
from devtools.machine.ports import take_ports
from devtools.pools.pool_manifests import ARCHIVE
from readpool.keda.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from readpool.keda.externalscaler_pb2_grpc import ExternalScalerStub
from readpool.simulator.core_config import Ports
from readpool.simulator.core_process import CoreProcess
from readpool.simulator.dns import DnsServer, ServiceName
from readpool.v1.observer_pb2 import Pool, Snapshot, WatchRequest
from readpool.v1.observer_pb2_grpc import ObserverStub

if TYPE_CHECKING:
    from readpool.keda.externalscaler_pb2_grpc import ExternalScalerAsyncStub  # exists in the typed stub only
    from readpool.v1.observer_pb2_grpc import ObserverAsyncStub

BOOTSTRAP = Path(__file__).resolve().parents[2] / "examples" / "envoy-two-clusters.yaml"
NAMESPACE, POOL = "default", "pool"
REPLICAS, LAG_THRESHOLD = 2, 3
"""Ledgers close once a second here."""
POLL_SECONDS = 0.5
_ROUTER_PORT = 8090
_LOOPBACK = "127.0.0.1"
_SPEC: dict[str, Any] = {
    "network": "Custom",
    "networkPassphrase": PASSPHRASE,
    "historyArchiveUrls": [ARCHIVE],
    "version": "v23.0.0",
    "gate": {"image": "envoyproxy/envoy:distroless-v1.40.0"},
    "replicas": REPLICAS,
    "minReplicas": 1,
    "targetReplicas": REPLICAS,
    "maxReplicas": REPLICAS + 2,
    "autoscaling": {"sustainSeconds": 1},
    "loadBalancing": {"enabled": True, "lagThreshold": LAG_THRESHOLD, "updateIntervalSeconds": 1},
}
_QUORUM = """\
UNSAFE_QUORUM = true
FAILURE_SAFETY = 0
[QUORUM_SET]
THRESHOLD_PERCENT = 100
VALIDATORS = ["{account}"]
"""
_REF = ScaledObjectRef(name=POOL, namespace=NAMESPACE, scalerMetadata={"pool": POOL})


@dataclass
class Cluster:
    """One of the two.

    Attributes:
        eds_port: where its controller serves endpoint discovery, on loopback.
        to_network: what its replicas hear of the network by.
        reads: of each replica, what readers come by.
    """

    stage: ControllerStage
    eds_port: int
    to_network: TcpLink
    reads: list[TcpLink]
    keda: "ExternalScalerAsyncStub"
    observer: "ObserverAsyncStub"

    @property
    def asked(self) -> int:
        """How many queries its replicas were sent."""
        return sum(link.chunks for link in self.reads)

    async def ask_for_replicas(self) -> float | None:
        """Ask its scaler for the desired replicas as KEDA does; None where it has no ground to say."""
        try:
            answer = await self.keda.GetMetrics(GetMetricsRequest(scaledObjectRef=_REF, metricName="desiredReplicas"))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return None
        return answer.metricValues[0].metricValueFloat

    async def read_snapshot(self) -> Snapshot:
        """Read what its scaler says of the pool at the moment."""
        call = self.observer.Watch(WatchRequest(pool=Pool(namespace=NAMESPACE, name=POOL)))
        async for snapshot in call:
            call.cancel()
            return snapshot
        raise AssertionError("the scaler said nothing")


@dataclass(frozen=True, slots=True)
class TwoClusters:
    """Both, and the way of readers who are beside the first."""

    here: Cluster
    there: Cluster
    validator: CoreProcess
    network: OwnNetwork

    async def is_open(self) -> bool:
        """Return whether the reader's Envoy takes connections, which it does once it knows both pools."""
        with contextlib.suppress(OSError):
            _, writer = await self.connect()
            writer.close()
            return True
        return False

    async def connect(self) -> Streams:
        """Connect to the reader's Envoy."""
        return await self.network.connect(NODE_ADDRESS, _ROUTER_PORT)


@contextlib.asynccontextmanager
async def set_two_clusters(folder: Path) -> AsyncIterator[TwoClusters]:
    """Set the stage during the block: all replicas are fresh when it begins.

    Raises:
        UnmetNeedError: where a program can be had neither from the cache nor by building it, or Linux makes no network.
        EnvoyMissingError: where there is no Envoy.
    """
    async with contextlib.AsyncExitStack() as stack:
        network = stack.enter_context(make_network())
        envoy, programs = await asyncio.to_thread(find_envoy), await asyncio.to_thread(find_programs)
        nodes = await make_nodes(simulated_core(), folder, lambda: Ports(*take_ports(2)))
        stack.push_async_callback(nodes.close)
        peer = await nodes.start_validator()
        await stack.enter_async_context(forward(network.listen(_LOOPBACK, peer.http), to_port(peer.http)))
        made = [
            await stack.enter_async_context(_run_cluster(folder, number, nodes, peer, programs, network))
            for number in (1, 2)
        ]
        here, there = made
        config = build_router_config(here.eds_port, there.eds_port)
        await stack.enter_async_context(run_envoy(envoy, config, folder, place=network.place))
        clusters = TwoClusters(here, there, nodes.started[0], network)
        await here.stage.until(clusters.is_open, "the reader's Envoy to listen")
        yield clusters


def build_router_config(here: int, there: int) -> dict[str, Any]:
    """Build the example's bootstrap with the addresses of the stage; `here` and `there` are ports of controllers."""
    config: dict[str, Any] = yaml.safe_load(BOOTSTRAP.read_text(encoding="utf-8"))
    config["admin"]["address"]["pipe"]["path"] = name_admin_socket()
    (listener,) = config["static_resources"]["listeners"]
    listener["address"]["socket_address"] = {"address": NODE_ADDRESS, "port_value": _ROUTER_PORT}
    for cluster in config["static_resources"]["clusters"]:
        port = {"readpool-here": here, "readpool-there": there}.get(cluster["name"])
        if port is not None:
            (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
            endpoint["endpoint"]["address"]["socket_address"] = {"address": _LOOPBACK, "port_value": port}
    return config


@contextlib.asynccontextmanager
async def _run_cluster(
    folder: Path, number: int, nodes: Nodes, peer: Ports, programs: Programs, network: OwnNetwork
) -> AsyncIterator[Cluster]:
    own = folder / f"cluster-{number}"
    own.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(run_api_server(own, programs))
        await asyncio.to_thread(install_crd, server)
        stage = await stack.enter_async_context(set_stage(server, NAMESPACE, own))
        link_port, scaler_port, eds_port = take_ports(3)
        outside = socket.create_server((_LOOPBACK, link_port))
        to_network = await stack.enter_async_context(forward(outside, to_port(peer.peer)))
        watchers = [
            await nodes.start_watcher(f"{number}-{ordinal}", Ports(link_port, peer.http)) for ordinal in range(REPLICAS)
        ]
        addresses = {f"10.8.{number}.{at + 1}": one.http_port for at, one in enumerate(watchers)}
        for address, port in addresses.items():
            await stack.enter_async_context(forward(network.listen(address, port), to_port(port)))
        reads = [
            await stack.enter_async_context(forward(network.listen(address, READ_PORT), to_port(port)))
            for address, port in addresses.items()
        ]
        dns = await stack.enter_async_context(_run_dns(network, addresses))
        for port in (server.port, eds_port):
            await stack.enter_async_context(forward(network.listen(_LOOPBACK, port), to_port(port)))
        scaler = ("--listen", f"{NODE_ADDRESS}:{scaler_port}", "--dns-server", dns)
        reference = ("--reference", f"core=http://{_LOOPBACK}:{peer.http}")
        await stack.enter_async_context(_run_scaler(network, own, server.kubeconfig, *scaler, *reference))
        outside = socket.create_server((_LOOPBACK, scaler_port))
        inside = partial(network.connect, NODE_ADDRESS, scaler_port)
        await stack.enter_async_context(forward(outside, inside))
        flags = ("--scaler", f"{_LOOPBACK}:{scaler_port}", "--eds-listen", f"{_LOOPBACK}:{eds_port}")
        await stack.enter_async_context(stage.process(*flags, kubeconfig=server.kubeconfig))
        await stage.apply(POOL, **_SPEC, coreConfigOverride=_QUORUM.format(account=nodes.key.account))
        await stage.until(lambda: has_replicas(stage, REPLICAS), "a StatefulSet")
        await stage.cluster.run_pods(POOL, network=number)
        await stage.until_weights({f"{POOL}-{ordinal}": 100 for ordinal in range(REPLICAS)})
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"{_LOOPBACK}:{scaler_port}"))
        yield Cluster(stage, eds_port, to_network, reads, ExternalScalerStub(channel), ObserverStub(channel))


@contextlib.asynccontextmanager
async def _run_dns(network: OwnNetwork, addresses: Mapping[str, int]) -> AsyncIterator[str]:
    """Answer in the network as cluster DNS does for the replicas, by their command ports; yield HOST:PORT."""
    told = {f"{POOL}-{at}": one for at, one in enumerate(addresses.items())}
    server = DnsServer(ServiceName(f"{POOL}-nodes", NAMESPACE, port_name="info"), lambda: told)
    opened = network.bind_datagrams(_LOOPBACK)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Datagrams(server), sock=opened)
    try:
        yield f"{_LOOPBACK}:{opened.getsockname()[1]}"
    finally:
        transport.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (answer := self._server.answer(data)) is not None:
            self._transport.sendto(answer, addr)


@contextlib.asynccontextmanager
async def _run_scaler(network: OwnNetwork, folder: Path, kubeconfig: Path, *flags: str) -> AsyncIterator[None]:
    """Run a scaler in the network, where replicas have the addresses of their pods; its log: `folder`/scaler.log."""
    command = [
        *network.place,
        sys.executable,
        "-W",
        "error",
        "-m",
        "scaler",
        "--pools",
        "--kubeconfig",
        str(kubeconfig),
    ]
    command += ["--telemetry-listen", f"{_LOOPBACK}:0", "--poll-interval", str(POLL_SECONDS), *flags]
    with (folder / "scaler.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
