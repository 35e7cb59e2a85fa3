"""Each parser that takes bytes from outside, with real inputs to change, and what it may answer to a bad one.

A target takes bytes: it raises where the parser raised what it should not, or reported what cannot be.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import DecodeError, Message

from controller.archives.archive_reports import parse_archived_ledger
from controller.core_config.core_config_override import ConfigError, parse_override
from controller.eds.eds_subscription import MOST_NAMES, NotANameError, Subscription, TooManyNames
from controller.observer.fleet_view import parse_fleet_view
from devtools.pools.pool_manifests import build_manifest, read_example
from readpool.callers import read_caller
from readpool.keda.externalscaler_pb2 import GetMetricsRequest, ScaledObjectRef
from readpool.pool.errors import PoolError
from readpool.pool.spec import parse_pool
from readpool.server_tls import TlsFilesError, build_server_credentials
from readpool.tls_files import TlsFiles
from readpool.v1.observer_pb2 import Decision, Replica, Snapshot
from scaler.polling.http_exchange import ExchangeError, HttpConnection, ReceiveBudget
from scaler.probes.gate import parse_gate
from scaler.probes.kinds import ProbeKind
from scaler.probes.report import ProbeError
from scaler.triggers.trigger import parse_trigger
from scaler.triggers.trigger_values import TriggerError
from tests.component.certificates import Authority, write_secret
from tests.fuzz.mutation import mutate_bytes, mutate_json
from tests.unit.pool_statuses import FIVE, build_pool_manifest
from tests.unit.scaler.probes.test_gate_statistics import TEXT as GATE_STATISTICS
from tests.unit.scaler.probes.test_probe_any_bytes import REAL, check

POOLS = {"default/a": "1", "default/b": "2"}
_MOST_WORDS = 2000
HTTP = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Mon, 23 Nov 2026 23:20:35 GMT\r\n\r\n{}",
    b"HTTP/1.1 429 Too Many\r\nRetry-After: 5\r\nContent-Length: 4\r\n\r\nslow",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
)
OVERRIDES = (
    b'PREFERRED_PEERS = ["10.0.0.1"]\n[HISTORY.x]\nget = "curl {0} -o {1}"\n',
    b'[[VALIDATORS]]\nNAME = "a"\nHOME_DOMAIN = "x"\nPUBLIC_KEY = "G"\nADDRESS = "a:1"\n',
)
PEERS = (b"ipv4:10.0.0.7:51234", b"ipv6:%5Bfd00::7%5D:51234", b"ipv6:[::ffff:10.0.0.7]:1", b"unix:")


@dataclass(frozen=True)
class Target:
    """One parser.

    Attributes:
        seeds: real inputs.
        run: has an input parsed.
        mutate: draws an input.
        share: of the inputs that a quick one gets; a slow one gets fewer.
    """

    seeds: tuple[bytes, ...]
    run: Callable[[bytes], object]
    mutate: Callable[[Random, tuple[bytes, ...]], bytes] = mutate_bytes
    share: float = 1.0


def _mutate_json(random: Random, seeds: tuple[bytes, ...]) -> bytes:
    return mutate_json(random, seeds, _load_all(seeds))


@cache
def _load_all(seeds: tuple[bytes, ...]) -> tuple[Any, ...]:
    return tuple(json.loads(seed) for seed in seeds)


def _of(kind: ProbeKind) -> tuple[bytes, ...]:
    return tuple(json.dumps(document).encode() for one, document in REAL if one is kind)


def run_trigger(body: bytes) -> None:
    """Parse what KEDA sends; a refusal has to be fit to log and to send."""
    message = _decode(GetMetricsRequest, body)
    if message is None:
        return
    ref = message.scaledObjectRef
    for is_allowed in (False, True):
        said = ""
        try:
            parse_trigger(ref.namespace, dict(ref.scalerMetadata), allow_static_nodes=is_allowed)
        except TriggerError as refusal:
            said = str(refusal)
        assert not said or (said.isprintable() and len(said) < _MOST_WORDS), said


def run_gate(body: bytes) -> None:
    """Parse what a gate tells of its readers."""
    with suppress(ProbeError):
        parse_gate(body)


def run_archive_report(body: bytes) -> None:
    """Parse what an archive says it holds."""
    ledger = parse_archived_ledger(body)
    assert ledger is None or 0 < ledger < 2**32


def run_whole_request(body: bytes) -> None:
    """Make a stream of endpoint discovery take a request twice, of the variant that names all."""
    message = _decode(discovery_pb2.DiscoveryRequest, body)
    if message is not None:
        stream = Subscription()
        for _ in range(2):
            with suppress(TooManyNames, NotANameError):
                stream.take_whole_request(message.resource_names, message.response_nonce, POOLS)
            _answer_all(stream)


def run_delta_request(body: bytes) -> None:
    """Make a stream of endpoint discovery take a request twice, of the variant that names what changes."""
    message = _decode(discovery_pb2.DeltaDiscoveryRequest, body)
    if message is None:
        return
    stream = Subscription()
    for _ in range(2):
        added, removed = message.resource_names_subscribe, message.resource_names_unsubscribe
        with suppress(TooManyNames, NotANameError):
            stream.take_delta_request(added, removed, message.initial_resource_versions, POOLS)
        _answer_all(stream)


def _answer_all(stream: Subscription) -> None:
    assert len(stream.names) <= MOST_NAMES
    for _ in range(20):
        if not stream.is_behind:
            return
        stream.build_answer(POOLS.get)
    raise AssertionError("the stream owes answers without end")


def run_snapshot(body: bytes) -> None:
    """Read what a scaler says of a fleet."""
    message = _decode(Snapshot, body)
    if message is not None:
        parse_fleet_view(message, 1_800_000_000.0)


def run_pool(body: bytes) -> None:
    """Parse a pool's spec and status, as the API server has let them in."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return
    if isinstance(document, dict):
        manifest = {"metadata": {"name": "pool", "namespace": "ns", "uid": "u"}, **{k: document.get(k) for k in _PARTS}}
        with suppress(PoolError):
            parse_pool(manifest)


