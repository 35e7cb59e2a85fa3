"""One pool's part of a cluster, without a cluster: what an API server makes of the writes of a plan, one at a time.

Applying keeps what others have set, drops what we no longer apply, fills in defaults and leaves out what is empty.
"""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from controller.cluster.trims import trim_pod
from controller.observed.labels import build_labels, claim_name, pod_name
from controller.observed.observed import FleetView, ObservedPool
from controller.observed.plan_settings import PlanSettings
from controller.plan.plan import Plan, plan_pool
from devtools.pools.pool_manifests import build_manifest
from readpool.kubernetes.kinds import (
    ENDPOINT_SLICE,
    POD,
    PVC,
    SCALED_OBJECT,
    STATEFUL_SET,
    VOLUME_SNAPSHOT,
    Kind,
    ObjectKey,
    key_of,
    kind_of,
)
from readpool.pool.spec import parse_pool
from readpool.replica_class import ReplicaClass
from tests.unit.api_answers import keep_theirs, leave_out_empty, strip, write_time
from tests.unit.observed_pools import EVERYTHING, NOW, SETTINGS, VERSION, build_fleet, build_pod

MOST_ROUNDS = 5
WEIGHED: dict[str, Any] = {"loadBalancing": {"enabled": True}}
STATEFUL_SET_KEY = ObjectKey(STATEFUL_SET, "default", "pool")
SCALED_OBJECT_KEY = ObjectKey(SCALED_OBJECT, "default", "pool")
_DEFAULTS: dict[str, dict[str, Any]] = {
    "Service": {"sessionAffinity": "None", "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster"},
    "StatefulSet": {"minReadySeconds": 0},
    "ScaledObject": {"cooldownPeriod": 300},
}


