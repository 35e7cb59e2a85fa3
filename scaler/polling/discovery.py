"""Where a fleet's nodes are, by DNS: the members of a headless Service with their pods' names, and a host's addresses.

Look-ups go through dnspython with deadlines of their own, off the thread pool, so that a DNS server that hangs holds up
its own fleet only. What is found is not judged here: the fetch checks each address before it connects.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.SRV import SRV

from readpool.cancellation import heed_cancellation
from scaler.polling.rlimits import SCALER_LIMITS
from scaler.triggers.fleet_spec import ServiceSource
from scaler.triggers.poll_settings import PollSettings

_LOOKUP_SECONDS = 4.0
_LOOKUPS_AT_ONCE = 32
_KEPT_HOSTS = 4096
SCALER_LIMIT = "ScalerLimit"
"""Reason: this process has no descriptors left to ask with, which says nothing of DNS or of the host."""
FOREIGN_MEMBERS = "ForeignMembers"
"""Reason: DNS leads from the Service to what is none of its pods. Its author could make the scaler poll any address."""
NOT_HEADLESS = "ServiceNotHeadless"
"""Reason: the Service has one address for all of its pods."""
_LOOPBACK_NAMES = ("localhost", ".localhost")


class DiscoveryError(Exception):
    """DNS gave no answer, or one that is no list of members. Says why; what was known before stays.

    `reason` is CamelCase: the same trouble has the same one, whatever else the message says.
    """

    def __init__(self, message: str, reason: str = "NoMembers") -> None:
        super().__init__(message)
        self.reason = reason


class NotHeadlessError(DiscoveryError):
    """A Service with one address for all its pods: they are unknown, and any of them may respond."""


class Discovery:
    """Finds members and addresses.

    Args:
        settings: whom to ask, in which cluster domain, and how many members a fleet may have.
    """

    def __init__(self, settings: PollSettings) -> None:
        self._settings = settings
        self._resolver = _build_resolver(settings.dns_server)
        self._service_turns = asyncio.Semaphore(_LOOKUPS_AT_ONCE)
        self._host_turns = asyncio.Semaphore(_LOOKUPS_AT_ONCE)  # apart: a trigger's host names hold up no Service
        self._hosts: dict[str, tuple[float, asyncio.Task[tuple[str, ...]]]] = {}

    async def find_members(self, namespace: str, source: ServiceSource) -> dict[str, str]:
        """Find the members of a headless Service: name to base URL. Nothing found is an empty answer, not an error.

        That is so of a name that does not exist as well: CoreDNS answers NXDOMAIN for a headless Service that has no
        endpoints (findServices in `plugin/kubernetes/kubernetes.go`, 1.14), other servers with no records.

        A port's name is looked up as SRV, which gives ports and pods' names. A port's number goes with the addresses
        of the Service, and SRV records of the bare name are used for the pods' names only, where the cluster's DNS
        gives them. One answer of DNS has 64 KiB: about 530 members by a port's name, 4,095 by its number.

        Raises:
            DiscoveryError: DNS failed, cut its answer short, names more members than a fleet may have, or names others
                than the Service's own, as one of type ExternalName does.
            NotHeadlessError: the Service has an address of its own.
        """
        service = f"{source.name}.{namespace}.svc.{self._settings.cluster_domain}."
        if isinstance(source.port, str):
            members = await self._find_by_port_name(f"_{source.port}._tcp.{service}", service)
        else:
            members = await self._find_by_port_number(service, source.port)
        if len(members) > self._settings.max_members:
            most = self._settings.max_members
            raise DiscoveryError(f"{service} has {len(members)} members; a fleet may have {most}", "TooManyMembers")
        return members

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a host, IPv4 first; cached for a poll interval, and looked up once for all callers.

        Raises:
            DiscoveryError: the host has none, or DNS failed.
        """
        if host == _LOOPBACK_NAMES[0] or host.endswith(_LOOPBACK_NAMES[1]):
            return ("127.0.0.1", "::1")
        now = time.monotonic()
        until, lookup = self._hosts.get(host, (0.0, None))
        if lookup is None or now >= until:
            self._forget_hosts(now)
            lookup = asyncio.create_task(self._find_addresses(host))
            lookup.add_done_callback(_retrieve)
            self._hosts[host] = (now + self._settings.interval_seconds, lookup)
        return await asyncio.shield(lookup)

    def _forget_hosts(self, now: float) -> None:
        """Drop what has run out, so that unused names take no memory."""
        if len(self._hosts) >= _KEPT_HOSTS:
            self._hosts = {host: kept for host, kept in self._hosts.items() if kept[0] > now}

    async def _find_addresses(self, host: str) -> tuple[str, ...]:
        turns = self._host_turns
        found = await asyncio.gather(
            self._ask(host, "A", turns), self._ask(host, "AAAA", turns), return_exceptions=True
        )
        addresses = [str(record) for answer in found if not isinstance(answer, BaseException) for record in answer[0]]
        if addresses:
            return tuple(sorted(set(addresses), key=_order_address))
        for answer in found:
            if isinstance(answer, BaseException):
                raise answer
        raise DiscoveryError(f"{host} does not resolve to an address")

    async def _find_by_port_name(self, name: str, service: str) -> dict[str, str]:
        records, additional = await self._ask(name, "SRV")
        _check_headless(records, service)
        _check_targets(records, service)
        ports = {record.target: record.port for record in records if isinstance(record, SRV) and len(record.target) > 1}
        missing = [target for target in ports if target not in additional]
        if missing:
            additional |= dict(zip(missing, await asyncio.gather(*map(self._find_target, missing)), strict=True))
        labels = _name_members(ports)
        return {
            labels[target]: _build_url(additional[target], port) for target, port in ports.items() if additional[target]
        }

    async def _find_by_port_number(self, service: str, port: int) -> dict[str, str]:
        addresses = [str(record) for record in (await self._ask(service, "A"))[0]]
        if not addresses:
            addresses = [str(record) for record in (await self._ask(service, "AAAA"))[0]]
        names = await self._find_pod_names(service) if addresses else {}
        return {names.get(address, address): _build_url(address, port) for address in addresses}

    async def _find_pod_names(self, service: str) -> dict[str, str]:
        """Return the pods' names by address, as far as DNS has them.

        Without them a replica is known by its address, or by the name that was known before.
        """
        try:
            records, additional = await self._ask(service, "SRV")
        except DiscoveryError:
            return {}
        _check_headless(records, service)
        own = dns.name.from_text(service)
        labels = _name_members(
            record.target for record in records if isinstance(record, SRV) and record.target.is_subdomain(own)
        )
        return {additional[target]: label for target, label in labels.items() if additional.get(target)}

    async def _find_target(self, target: dns.name.Name) -> str:
        """Return one address of an SRV target, IPv4 if it has one; empty if it is gone."""
        for kind in ("A", "AAAA"):
            records, _ = await self._ask(target, kind)
            if records:
                return min(map(str, records))
        return ""

    async def _ask(
        self, name: str | dns.name.Name, kind: str, turns: asyncio.Semaphore | None = None
    ) -> tuple[list[SRV | A | AAAA], dict[dns.name.Name, str]]:
        """Ask once: the records, and the addresses that came along with them.

        A name that does not exist has no records. Without `turns` it is the name of a Service or of one of its pods:
        the Service's author could point it anywhere by an alias, so none is followed.
        """
        try:
            async with turns or self._service_turns:
                answer = await heed_cancellation(
                    self._resolver.resolve(name, kind, lifetime=_LOOKUP_SECONDS, raise_on_no_answer=False, search=None)
                )
        except dns.resolver.NXDOMAIN:
            return [], {}
        except dns.exception.Timeout as error:  # its own text has the time that passed, each time another
            raise DiscoveryError(
                f"DNS look-up of {kind} {name} got no response in {_LOOKUP_SECONDS:g} s", "DnsTimeout"
            ) from error
        except (dns.exception.DNSException, OSError, ValueError) as error:
            reason = SCALER_LIMIT if _is_scaler_limit(error) else "DnsFailed"
            raise DiscoveryError(f"DNS look-up of {kind} {name} failed: {error}", reason) from error
        if answer.response.flags & dns.flags.TC:
            raise DiscoveryError(
                f"DNS look-up of {kind} {name} was truncated even over TCP: one response cannot hold that many;"
                " with the port as a number, a trigger finds up to 4,095 members",
                "DnsTruncated",
            )
        if turns is None and answer.canonical_name != answer.qname:
            raise DiscoveryError(
                f"{name} is an alias for {answer.canonical_name}, such as a Service of type ExternalName; use a"
                " headless Service with its own pods",
                FOREIGN_MEMBERS,
            )
        records = list(answer.rrset or ())
        return records, _collect_additional(answer.response)


