"""The router in the chart: a bootstrap that Envoy takes, told by the controllers, and drained before it ends."""

import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.eds.eds_server import EdsServer
from controller.eds.eds_store import EdsStore
from devtools.envoy.eds_router import BOOTSTRAP, assign
from devtools.envoy.envoy_binary import require_envoy
from devtools.envoy.envoy_process import name_admin_socket, run_envoy
from devtools.envoy.weighted_backends import Reader, run_backends, to_port, wait_until_moved
from devtools.machine.ports import take_ports
from readpool.host_port import HostPort
from readpool.tls_files import TlsFiles
from tests.component.certificates import Authority, write_secret
from tests.e2e.rendered_chart import Helm, Object, RefusedError, args_of, find, pod_of

pytestmark = pytest.mark.timeout(900)  # Helm may have to be built

ROUTER, CONTROLLER = "readpool-router", "readpool-controller"
OFF = "tls.mode=off"
ONE = ("router.enabled=true", "router.pools[0].namespace=stellar", "router.pools[0].name=readers")
TWO = (*ONE, "router.pools[1].namespace=stellar", "router.pools[1].name=archive")
SECRET = ("tls.mode=secret", "scaler.tls.secretName=scaler", "controller.scalerAuthentication=keda")
TLS = (*SECRET, "controller.eds.tls.secretName=eds")
MUTUAL = (*TLS, "controller.eds.tls.clientCA.enabled=true", "router.edsClientSecretName=envoys")
DISCOVERY = "readpool-controller-eds"
HOST = f"{DISCOVERY}.readpool.svc"
NODE = ("--service-node", "router", "--service-cluster", "readers", "--concurrency", "1")


def read_config(objects: list[Object], name: str = "envoy.yaml") -> Any:
    """Read a file of the router's ConfigMap."""
    return yaml.safe_load(find(objects, "ConfigMap", ROUTER)["data"][name])


def read_hosts(objects: list[Object]) -> dict[str, list[str]]:
    """Read which hosts mean which pool."""
    listener = read_config(objects)["static_resources"]["listeners"][0]
    (manager,) = listener["filter_chains"][0]["filters"]
    return {one["name"]: one["domains"] for one in manager["typed_config"]["route_config"]["virtual_hosts"]}


@pytest.mark.parametrize("settings", [ONE, TWO], ids=["one pool", "two"])
def test_envoy_takes_the_flags_and_the_bootstrap(helm: Helm, tmp_path: Path, settings: tuple[str, ...]) -> None:
    objects, path = helm.render(*settings, OFF), tmp_path / "envoy.yaml"
    path.write_text(yaml.safe_dump(read_config(objects)))
    (container,) = pod_of(objects, ROUTER)["containers"]
    flags = [str(path) if word == "/etc/envoy/envoy.yaml" else word for word in container["args"]]
    command = [str(require_envoy()), "--mode", "validate", *flags]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "deprecated" not in checked.stderr.lower()


def test_a_host_says_which_pool_and_where_there_is_one_any_does(helm: Helm) -> None:
    assert read_hosts(helm.render(*ONE)) == {"stellar/readers": ["*"]}
    names = ("", ".svc", ".svc.k8s.example")
    assert read_hosts(helm.render(*TWO, "scaler.clusterDomain=k8s.example")) == {
        "stellar/readers": [f"readers.stellar{name}" for name in names],
        "stellar/archive": [f"archive.stellar{name}" for name in names],
        "none": ["*"],
    }