@dataclass
class PoolWorld:
    """A pool, what it owns, its pods and claims; `fleet` is what the scaler says."""

    pool: dict[str, Any]
    objects: dict[ObjectKey, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    fleet: FleetView | None = None
    silent_since: float | None = None
    optional_kinds: frozenset[Kind] = EVERYTHING
    now: float = NOW
    settings: PlanSettings = field(default=SETTINGS, repr=False)

    @classmethod
    def make(cls, **spec: Any) -> "PoolWorld":
        """Make a pool that nobody has looked at yet."""
        manifest = build_manifest("pool", **({"version": VERSION} | spec))
        manifest["metadata"] |= {"uid": "uid-of-pool", "generation": 1}
        return cls(manifest)

    @classmethod
    def begin(cls, *classes: ReplicaClass, **spec: Any) -> "PoolWorld":
        """Make a pool whose replicas run and are of these classes, and which is at rest."""
        count = len(classes)
        bounds = {"minReplicas": 1, "targetReplicas": max(1, count), "maxReplicas": max(20, count)}
        world = cls.make(**(bounds | {"replicas": count} | spec))
        world.rest()
        world.settle()
        world.say(*classes)
        world.rest()
        return world

    @property
    def spec(self) -> dict[str, Any]:
        """The spec, to read; `change` writes."""
        spec: dict[str, Any] = self.pool["spec"]
        return spec

    @property
    def status(self) -> dict[str, Any]:
        """The status as it was last written."""
        status: dict[str, Any] = self.pool.get("status", {})
        return status

    def change(self, **spec: Any) -> None:
        """Change the spec as a person does."""
        self.pool["spec"] = {key: value for key, value in (self.spec | spec).items() if value is not None}
        self.pool["metadata"]["generation"] += 1

    def copy(self) -> "PoolWorld":
        """Copy all of it."""
        return copy.deepcopy(self)

    def say(self, *classes: ReplicaClass, **fields: Any) -> None:
        """Make the scaler report the replicas' classes, by ordinal, at the addresses that their pods have."""
        fleet = build_fleet(parse_pool(self.pool), *classes, **({"at": self.now, "heard_at": self.now} | fields))
        addresses = {name: pod["status"].get("podIP", "") for name, pod in self.pods.items()}
        self.fleet = replace(
            fleet,
            replicas=tuple(
                replace(view, address=f"{addresses[view.name]}:11627", observed_at=self.now - 1)
                for view in fleet.replicas
                if addresses.get(view.name)
            ),
        )

    def observe(self) -> ObservedPool:
        """Return what the controller sees."""
        return ObservedPool(
            parse_pool(self.pool),
            self.objects,
            pods=tuple(self.pods.values()),
            claims=tuple(self.claims.values()),
            fleet=self.fleet,
            fleet_silent_since=self.silent_since,
            optional_kinds=self.optional_kinds,
        )

    def plan(self) -> Plan:
        """Plan once."""
        return plan_pool(self.observe(), self.settings, self.now)

    def list_writes(self, plan: Plan) -> list[Callable[[], None]]:
        """List the writes of a plan in their order."""
        writes: list[Callable[[], None]] = [lambda p=p: self._patch(p.name, p.annotations) for p in plan.pod_patches]  # type: ignore[misc]
        writes += [lambda m=m: self._apply(m) for m in plan.apply]  # type: ignore[misc]
        writes += [lambda k=k: self._delete(k) for k in plan.delete]  # type: ignore[misc]
        writes += [lambda m=m: self._apply(m) for m in plan.shrink]  # type: ignore[misc]
        if plan.replicas is not None:
            writes.append(lambda: self.change(replicas=plan.replicas))
        if plan.is_status_changed:
            writes.append(lambda: self.pool.update(status=json.loads(json.dumps(plan.status))))
        return writes

    def step(self) -> Plan:
        """Plan, and carry it out."""
        plan = self.plan()
        for write in self.list_writes(plan):
            write()
        return plan

    def rest(self) -> list[Plan]:
        """Plan until there is nothing to do; return the plans.

        Raises:
            AssertionError: where that never comes.
        """
        plans = []
        for _ in range(MOST_ROUNDS):
            self.see_stateful_set()
            plans.append(self.step())
            if plans[-1].is_empty:
                return plans
        last = plans[-1]
        raise AssertionError(f"no rest: {last.applied} {last.delete} {last.pod_patches} {last.events} {last.status}")

    def see_stateful_set(self) -> None:
        """Update the StatefulSet's revision to its newest template; it is a hash of it."""
        for stateful_set in self._list_stateful_sets():
            status = {"observedGeneration": stateful_set["metadata"]["generation"], "updateRevision": self.revision}
            stateful_set["status"] = status

    @property
    def revision(self) -> str:
        """The revision of the StatefulSet's template."""
        templates = [one["spec"]["template"] for one in self._list_stateful_sets()]
        return f"{hash(json.dumps(templates, sort_keys=True)):x}"

    def settle(self) -> None:
        """Play the cluster's part: pods that are to go are gone, those that are missing are made."""
        for stateful_set in self._list_stateful_sets():
            wanted = [pod_name("pool", ordinal) for ordinal in range(stateful_set["spec"]["replicas"])]
            for name in [name for name, pod in self.pods.items() if _is_going(pod) or name not in wanted]:
                del self.pods[name]
            self._end_claims()
            self.see_stateful_set()
            for ordinal, name in enumerate(wanted):
                if name not in self.pods:
                    self._make_pod(ordinal, name)

    def is_settled(self) -> bool:
        """Whether nobody comes or goes, all are ready, and the scaler can be heard and calls them fresh."""
        pods, fleet = self.pods.values(), self.fleet
        if fleet is None or fleet.is_halted or self.silent_since is not None:
            return False
        sizes = [stateful_set["spec"]["replicas"] for stateful_set in self._list_stateful_sets()]
        fresh = [view for view in fleet.replicas if view.replica_class is ReplicaClass.FRESH]
        is_ready = all(pod["status"]["conditions"][0]["status"] == "True" for pod in pods)
        return (
            is_ready
            and sizes == [len(pods)] == [len(fresh)]
            and not any(map(_is_going, (*pods, *self.claims.values())))
        )

    def _end_claims(self) -> None:
        used = {claim_name("pool", int(name.rpartition("-")[2])) for name in self.pods}
        self.claims = {name: one for name, one in self.claims.items() if not _is_going(one) or name in used}

    def _make_pod(self, ordinal: int, name: str) -> None:
        self._uids = getattr(self, "_uids", 0) + 1
        pool = parse_pool(self.pool)
        address, uid = f"10.1.{self._uids // 250}.{self._uids % 250}", f"{name}-{self._uids}"
        made = next(self._list_stateful_sets())["spec"]["template"]
        self.pods[name] = build_pod(pool, ordinal, uid=uid, address=address, revision=self.revision)
        self.pods[name]["spec"] |= {"containers": trim_pod({"metadata": {}, **made})["spec"]["containers"]}
        claim = claim_name("pool", ordinal)
        spec = {"resources": {"requests": {"storage": str(pool.spec.storage.size)}}}
        metadata = {"name": claim, "namespace": "default", "uid": f"{claim}-{self._uids}"}
        self.claims.setdefault(claim, {"metadata": metadata | {"labels": build_labels("pool")}, "spec": spec})
        self.claims[claim].setdefault("status", {"phase": "Bound"})

    def read_endpoints(self) -> dict[str, tuple[str, int]]:
        """Read where readers are sent: address and weight by pod."""
        return {
            endpoint["targetRef"]["name"]: (
                endpoint["addresses"][0],
                int(manifest["metadata"]["annotations"]["stellar.org/weight"]),
            )
            for manifest in self.list_slices()
            for endpoint in manifest["endpoints"]
        }

    def read_condition(self, kind: str) -> tuple[str, str]:
        """Read a condition's status and reason."""
        return next((one["status"], one["reason"]) for one in self.status["conditions"] if one["type"] == kind)

    def list_slices(self, service: str = "pool") -> list[dict[str, Any]]:
        """List the EndpointSlices of a Service, as whoever routes finds them."""
        slices = [manifest for key, manifest in self.objects.items() if key.kind == ENDPOINT_SLICE]
        return [one for one in slices if one["metadata"]["labels"]["kubernetes.io/service-name"] == service]

    def dump(self) -> str:
        """Write down all that there is, but for what counts writes."""
        parts = [self.pool, *self.objects.values(), *self.pods.values(), *self.claims.values()]
        named = {f"{one.get('kind')} {one['metadata']['name']}": strip(one) for one in parts}
        return json.dumps(named, sort_keys=True, indent=1)

    def _list_stateful_sets(self) -> Iterator[dict[str, Any]]:
        yield from (manifest for key, manifest in self.objects.items() if key.kind == STATEFUL_SET)

    def _patch(self, name: str, annotations: Any) -> None:
        kept = self.pods[name]["metadata"]["annotations"] | dict(annotations)
        self.pods[name]["metadata"]["annotations"] = {key: text for key, text in kept.items() if text is not None}

    def _apply(self, manifest: Any) -> None:
        key = key_of(kind_of(manifest), manifest)
        where: dict[Any, dict[str, Any]] = self.claims if key.kind == PVC else self.objects
        index: Any = key.name if key.kind == PVC else key
        before = where.get(index, {})
        made = leave_out_empty(copy.deepcopy(manifest))
        if key.kind == PVC and before:
            made["spec"] = before["spec"] | made["spec"]
        made["spec"] = _DEFAULTS.get(key.kind.name, {}) | made.get("spec", {})
        keep_theirs(before, made)
        generation = before.get("metadata", {}).get("generation", 0)
        is_same = before.get("spec") == made["spec"]
        made["metadata"] |= {"uid": f"uid-of-{key.kind.name}-{key.name}", "generation": generation + (not is_same)}
        if key.kind in (PVC, VOLUME_SNAPSHOT):
            made_at = before.get("metadata", {}).get("creationTimestamp", write_time(self.now))
            made["metadata"]["creationTimestamp"] = made_at
        where[index] = made | ({"status": before["status"]} if "status" in before else {})

    def _delete(self, key: ObjectKey) -> None:
        ends_at = write_time(self.now)
        if key.kind == POD:
            self.pods[key.name]["metadata"]["deletionTimestamp"] = ends_at
        elif key.kind == PVC:
            self.claims[key.name]["metadata"]["deletionTimestamp"] = ends_at
        else:
            del self.objects[key]


def name_writes(plan: Plan) -> list[str]:
    """Name what a plan applies, in its order."""
    return [f"{one['kind']} {one['metadata']['name']}" for one in plan.applied]


def name_deleted(plan: Plan) -> list[str]:
    """Name what a plan deletes, in its order."""
    return [f"{key.kind.name} {key.name}" for key in plan.delete]


def _is_going(manifest: dict[str, Any]) -> bool:
    return "deletionTimestamp" in manifest["metadata"]
