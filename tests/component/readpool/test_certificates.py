"""The program that looks after certificates, against an API server in memory: first issue, renewal, faults, copies."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from devtools.api.small_api import Refusal, SmallApi, Write, serve_small_api
from readpool.certificate_dates import read_dates as parse_dates
from readpool.certificates import issuing
from readpool.certificates.collector import IssuedCollector
from readpool.certificates.issuing import Pair
from readpool.certificates.keeper import Keeper
from readpool.certificates.plan import SPREAD_SECONDS
from readpool.certificates.settings import CertificateSettings
from readpool.certificates.stats import CertificateStats
from readpool.certificates.wanted import Copy, Leaf, Lifetimes, SecretName
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.kinds import EVENT, SECRET, ObjectKey
from readpool.telemetry.exposition import build_process_registry, expose

DAY = 86400.0
CA = SecretName("readpool", "ca")
SCALER = Leaf(SecretName("readpool", "scaler-tls"), ("scaler", "scaler.readpool.svc"), is_server=True)
KEDA = Leaf(SecretName("keda", "readpool.scaler"), ("keda.readpool",), is_server=False)
LIFETIMES = Lifetimes(7 * DAY, 70 * DAY)
START = 1_800_000_000.0


@dataclass
class Stage:
    """The Secrets of an installation, and who looks after them, at a time of the test's choice."""

    api: SmallApi
    client: KubernetesClient
    now: float = START
    leaves: tuple[Leaf, ...] = (SCALER, KEDA)
    copies: tuple[Copy, ...] = ()
    stats: CertificateStats = field(default_factory=CertificateStats)
    _keeper: Keeper | None = None

    async def keep(self) -> bool:
        if self._keeper is None:
            settings = CertificateSettings(
                authority=CA if self.leaves else None,
                authority_name="readpool.readpool",
                identity="certificates-0",
                lifetimes=LIFETIMES,
                leaves=self.leaves,
                copies=self.copies,
            )
            self._keeper = Keeper(self.client, settings, self.stats, lambda: self.now, retry_seconds=0.05)
        return await self._keeper.keep()

    def put(self, secret: SecretName, data: dict[str, bytes] | None = None) -> None:
        encoded = {key: base64.b64encode(text).decode() for key, text in (data or {}).items()}
        manifest: dict[str, Any] = {
            "metadata": {"name": secret.name, "namespace": secret.namespace, "labels": {"a": "b"}}
        }
        self.api.put(ObjectKey(SECRET, *secret), manifest | ({"data": encoded} if data is not None else {}))

    def read(self, secret: SecretName) -> dict[str, bytes]:
        found = self.api.objects[ObjectKey(SECRET, *secret)]
        return {key: base64.b64decode(text) for key, text in (found.get("data") or {}).items()}

    def read_pair(self, secret: SecretName) -> Pair:
        data = self.read(secret)
        pair = issuing.read_pair(data["tls.crt"], data["tls.key"])
        assert pair is not None
        return pair

    def list_events(self, reason: str) -> list[str]:
        events = self.api.find(EVENT).values()
        return [event["regarding"]["name"] for event in events if event["reason"] == reason]


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with serve_small_api(tmp_path) as (api, client):
        made = Stage(api, client)
        for secret in (CA, SCALER.secret, KEDA.secret):
            made.put(secret)
        yield made


async def test_empty_secrets_are_filled_at_once_and_then_left_alone(stage: Stage) -> None:
    assert await stage.keep()
    authority = stage.read_pair(CA)
    assert set(stage.read(SCALER.secret)) == {"tls.crt", "tls.key", "ca.crt"}
    for leaf in (SCALER, KEDA):
        pair = stage.read_pair(leaf.secret)
        assert issuing.has_signed(authority, pair)
        assert (issuing.read_names(pair), issuing.is_for_servers(pair)) == (frozenset(leaf.names), leaf.is_server)
        dates = parse_dates(pair.certificate)
        assert dates is not None
        assert dates.not_after == START + 7 * DAY
        assert stage.read(leaf.secret)["ca.crt"] == authority.certificate
    assert not any(
        "tls.key" in stage.read(one.secret) and stage.read(one.secret)["tls.key"] == authority.key
        for one in (SCALER, KEDA)
    )
    assert stage.api.objects[ObjectKey(SECRET, *CA)]["metadata"]["labels"] == {"a": "b"}
    assert sorted(stage.list_events("CertificateIssued")) == ["ca", "readpool.scaler", "scaler-tls"]
    written = len(stage.api.writes)
    stage.now += DAY
    assert await stage.keep()
    assert len(stage.api.writes) == written
    assert stage.stats.is_complete


async def test_through_three_authorities_no_program_that_reads_its_secret_hourly_meets_what_it_does_not_trust(
    stage: Stage,
) -> None:
    step, trusted, authorities, renewals = SPREAD_SECONDS / 2, list[list[bytes]](), set[bytes](), set[bytes]()
    for _ in range(350):
        # Two looks a day will do, but where an authority changes each half hour counts.
        busy = "next.crt" in stage.read(CA) if stage.read(CA) else False
        stage.now += step if busy else DAY / 2
        assert await stage.keep()
        trusted = [*trusted[-1:], [stage.read(leaf.secret)["ca.crt"] for leaf in (SCALER, KEDA)]]
        for leaf in (SCALER, KEDA):
            pair = stage.read_pair(leaf.secret)
            dates = issuing.read_dates(pair)
            assert dates.not_before <= stage.now < dates.not_after - DAY
            renewals.add(pair.certificate)
            for bundle in (bundle for look in trusted for bundle in look):
                roots = [Pair(root, b"") for root in split(bundle)]
                assert any(issuing.has_signed(root, pair) for root in roots)
        authorities.add(stage.read_pair(CA).certificate)
    assert len(authorities) >= 3
    assert len(renewals) >= 60
    assert len(split(stage.read(SCALER.secret)["ca.crt"])) <= 3, "what has ended is trusted no more"


