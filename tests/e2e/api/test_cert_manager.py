"""tls.mode=certManager with a real cert-manager: what it issues lets in whom it should, and is renewed while all runs.

`make e2e-full` runs what needs its program, which takes minutes to build; that its definitions take what the chart
renders is tested in each run.
"""

import asyncio
import contextlib
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.endpoint.v3 import eds_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from controller.eds.eds_messages import TYPE_URL
from devtools.api.api_relay import run_relay
from devtools.api.api_server import ApiServer, Programs, run_api_server
from devtools.api.cert_manager import Webhook, build_cert_manager, install_definitions, run_cert_manager
from devtools.api.definition import install_crd
from devtools.cluster.waiting import wait_for
from devtools.machine.needs import UnmetNeedError, require_root
from devtools.machine.ports import take_ports
from devtools.pools.pool_manifests import build_manifest
from devtools.strictness import skip_or_fail
from tests.component.certificates import Authority, Pair, write_secret
from tests.component.scaler_process import ScalerProcess, run_scaler
from tests.e2e.api.issued_chart import KEDA, KEDA_SECRET, SETTINGS, IssuedChart, install
from tests.e2e.rendered_chart import NAMESPACE, Helm, args_of, find_helm, pod_of
from tests.hostile.processes import run_program

pytestmark = pytest.mark.timeout(1800, func_only=True)  # cert-manager may have to be built
SCALER, CONTROLLER, ROUTER = "readpool-scaler-tls", "readpool-controller-client-tls", "readpool-router-client-tls"
SCALER_NAME, EDS_NAME = f"readpool-scaler.{NAMESPACE}", f"readpool-controller-eds.{NAMESPACE}"
TAKEN_UP_SECONDS, COPIED_SECONDS = 30.0, 60.0


@pytest.fixture(scope="module")
def server(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Run an API server of this file's own that knows cert-manager's kinds."""
    with run_api_server(tmp_path_factory.mktemp("api"), programs) as running:
        try:
            install_definitions(running)
        except UnmetNeedError as error:
            skip_or_fail(str(error))
        install_crd(running)
        yield running


@pytest.fixture
def issued(server: ApiServer, tmp_path: Path) -> Iterator[IssuedChart]:
    """Install the chart's certificates beside a cert-manager."""
    try:
        require_root("A controller that finds the scaler by its name")
        program = build_cert_manager(print)
    except UnmetNeedError as error:
        skip_or_fail(str(error))
    (port,), authority, folder = take_ports(1), Authority("webhook"), tmp_path / "webhook"
    write_secret(folder, authority.issue("127.0.0.1"), authority.root)
    webhook = Webhook(port, folder / "tls.crt", folder / "tls.key", authority.root)
    with run_cert_manager(server, program, webhook, tmp_path / "cert-manager.log"):
        chart = install(server, find_helm(), tmp_path)
        chart.wait_until_issued()
        yield chart


@contextlib.contextmanager
def dial(address: str, name: str, authorities: bytes, client: Pair | None) -> Iterator[grpc.Channel]:
    shown = (client.key, client.certificate) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authorities, *shown)
    options = [("grpc.ssl_target_name_override", name), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(address, credentials, options) as channel:
        yield channel


def ask_health(channel: grpc.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    stub.Check(health_pb2.HealthCheckRequest(), timeout=10)


def ask_endpoints(channel: grpc.Channel) -> None:
    stub: Any = eds_pb2_grpc.EndpointDiscoveryServiceStub(channel)
    stub.FetchEndpoints(discovery_pb2.DiscoveryRequest(type_url=TYPE_URL), timeout=10)


def find_code(
    address: str, name: str, authorities: bytes, client: Pair | None, ask: Callable[[grpc.Channel], None] = ask_health
) -> grpc.StatusCode:
    """Ask once over a new connection; return how that is answered."""
    with dial(address, name, authorities, client) as channel:
        try:
            ask(channel)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def read_served(address: str) -> int:
    """Read the serial number of the certificate that is served."""
    host, _, port = address.rpartition(":")
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, int(port))).encode()).serial_number


def test_cert_managers_own_definitions_take_what_the_chart_renders(server: ApiServer, helm: Helm) -> None:
    server.access.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for more in ((), ("tls.certManager.issuerRef.name=mine", "tls.certManager.issuerRef.kind=ClusterIssuer")):
        objects = [one for one in helm.render(*SETTINGS, *more) if one["apiVersion"].startswith("cert-manager.io/")]
        kinds = {one["kind"] for one in objects}
        assert kinds == ({"Certificate"} if more else {"Certificate", "Issuer"})
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        server.access.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=listed)


@pytest.mark.full
async def test_what_is_issued_lets_in_whom_it_should_and_is_renewed_without_a_restart(
    issued: IssuedChart, server: ApiServer, tmp_path: Path
) -> None:
    for certificate in issued.certificates.values():
        names = read_names(issued.read_pair(certificate["secretName"])[0])
        assert names == set(certificate.get("dnsNames", ()))
    server.access.apply(build_manifest("readers", NAMESPACE))
    flags = issued.place_flags("readpool-scaler", ("--tls-",))
    pools = ("--pools", "--kubeconfig", str(server.kubeconfig), "--dns-server", "127.0.0.1:9")
    async with run_certificates(issued, server, tmp_path):
        with run_scaler(*flags, *pools) as scaler:
            await asyncio.to_thread(check_callers, issued, scaler)
            async with run_controller(issued, scaler, server, tmp_path) as eds:
                await asyncio.to_thread(scaler.wait_for, "fleetWatched", 30, fleet=f"{NAMESPACE}/readers")
                await asyncio.to_thread(check_envoys, issued, eds)
                await asyncio.to_thread(renew_all, issued, scaler, eds)
                await asyncio.to_thread(check_callers, issued, scaler)
                await asyncio.to_thread(check_envoys, issued, eds)