def test_it_subscribes_to_the_pools_at_the_controllers_which_serve_them_then(helm: Helm) -> None:
    objects = helm.render(*TWO, "controller.eds.port=18001")
    clusters = {one["name"]: one for one in read_config(objects)["static_resources"]["clusters"]}
    subscribed = [one["eds_cluster_config"]["service_name"] for one in clusters.values() if one["type"] == "EDS"]
    assert subscribed == ["stellar/readers", "stellar/archive"]
    (endpoint,) = clusters["controllers"]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    address = {"address": HOST, "port_value": 18001}
    assert endpoint["endpoint"]["address"]["socket_address"] == address
    assert "--eds-listen=[::]:18001" in args_of(pod_of(objects, CONTROLLER))
    service = find(objects, "Service", DISCOVERY)["spec"]
    (port,) = service["ports"]
    assert (port["port"], port["targetPort"]) == (18001, "eds")
    assert "clusterIP" not in service, "controllers that are new are found without DNS"
    labels = find(objects, "Deployment", CONTROLLER)["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()


@pytest.mark.parametrize("source", ["chart", "example"])
def test_it_pauses_for_seconds_only_between_two_tries_to_be_told(source: str, helm: Helm) -> None:
    config = read_config(helm.render(*ONE)) if source == "chart" else yaml.safe_load(BOOTSTRAP.read_text())
    (pool,) = (one for one in config["static_resources"]["clusters"] if one["type"] == "EDS")
    (service,) = pool["eds_cluster_config"]["eds_config"]["api_config_source"]["grpc_services"]
    pauses = service["envoy_grpc"]["retry_policy"]["retry_back_off"]
    assert pauses == {"base_interval": "0.5s", "max_interval": "5s"}, "Envoy's own are up to 30 s"


def test_without_a_router_the_controllers_serve_endpoint_discovery_where_they_are_told_to(helm: Helm) -> None:
    def serves(*settings: str) -> bool:
        return any(one.startswith("--eds-listen") for one in args_of(pod_of(helm.render(*settings), CONTROLLER)))

    assert not serves()
    assert not serves(*TLS)
    assert serves("controller.eds.enabled=true")


async def test_it_routes_by_what_a_controller_tells_over_mutual_tls(helm: Helm, tmp_path: Path) -> None:
    authority, folders = Authority("eds"), [tmp_path / "server", tmp_path / "client"]
    write_secret(folders[0], authority.issue(host=HOST), authority.root)
    write_secret(folders[1], authority.issue("envoy"), authority.root)
    tls = TlsFiles(folders[0] / "tls.crt", folders[0] / "tls.key", folders[0] / "ca.crt", "--eds-tls")
    store = EdsStore()
    store.ready.set()
    server = EdsServer(HostPort("127.0.0.1", 0), store, tls)
    await server.start()
    try:
        config, port = place_router(helm.render(*ONE, *MUTUAL), tmp_path, server.port)
        addresses = ["127.0.1.1", "127.0.1.2"]
        async with run_backends(addresses) as backends:
            store.update("stellar/readers", assign({addresses[0]: 30, addresses[1]: 10}, backends))
            async with run_envoy(require_envoy(), config, tmp_path, NODE) as envoy:
                await envoy.wait_until_live()
                async with Reader(to_port(port)) as reader:
                    for _ in range(80):
                        await reader.ask()
        assert reader.failures == []
        assert reader.answered == {addresses[0]: 60, addresses[1]: 20}
    finally:
        await server.stop()


async def test_it_follows_certificates_that_are_renewed_while_it_runs(helm: Helm, tmp_path: Path) -> None:
    folders = [tmp_path / "server", tmp_path / "client"]
    write_pairs(folders, Authority("first"))
    tls = TlsFiles(folders[0] / "tls.crt", folders[0] / "tls.key", folders[0] / "ca.crt", "--eds-tls")
    store, (port,) = EdsStore(), take_ports(1)
    store.ready.set()
    config, readers = place_router(helm.render(*ONE, *MUTUAL), tmp_path, port)
    addresses = ["127.0.1.1", "127.0.1.2", "127.0.1.3"]
    async with contextlib.AsyncExitStack() as stack:
        backends = await stack.enter_async_context(run_backends(addresses))
        store.update("stellar/readers", assign({addresses[0]: 1}, backends))
        async with serving(store, port, tls):
            envoy = await stack.enter_async_context(run_envoy(require_envoy(), config, tmp_path, NODE))
            await envoy.wait_until_live()
            reader = await stack.enter_async_context(Reader(to_port(readers)))
            await wait_until_moved(reader, addresses[0])
        # By an authority that neither side has known: whoever had not read it again would be refused by the other.
        write_pairs(folders, Authority("second"))
        store.update("stellar/readers", assign({addresses[1]: 1}, backends))
        async with serving(store, port, tls):
            await wait_until_moved(reader, addresses[1])
            store.update("stellar/readers", assign({addresses[2]: 1}, backends))
            await wait_until_moved(reader, addresses[2])
        assert reader.failures == []


def write_pairs(folders: Sequence[Path], authority: Authority) -> None:
    """Write the Secrets of both sides, as the kubelet does when they are renewed."""
    for folder, pair in zip(folders, (authority.issue(host=HOST), authority.issue("envoy")), strict=True):
        write_secret(folder, pair, authority.root)


@contextlib.asynccontextmanager
async def serving(store: EdsStore, port: int, tls: TlsFiles) -> AsyncIterator[None]:
    """Serve endpoint discovery during the block, as one replica of the controller does until it ends."""
    server = EdsServer(HostPort("127.0.0.1", port), store, tls)
    await server.start()
    try:
        yield
    finally:
        await server.stop()


def place_router(objects: list[Object], folder: Path, eds_port: int) -> tuple[Any, int]:
    """Return the bootstrap with files and ports of this machine, and the port of readers."""
    readers, telemetry = take_ports(2)
    files = {"/etc/envoy": folder, "/eds-ca": folder / "server", "/eds-client": folder / "client"}
    together = json.dumps(dict(find(objects, "ConfigMap", ROUTER)["data"]))
    for there, here in files.items():
        together = together.replace(there, str(here))
    texts = json.loads(together.replace("@readpool-router-admin", name_admin_socket()))
    for name, text in texts.items():
        (folder / name).write_text(text)
    config = yaml.safe_load(texts["envoy.yaml"])
    for listener, port in zip(config["static_resources"]["listeners"], (readers, telemetry), strict=True):
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    controllers = next(one for one in config["static_resources"]["clusters"] if one["name"] == "controllers")
    (endpoint,) = controllers["load_assignment"]["endpoints"][0]["lb_endpoints"]
    endpoint["endpoint"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": eds_port}
    return config, readers


def test_a_pod_that_ends_answers_on_until_its_connections_have_ended(helm: Helm) -> None:
    pod = pod_of(helm.render(*ONE, "router.drainSeconds=20"), ROUTER)
    (container,) = pod["containers"]
    assert container["lifecycle"]["preStop"] == {"httpGet": {"path": "/drain", "port": "telemetry"}}
    assert pod["terminationGracePeriodSeconds"] > 20
    assert (
        "fixed_delay: 20s"
        in find(helm.render(*ONE, "router.drainSeconds=20"), "ConfigMap", ROUTER)["data"]["envoy.yaml"]
    )


def test_a_changed_bootstrap_restarts_it_and_a_new_version_of_ours_does_not(helm: Helm) -> None:
    def read_template(*settings: str) -> Any:
        return find(helm.render(*settings), "Deployment", ROUTER)["spec"]["template"]

    assert read_template(*ONE) == read_template(*ONE, "image.tag=another")
    assert read_template(*ONE)["metadata"] != read_template(*TWO)["metadata"]
    assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(read_template(*ONE)["metadata"]["labels"])


def test_the_controllers_policy_lets_the_router_and_named_envoys_subscribe(helm: Helm) -> None:
    policy = "controller.networkPolicy.enabled=true"
    objects = helm.render(*ONE, policy, "controller.networkPolicy.edsFrom[0].ipBlock.cidr=10.0.0.0/8")
    _, rule = find(objects, "NetworkPolicy", CONTROLLER)["spec"]["ingress"]
    router, named = rule["from"]
    labels = find(helm.render(*ONE), "Deployment", ROUTER)["spec"]["template"]["metadata"]["labels"]
    assert router["podSelector"]["matchLabels"].items() <= labels.items()
    assert named == {"ipBlock": {"cidr": "10.0.0.0/8"}}
    assert rule["ports"] == [{"port": "eds", "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param(("router.enabled=true",), "name in router.pools the pools that it leads to", id="nowhere"),
        pytest.param((*ONE, "controller.enabled=false"), "needs controller.enabled=true", id="told by nobody"),
        pytest.param((*ONE, "gate.image="), "name an image of Envoy in gate.image", id="no image"),
        pytest.param((*ONE, "router.resources.limits.memory=256M"), "in whole Mi or Gi", id="no heap follows"),
        pytest.param((*ONE, "router.telemetry.port=11628"), "are both 11628", id="one port for both"),
        pytest.param((*ONE, "controller.eds.port=8080"), "are both 8080", id="one port of the controller for both"),
        pytest.param(
            (*SECRET, "controller.eds.tls.enabled=true"),
            "a Secret with tls.crt and tls.key in controller.eds.tls.s",
            id="no TLS",
        ),
        pytest.param(
            (*ONE, *SECRET, "controller.eds.tls.clientCA.enabled=true"), "needs controller.eds.tls.enabled", id="half"
        ),
        pytest.param(
            (*ONE, *TLS, "controller.eds.tls.clientCA.enabled=true"), "the router has no certificate to show", id="bare"
        ),
    ],
)
def test_half_a_setting_is_refused(helm: Helm, settings: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        helm.render(*settings)


def test_the_notes_say_where_readers_go(helm: Helm) -> None:
    assert "2 routers: POST http://readpool-router.readpool:11628/getledgerentryraw." in helm.render_notes(*ONE)
    assert "with Host: readers.stellar or Host: archive.stellar." in helm.render_notes(*TWO)
    assert "router" not in helm.render_notes()