def split(bundle: bytes) -> list[bytes]:
    end = b"-----END CERTIFICATE-----\n"
    return [part + end for part in bundle.split(end) if part.strip()]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"tls.crt": b"?", "tls.key": b"?"}, id="rubbish"),
        pytest.param({"tls.key": b""}, id="no key"),
        pytest.param({}, id="nothing"),
    ],
)
async def test_what_cannot_be_read_is_issued_anew_by_the_same_authority(stage: Stage, damage: dict[str, bytes]) -> None:
    await stage.keep()
    authority, before = stage.read_pair(CA), stage.read(SCALER.secret)
    stage.put(SCALER.secret, {**before, **damage} if damage else {})
    assert await stage.keep()
    assert issuing.has_signed(authority, stage.read_pair(SCALER.secret))
    assert stage.read(SCALER.secret)["tls.crt"] != before["tls.crt"]
    assert stage.read_pair(CA) == authority


async def test_an_authority_that_is_cleared_is_followed_by_one_that_does_not_trust_it(stage: Stage) -> None:
    await stage.keep()
    leaked = stage.read_pair(CA)
    stage.put(CA, {})
    assert await stage.keep()
    new = stage.read_pair(CA)
    assert new != leaked
    for leaf in (SCALER, KEDA):
        assert issuing.has_signed(new, stage.read_pair(leaf.secret))
        assert stage.read(leaf.secret)["ca.crt"] == new.certificate


async def test_what_is_no_authority_signs_nothing(stage: Stage) -> None:
    await stage.keep()
    stage.put(CA, stage.read(SCALER.secret))
    assert await stage.keep()
    assert issuing.is_authority(stage.read_pair(CA).certificate)


async def test_of_an_authority_that_could_not_be_kept_nothing_is_signed(stage: Stage) -> None:
    async def refuse(write: Write) -> None:
        if write.key.name == CA.name and write.verb == "replace":
            raise Refusal(409, "the object has been modified", "Conflict")

    stage.api.meddle = refuse
    assert not await stage.keep()
    assert stage.read(SCALER.secret) == {}
    stage.api.meddle = None
    assert await stage.keep()


async def test_a_secret_that_is_gone_holds_up_no_other_and_is_said_once(stage: Stage) -> None:
    stage.api.drop(ObjectKey(SECRET, *KEDA.secret))
    with capture_logs() as logs:
        assert not await stage.keep()
        assert not await stage.keep()
    assert stage.read(SCALER.secret)
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [(entry["secret"], "helm upgrade" in entry["message"]) for entry in warnings] == [
        ("keda/readpool.scaler", True)
    ]
    assert "readpool_certificates_failing 1.0" in await scrape(stage)
    stage.put(KEDA.secret)
    assert await stage.keep()
    assert "readpool_certificates_failing 0.0" in await scrape(stage)


async def test_a_certificate_that_nobody_can_renew_is_an_event_a_warning_and_a_date(stage: Stage) -> None:
    await stage.keep()

    async def refuse(write: Write) -> None:
        if write.key.kind == SECRET:
            raise Refusal(403, "no more", "Forbidden")

    stage.api.meddle = refuse
    stage.now += 6.5 * DAY
    with capture_logs() as logs:
        assert not await stage.keep()
        assert not await stage.keep()
    assert [e["secret"] for e in logs if e["event"] == "certificateExpiresSoon"] == [
        "readpool/scaler-tls",
        "keda/readpool.scaler",
    ]
    assert sorted(stage.list_events("CertificateExpiresSoon")) == ["readpool.scaler", "scaler-tls"]
    series = 'readpool_certificate_not_after_timestamp_seconds{namespace="keda",secret="readpool.scaler"}'
    assert f"{series} {START + 7 * DAY:.9g}" in await scrape(stage)


async def scrape(stage: Stage) -> str:
    body, _ = await expose(build_process_registry(IssuedCollector(stage.stats)), "")
    return body.decode()


async def test_cert_managers_certificate_is_copied_and_copied_again_when_it_is_renewed(stage: Stage) -> None:
    source, target = SecretName("readpool", "keda-tls"), SecretName("keda", "readpool.scaler")
    stage.leaves, stage.copies = (), (Copy(source, target),)
    stage.put(source)
    assert not await stage.keep(), "cert-manager has not issued it yet"
    for _ in range(2):
        authority = issuing.issue_authority("issuer", stage.now, 10 * DAY)
        pair = issuing.issue_leaf(authority, KEDA.names, stage.now, DAY, is_server=False)
        stage.put(
            source, {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.certificate, "x": b"y"}
        )
        assert await stage.keep()
        assert stage.read_pair(target) == pair
        assert set(stage.read(target)) == {"tls.crt", "tls.key", "ca.crt"}


async def test_it_goes_on_by_itself_once_the_api_server_is_back(stage: Stage) -> None:
    stage.api.go_away()
    assert not await stage.keep()
    assert stage._keeper is not None
    working = asyncio.create_task(stage._keeper.run())
    await asyncio.sleep(0.2)
    stage.api.is_away = False
    async with asyncio.timeout(30):
        while not stage.stats.is_complete:  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.05)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