_PARTS = ("spec", "status")


def run_override(body: bytes) -> None:
    """Parse what a pool puts into Core's configuration."""
    with suppress(ConfigError, UnicodeDecodeError):
        parse_override(body.decode())


def run_peer(body: bytes) -> None:
    """Read who calls."""
    assert read_caller(body.decode("utf-8", "replace")) is not None


def run_http(body: bytes) -> None:
    """Make a connection to a node receive bytes, in one piece and in two."""
    loop = _find_loop()
    for cut in (len(body), len(body) // 2):
        loop.run_until_complete(_receive(body[:cut], body[cut:]))


async def _receive(*pieces: bytes) -> None:
    budget = ReceiveBudget()
    connection = HttpConnection(budget)
    connection.connection_made(_Transport())  # type: ignore[arg-type]  # as much of one as is used
    asking = asyncio.ensure_future(connection.ask(b""))
    await asyncio.sleep(0)
    for piece in filter(None, pieces):
        connection.data_received(piece)
    connection.connection_lost(None)
    with suppress(ExchangeError):
        await asking
    assert budget.held_bytes == 0


class _Transport:
    """A connection that takes everything."""

    def is_closing(self) -> bool:
        return False

    def write(self, _data: bytes) -> None:
        """Accept it."""

    def abort(self) -> None:
        """Do nothing: it is gone."""


@cache
def _find_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def run_certificate(body: bytes) -> None:
    """Load files for TLS, one of them with these bytes."""
    folder = _make_certificates()
    for name in ("tls.crt", "tls.key", "ca.crt"):
        real = (folder / name).read_bytes()
        try:
            (folder / name).write_bytes(body)
            with suppress(TlsFilesError):
                build_server_credentials(TlsFiles(folder / "tls.crt", folder / "tls.key", folder / "ca.crt"))
        finally:
            (folder / name).write_bytes(real)


@cache
def _make_certificates() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="readpool-fuzz-"))
    authority = Authority("authority")
    write_secret(folder, authority.issue(), authority.root)
    return folder


@cache
def _read_certificates() -> tuple[bytes, ...]:
    folder = _make_certificates()
    return tuple((folder / name).read_bytes() for name in ("tls.crt", "tls.key", "ca.crt"))


def _decode(kind: type[Message], body: bytes) -> Any:
    try:
        return kind.FromString(body)
    except DecodeError:
        return None


def _build_triggers() -> tuple[bytes, ...]:
    metadata: tuple[dict[str, str], ...] = (
        {"service": "core", "port": "11626", "targetReplicas": "3", "lagThreshold": "10", "sustainSeconds": "0.5"},
        {"nodes": "http://10.0.0.1:11626,http://[fd00::1]:1", "targetReplicas": "1", "references": "rpc=http://a/b"},
        {"poolFromEnv": "readers", "metric": "averageLag", "targetValue": "1.5", "scalerAddress": "x:1"},
    )
    refs = (ScaledObjectRef(name="core", namespace="stellar", scalerMetadata=one) for one in metadata)
    return tuple(GetMetricsRequest(scaledObjectRef=ref, metricName="maxLag").SerializeToString() for ref in refs)


def _build_snapshot() -> bytes:
    replicas = [Replica(name=f"core-{number}", ledger=100, lag=3, detail="why") for number in range(3)]
    decision = Decision(desired_replicas=3, reason="Steady", message="as wanted")
    return Snapshot(fleet="stellar/core", namespace="stellar", replicas=replicas, decision=decision).SerializeToString()


def build_targets() -> dict[str, Target]:
    """Build all targets, by name."""
    names = ["default/a", "default/c", "*"]
    whole = discovery_pb2.DiscoveryRequest(resource_names=names, response_nonce="1")
    delta = discovery_pb2.DeltaDiscoveryRequest(
        resource_names_subscribe=names, resource_names_unsubscribe=names[:1], initial_resource_versions=POOLS
    )
    pools = [build_manifest(version="v22.1.0"), read_example(), build_pool_manifest(*FIVE)]
    manifests = tuple(json.dumps(pool, default=str).encode() for pool in pools)
    probes = {
        str(kind): Target(_of(kind), lambda body, kind=kind: check(kind, body), _mutate_json)  # type: ignore[misc]
        for kind in (ProbeKind.CORE, ProbeKind.RPC, ProbeKind.HORIZON, ProbeKind.ARCHIVE)
    }
    return probes | {
        "trigger": Target(_build_triggers(), run_trigger),
        "gate statistics": Target((GATE_STATISTICS.encode(),), run_gate),
        "history archive": Target(_of(ProbeKind.ARCHIVE), run_archive_report, _mutate_json),
        "HTTP answer": Target(HTTP, run_http, share=0.3),
        "discovery request": Target((whole.SerializeToString(),), run_whole_request),
        "discovery by delta": Target((delta.SerializeToString(),), run_delta_request),
        "snapshot": Target((_build_snapshot(),), run_snapshot),
        "pool manifest": Target(manifests, run_pool, _mutate_json, share=0.1),
        "configuration override": Target(OVERRIDES, run_override, share=0.3),
        "certificate": Target(_read_certificates(), run_certificate, share=0.01),
        "peer": Target(PEERS, run_peer),
    }