def _is_scaler_limit(error: Exception) -> bool:
    """Return whether this process could not even ask; dnspython wraps the errors of all servers in one of its own."""
    collected = error.kwargs.get("errors", ()) if isinstance(error, dns.resolver.NoNameservers) else ()
    causes = [error, *(part for entry in collected for part in entry if isinstance(part, OSError))]
    return any(isinstance(cause, OSError) and cause.errno in SCALER_LIMITS for cause in causes)


def _check_headless(records: Iterable[SRV | A | AAAA], service: str) -> None:
    """Refuse SRV records that lead to the Service itself: with a cluster IP, DNS names no pod.

    Source: Kubernetes DNS-Based Service Discovery, 2.3.2 and 2.4.2.
    """
    own = dns.name.from_text(service)
    if any(isinstance(record, SRV) and record.target == own for record in records):
        name, namespace = service.split(".")[:2]
        raise NotHeadlessError(
            f"Service {namespace}/{name} is not headless: it has one address for all its pods. Use one with"
            " clusterIP: None and publishNotReadyAddresses: true.",
            NOT_HEADLESS,
        )


def _check_targets(records: Iterable[SRV | A | AAAA], service: str) -> None:
    """Refuse SRV records that lead out of the Service: each pod's name ends in the Service's own.

    Source: Kubernetes DNS-Based Service Discovery, 2.4.2.
    """
    own = dns.name.from_text(service)
    for record in records:
        if isinstance(record, SRV) and len(record.target) > 1 and not record.target.is_subdomain(own):
            raise DiscoveryError(
                f"an SRV record of {service} points to {record.target}, which is not one of its pods", FOREIGN_MEMBERS
            )