def wait_until_another_is_served(address: str, before: int) -> None:
    wait_for("the new certificate to be served", lambda: read_served(address) != before, TAKEN_UP_SECONDS, 0.3)


def read_names(pair: Pair) -> set[str]:
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return set(found.value.get_values_for_type(x509.DNSName))


def check_callers(issued: IssuedChart, scaler: ScalerProcess) -> None:
    """Check that KEDA's copy and the controller's certificate are let in, and no others."""
    wait_for("KEDA's certificate to be copied", lambda: issued.read_secret(KEDA_SECRET, KEDA).get("tls.crt"), 30, 0.3)
    keda, authorities = issued.read_pair(KEDA_SECRET, KEDA)
    assert read_names(keda) == {f"readpool-keda.{NAMESPACE}"}
    assert find_code(scaler.grpc, SCALER_NAME, authorities, keda) is grpc.StatusCode.OK
    controller, authorities = issued.read_pair(CONTROLLER)
    assert find_code(scaler.grpc, SCALER_NAME, authorities, controller) is grpc.StatusCode.OK
    assert find_code(scaler.grpc, SCALER_NAME, authorities, None) is grpc.StatusCode.UNAVAILABLE
    stranger = Authority("stranger").issue(host=f"readpool-keda.{NAMESPACE}")
    assert find_code(scaler.grpc, SCALER_NAME, authorities, stranger) is grpc.StatusCode.UNAVAILABLE
    router, _ = issued.read_pair(ROUTER)
    refused = find_code(scaler.grpc, SCALER_NAME, authorities, router)
    assert refused in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}


def check_envoys(issued: IssuedChart, eds: str) -> None:
    """Check that the router is let in to endpoint discovery, and the controller's other certificate is not."""
    router, authorities = issued.read_pair(ROUTER)
    assert find_code(eds, EDS_NAME, authorities, router, ask_endpoints) is grpc.StatusCode.OK
    controller, _ = issued.read_pair(CONTROLLER)
    refused = find_code(eds, EDS_NAME, authorities, controller, ask_endpoints)
    assert refused in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}


def renew_all(issued: IssuedChart, scaler: ScalerProcess, eds: str) -> None:
    """Renew every certificate but the authority's, and wait until all programs go by the new ones."""
    served = {address: read_served(address) for address in (scaler.grpc, eds)}
    for name in issued.certificates:
        if name != "readpool-ca":
            issued.renew(name)
    for secret in (SCALER, CONTROLLER, "readpool-controller-eds-tls"):
        issued.mount(secret)
    for address, before in served.items():
        wait_until_another_is_served(address, before)
    source = issued.read_secret("readpool-keda-tls")["tls.crt"]
    wait_for(
        "KEDA's new certificate to be copied",
        lambda: issued.read_secret(KEDA_SECRET, KEDA)["tls.crt"] == source,
        COPIED_SECONDS,
        0.3,
    )


@contextlib.asynccontextmanager
async def run_certificates(issued: IssuedChart, server: ApiServer, folder: Path) -> AsyncIterator[None]:
    """Run the program that copies KEDA's certificate, with the chart's arguments and its account's rights alone."""
    arguments = [one for one in args_of(pod_of(issued.objects, "readpool-certificates")) if "telemetry" not in one]
    async with run_relay(server, folder) as relay:
        relay.user = f"system:serviceaccount:{NAMESPACE}:readpool-certificates"
        own = ["--telemetry-listen=127.0.0.1:0", f"--kubeconfig={folder / 'relay.kubeconfig'}"]
        command = [sys.executable, "-m", "readpool.certificates", *arguments[1:], *own]
        async with run_program(command, folder / "certificates.log", is_read=False):
            yield
        assert relay.forbidden == []


@contextlib.asynccontextmanager
async def run_controller(
    issued: IssuedChart, scaler: ScalerProcess, server: ApiServer, folder: Path
) -> AsyncIterator[str]:
    """Run a controller with the chart's flags for TLS; gives the address of its endpoint discovery."""
    (eds,), hosts = take_ports(1), folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {SCALER_NAME}\n")
    flags = issued.place_flags("readpool-controller", ("--scaler-c", "--scaler-k", "--eds-tls"))
    own = (
        *(f"--kubeconfig={server.kubeconfig}", f"--scaler={SCALER_NAME}:{scaler.grpc.rpartition(':')[2]}"),
        *("--telemetry-listen=127.0.0.1:0", f"--eds-listen=127.0.0.1:{eds}"),
        *(f"--lease-namespace={NAMESPACE}", f"--namespaces={NAMESPACE}"),
    )
    place = ["unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    command = [*place, sys.executable, "-m", "controller", *flags, *own]
    async with run_program(command, folder / "controller.log", is_read=False):
        yield f"127.0.0.1:{eds}"
