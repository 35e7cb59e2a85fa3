"""Looks at the Secrets every half minute, and makes what readpool.certificates.plan says is due.

The Secrets are there already, empty at first: this program may read and change those of these names, and create none.
Of two that run at once one write is refused, since a Secret is replaced only as it was read.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from readpool.certificates import issuing
from readpool.certificates.issuing import Pair
from readpool.certificates.plan import LeafFacts, Step, is_late, plan_authority, why_anew
from readpool.certificates.secret_data import (
    AUTHORITIES,
    CERTIFICATE,
    KEY,
    NEXT_CERTIFICATE,
    NEXT_KEY,
    read_data,
    write_data,
)
from readpool.certificates.secret_events import SecretEvents
from readpool.certificates.settings import CertificateSettings
from readpool.certificates.stats import CertificateStats
from readpool.certificates.wanted import Copy, Leaf, SecretName
from readpool.clock import Clock
from readpool.kubernetes.client import KubernetesClient
from readpool.kubernetes.errors import ApiError
from readpool.kubernetes.kinds import SECRET
from readpool.timestamps import format_time

CHECK_SECONDS = 30.0
RETRY_SECONDS = 2.0
_log = structlog.get_logger()


class MissingError(Exception):
    """A Secret that the installation should have brought is not there, or holds nothing to go by."""


class Keeper:
    """Keeps the authority, what it has signed, and copies.

    Args:
        client: to the API server.
        settings: what is wanted.
        stats: told what there is.
        clock: Unix seconds.
        retry_seconds: until the next attempt while something is not in place.
    """

    def __init__(
        self,
        client: KubernetesClient,
        settings: CertificateSettings,
        stats: CertificateStats,
        clock: Clock,
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._retry_seconds = retry_seconds
        self._client = client
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._events = SecretEvents(client, settings.identity, clock)
        self._told_late: set[SecretName] = set()

    async def run(self) -> None:
        """Look after everything until cancelled."""
        while True:
            is_whole = await self.keep()
            await asyncio.sleep(CHECK_SECONDS if is_whole else self._retry_seconds)

    async def keep(self) -> bool:
        """Look after everything once; return whether all is in place. What fails is logged once for each reason."""
        authority = self._settings.authority
        if authority is not None:
            await self._try(authority, self._keep_authority(authority))
        for copy in self._settings.copies:
            await self._try(copy.target, self._keep_copy(copy))
        is_whole = not self._stats.failing
        if is_whole and not self._stats.is_complete:
            _log.info("certificatesReady", secrets=[str(secret) for secret in self._stats.not_after])
        self._stats.is_complete |= is_whole
        return is_whole

    async def _try(self, secret: SecretName, work: Any) -> None:
        try:
            await work
        except ApiError as error:
            self._fail(secret, f"{error.reason}: {error.message}", is_expected=error.is_conflict)
        except MissingError as error:
            self._fail(secret, str(error))
        else:
            self._stats.failing.pop(secret, None)

    def _fail(self, secret: SecretName, message: str, *, is_expected: bool = False) -> None:
        if self._stats.failing.get(secret) != message and not is_expected:
            _log.warning("cannotRenewCertificate", secret=str(secret), message=message)
        self._stats.failing[secret] = message

    async def _keep_authority(self, name: SecretName) -> None:
        """Keep the authority, and then what it signs: of an authority that could not be written nothing is signed."""
        secret, now = await self._fetch(name), self._clock()
        data = read_data(secret)
        signing = standing = issuing.read_authority(data.get(CERTIFICATE, b""), data.get(KEY, b""))
        following = issuing.read_authority(data.get(NEXT_CERTIFICATE, b""), data.get(NEXT_KEY, b""))
        step = plan_authority(
            issuing.read_dates(signing) if signing else None, issuing.read_dates(following) if following else None, now
        )
        if step in {Step.MAKE, Step.ANNOUNCE}:
            seconds = self._settings.lifetimes.authority_seconds
            made = issuing.issue_authority(self._settings.authority_name, now, seconds)
            signing, following = (made, None) if step is Step.MAKE else (signing, made)
        elif step is Step.PROMOTE:
            signing, following = following, None
        assert signing is not None  # noqa: S101 - each step leaves one
        trusted = [pair.certificate for pair in (signing, following) if pair is not None]
        bundle = issuing.build_bundle([*trusted, data.get(AUTHORITIES, b"")], now)
        wanted = {CERTIFICATE: signing.certificate, KEY: signing.key, AUTHORITIES: bundle}
        if following is not None:
            wanted |= {NEXT_CERTIFICATE: following.certificate, NEXT_KEY: following.key}
        stale = {NEXT_CERTIFICATE, NEXT_KEY} & data.keys() - wanted.keys()
        if stale or wanted.items() - data.items():
            await self._write(name, write_data(secret, wanted, stale), standing)
        if step is not Step.NOTHING:
            await self._tell_made(name, secret, f"authority: {step.value}", signing)
        await self._tell_end(name, secret, signing)
        for leaf in self._settings.leaves:
            await self._try(leaf.secret, self._keep_leaf(leaf, signing, bundle))

    async def _keep_leaf(self, leaf: Leaf, authority: Pair, bundle: bytes) -> None:
        secret, now = await self._fetch(leaf.secret), self._clock()
        data = read_data(secret)
        pair = standing = issuing.read_pair(data.get(CERTIFICATE, b""), data.get(KEY, b""))
        facts = _read_facts(pair, authority, has_bundle=data.get(AUTHORITIES) == bundle) if pair else None
        why = why_anew(facts, frozenset(leaf.names), now, is_server=leaf.is_server)
        if why is None and facts is not None and facts.has_bundle and pair is not None:
            await self._tell_end(leaf.secret, secret, pair)
            return
        if why is not None or pair is None:
            seconds = self._settings.lifetimes.leaf_seconds
            pair = issuing.issue_leaf(authority, leaf.names, now, seconds, is_server=leaf.is_server)
        wanted = {CERTIFICATE: pair.certificate, KEY: pair.key, AUTHORITIES: bundle}
        await self._write(leaf.secret, write_data(secret, wanted), standing)
        if why is not None:
            await self._tell_made(leaf.secret, secret, why, pair)
        await self._tell_end(leaf.secret, secret, pair)

    async def _keep_copy(self, copy: Copy) -> None:
        source, target = read_data(await self._fetch(copy.source)), await self._fetch(copy.target)
        pair = issuing.read_pair(source.get(CERTIFICATE, b""), source.get(KEY, b""))
        if pair is None or AUTHORITIES not in source:
            raise MissingError(f"{copy.source} has no tls.crt, tls.key and ca.crt yet")
        wanted = {name: source[name] for name in (CERTIFICATE, KEY, AUTHORITIES)}
        if wanted.items() - read_data(target).items():
            held = read_data(target)
            standing = issuing.read_pair(held.get(CERTIFICATE, b""), held.get(KEY, b""))
            await self._write(copy.target, write_data(target, wanted), standing)
            await self._tell_made(copy.target, target, f"copied from {copy.source}", pair)
        await self._tell_end(copy.target, target, pair)

    async def _write(self, name: SecretName, changed: Mapping[str, Any], standing: Pair | None) -> None:
        """Replace a Secret; where that is refused, what stands in it goes on towards its end."""
        try:
            await self._client.replace(SECRET, changed)
        except ApiError:
            if standing is not None:
                await self._tell_end(name, changed, standing)
            raise

    async def _fetch(self, name: SecretName) -> dict[str, Any]:
        found = await self._client.get(SECRET, name.namespace, name.name)
        if found is None:
            raise MissingError(f"Secret {name} does not exist; `helm upgrade` creates it again")
        return dict(found)

    async def _tell_made(self, name: SecretName, secret: Mapping[str, Any], why: str, pair: Pair) -> None:
        until = format_time(issuing.read_dates(pair).not_after)
        self._stats.issued[name] += 1
        self._told_late.discard(name)
        _log.info("certificateIssued", secret=str(name), message=why, notAfter=until)
        await self._events.write(
            secret, "CertificateIssued", f"Issued a certificate that is valid until {until}: {why}"
        )

    async def _tell_end(self, name: SecretName, secret: Mapping[str, Any], pair: Pair) -> None:
        """Note when a certificate ends, and warn once where that is soon."""
        dates = issuing.read_dates(pair)
        self._stats.not_after[name] = dates.not_after
        if not is_late(dates, self._clock()) or name in self._told_late:
            return
        self._told_late.add(name)
        until = format_time(dates.not_after)
        _log.warning("certificateExpiresSoon", secret=str(name), notAfter=until)
        note = f"The certificate expires at {until} and has not been renewed"
        await self._events.write(secret, "CertificateExpiresSoon", note, is_warning=True)


def _read_facts(pair: Pair, authority: Pair, *, has_bundle: bool) -> LeafFacts:
    return LeafFacts(
        dates=issuing.read_dates(pair),
        names=issuing.read_names(pair),
        is_server=issuing.is_for_servers(pair),
        is_of_authority=issuing.has_signed(authority, pair),
        has_bundle=has_bundle,
    )