def _build_resolver(server: tuple[str, int] | None) -> dns.asyncresolver.Resolver:
    try:
        resolver = dns.asyncresolver.Resolver(configure=True)
    except dns.resolver.NoResolverConfiguration:
        resolver = dns.asyncresolver.Resolver(configure=False)
    if server is not None:
        resolver.nameservers = [server[0]]
        resolver.port = server[1]
    resolver.timeout = _LOOKUP_SECONDS / 2
    resolver.use_search_by_default = True
    return resolver


def _collect_additional(response: dns.message.QueryMessage) -> dict[dns.name.Name, str]:
    """Collect the addresses of SRV targets that the server sent along, IPv4 before IPv6."""
    addresses: dict[dns.name.Name, str] = {}
    for kind in (dns.rdatatype.AAAA, dns.rdatatype.A):
        for rrset in response.additional:
            if rrset.rdtype == kind and len(rrset):
                addresses[rrset.name] = min(map(str, rrset))
    return addresses


def _name_members(targets: Iterable[dns.name.Name]) -> dict[dns.name.Name, str]:
    """Name each SRV target by its first label, the pod's name; by its whole name where two share that."""
    firsts = {target: target.labels[0].decode("ascii", "replace") for target in targets}
    sharing = Counter(firsts.values())
    return {
        target: first if sharing[first] == 1 else target.to_text(omit_final_dot=True)
        for target, first in firsts.items()
    }


def _order_address(address: str) -> tuple[int, int]:
    """Order IPv4 before IPv6 and then by number: a name of several addresses is asked at the same one each time."""
    parsed = ip_address(address)
    return parsed.version, int(parsed)


def _build_url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _retrieve(lookup: asyncio.Task[tuple[str, ...]]) -> None:
    """Retrieve a failed lookup's error, because its callers may have stopped waiting."""
    if not lookup.cancelled():
        lookup.exception()
