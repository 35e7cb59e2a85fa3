"""Why a pod does not come up, in the words of whoever has tried: counted in Ready, told by Stalled once it lasts."""

from typing import Any

import pytest

from controller.replicas.pod_troubles import count_troubles, find_trouble, read_unready_since
from tests.unit.observed_pools import CATCHING_UP, FRESH, NOW, UNKNOWN, UNREACHABLE, build_pod, build_pool
from tests.unit.pool_world import WEIGHED, PoolWorld

IMAGE = "docker.io/stellar/stellar-core:v21.0.0"
AVAILABLE = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: }. preemption: 0/3 nodes."
UNBOUND = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: none."


def unscheduled(message: str) -> dict[str, Any]:
    gone = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [gone]}


def container(name: str = "stellar-core", kind: str = "containerStatuses", **state: Any) -> dict[str, Any]:
    return {"phase": "Pending", kind: [{"name": name, "image": IMAGE, "ready": False} | state]}


def waiting(reason: str, message: str = "", **state: Any) -> dict[str, Any]:
    return container(state={"waiting": {"reason": reason, "message": message}}, **state)


def ended(**how: Any) -> dict[str, Any]:
    return {"lastState": {"terminated": {"exitCode": 1, "reason": "Error"} | how}}


LOG = "2026-01-01 starting\nCould not open log file /var/log/x, check access rights\n\n"
PENDING = {"spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}}
BOUND = {"spec": {"storageClassName": "fast"}, "status": {"phase": "Bound"}}
TROUBLES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, str]] = {
    "no image": (waiting("ErrImagePull", "not found"), None, f"cannot pull {IMAGE} (ErrImagePull)"),
    "no image, later": (waiting("ImagePullBackOff"), None, f"cannot pull {IMAGE} (ImagePullBackOff)"),
    "no room": (
        unscheduled(AVAILABLE),
        None,
        "cannot be scheduled (Insufficient cpu, had untolerated taint {a: })",
    ),
    "no node, and nobody says why": (unscheduled(""), None, "cannot be scheduled"),
    "a volume that does not come": (
        unscheduled(UNBOUND),
        PENDING,
        "waits for its PersistentVolume (StorageClass fast)",
    ),
    "the same, without a claim to be seen": (
        unscheduled(UNBOUND),
        None,
        "waits for its PersistentVolume (none is bound)",
    ),
    "a container that waits for it": (
        waiting("ContainerCreating"),
        PENDING,
        "waits for its PersistentVolume (StorageClass fast)",
    ),
    "a crash, with its last line": (
        waiting("CrashLoopBackOff", "back-off 5m0s", **ended(message=LOG)),
        None,
        "crashes (stellar-core: Could not open log file /var/log/x, check access rights)",
    ),
    "a crash without a word": (waiting("CrashLoopBackOff", **ended()), None, "crashes (stellar-core: exit code 1)"),
    "one that has just ended": (
        container(state={"terminated": {"exitCode": 139, "reason": "Error"}}),
        None,
        "crashes (stellar-core: exit code 139)",
    ),
    "out of memory": (
        waiting("CrashLoopBackOff", **ended(reason="OOMKilled", exitCode=137)),
        None,
        "runs out of memory (stellar-core: OOMKilled)",
    ),
    "the preparation fails": (
        waiting("CrashLoopBackOff", kind="initContainerStatuses", name="prepare", **ended(message="disk is full")),
        None,
        "crashes (prepare: disk is full)",
    ),
    "a Secret that is missing": (
        waiting("CreateContainerConfigError", 'secret "keys" not found'),
        None,
        'cannot start (CreateContainerConfigError: secret "keys" not found)',
    ),
}


@pytest.mark.parametrize(("status", "claim", "told"), TROUBLES.values(), ids=TROUBLES.keys())
def test_a_pod_says_what_keeps_it(status: dict[str, Any], claim: dict[str, Any] | None, told: str) -> None:
    found = find_trouble({"metadata": {"name": "pool-0"}, "status": status}, claim)
    assert found is not None
    assert found.one == told


@pytest.mark.parametrize(
    ("status", "claim"),
    [
        pytest.param({}, None, id="nothing is known yet"),
        pytest.param(waiting("ContainerCreating"), BOUND, id="it is being made"),
        pytest.param(waiting("PodInitializing"), None, id="it is being prepared"),
        pytest.param(container(state={"running": {}}), PENDING, id="it runs"),
        pytest.param(container(state={"running": {}}, **ended()), None, id="it runs again"),
        pytest.param(container(state={"terminated": {"exitCode": 0}}), None, id="it ended well"),
    ],
)
def test_and_nothing_keeps_one_of_which_nothing_bad_is_known(
    status: dict[str, Any], claim: dict[str, Any] | None
) -> None:
    assert find_trouble({"metadata": {"name": "pool-0"}, "status": status}, claim) is None


def test_a_long_word_is_cut() -> None:
    found = find_trouble({"metadata": {}, "status": waiting("CrashLoopBackOff", **ended(message="x" * 4000))})
    assert found is not None
    assert len(found.one) < 200


def test_troubles_are_counted_the_most_frequent_first() -> None:
    pods = [waiting("ErrImagePull")] * 3 + [unscheduled("0/1 nodes are available: 1 Insufficient cpu.")] * 2
    found = [find_trouble({"metadata": {}, "status": status}) for status in pods]
    told = count_troubles(one for one in found if one is not None)
    assert told == f"3 cannot pull {IMAGE} (ErrImagePull), 2 cannot be scheduled (Insufficient cpu)"
    assert count_troubles(one for one in found[-1:] if one is not None) == "1 cannot be scheduled (Insufficient cpu)"


def test_since_when_a_pod_is_not_ready_is_told_by_its_condition_or_else_by_its_age() -> None:
    pod = build_pod(build_pool(), 0, is_ready=False)
    assert read_unready_since(pod) is None
    pod["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z"
    assert read_unready_since(pod) == NOW
    pod["status"]["conditions"][0]["lastTransitionTime"] = "2023-11-14T22:13:30Z"
    assert read_unready_since(pod) == NOW + 10


def read_message(world: PoolWorld, kind: str) -> str:
    return str(next(one["message"] for one in world.status["conditions"] if one["type"] == kind))


def test_ready_counts_what_keeps_a_pool() -> None:
    world = PoolWorld.make(replicas=5)
    world.rest()
    assert read_message(world, "Ready") == "0 of 5 replicas are ready: 5 not created yet"
    world.settle()
    for ordinal, pod in enumerate(world.pods.values()):
        room = unscheduled("0/1 nodes are available: 1 Insufficient cpu.")
        pod["status"] = waiting("ErrImagePull") if ordinal < 3 else room if ordinal < 4 else {"phase": "Pending"}
    world.rest()
    assert read_message(world, "Ready") == (
        f"0 of 5 replicas are ready: 3 cannot pull {IMAGE} (ErrImagePull), 1 cannot be scheduled (Insufficient cpu),"
        " 1 starting"
    )


def test_what_lasts_stalls_the_pool_and_what_ends_does_not() -> None:
    world = PoolWorld.begin(FRESH, FRESH, UNKNOWN)
    pod = world.pods["pool-2"]
    pod["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z"
    ready, pod["status"] = pod["status"], unscheduled("0/1 nodes are available: 1 Insufficient cpu.")
    world.rest()
    assert world.read_condition("Stalled") == ("False", "NotStalled")
    assert (world.plan().requeue_after_seconds or 0) <= 600
    world.now = NOW + 600
    plan, *_ = world.rest()
    assert world.read_condition("Stalled") == ("True", "ReplicaStuck")
    assert (
        read_message(world, "Stalled")
        == "Not ready for more than 10 min: pool-2 cannot be scheduled (Insufficient cpu)"
    )
    assert [(event.reason, event.is_warning) for event in plan.events] == [("ReplicaStuck", True)]
    pod["status"] = ready
    world.say(FRESH, FRESH, CATCHING_UP)
    world.rest()
    assert world.read_condition("Stalled") == ("False", "NotStalled")


def test_a_pool_that_comes_up_warns_of_nothing_in_its_first_minutes() -> None:
    world = PoolWorld.make(replicas=2, minReplicas=1, targetReplicas=2, **WEIGHED)
    world.pool["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z"
    told = [event for plan in world.rest() for event in plan.events]
    world.settle()
    for classes in ((UNKNOWN, UNKNOWN), (UNREACHABLE, UNREACHABLE), (CATCHING_UP, CATCHING_UP), (FRESH, CATCHING_UP)):
        world.now += 5
        world.say(*classes)
        told += [event for plan in world.rest() for event in plan.events]
    assert [event for event in told if event.is_warning] == []
    world.now += 5
    world.say(FRESH, FRESH)
    world.rest()
    world.say(CATCHING_UP, CATCHING_UP)  # it has been well, so this is news
    told = [event for plan in world.rest() for event in plan.events]
    assert {event.reason for event in told if event.is_warning} == {"NoneFresh"}


def test_what_no_time_mends_is_told_at_once() -> None:
    world = PoolWorld.make(coreConfigOverride="HTTP_PORT = 1")
    world.pool["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z"
    assert "InvalidConfiguration" in {
        event.reason for plan in world.rest() for event in plan.events if event.is_warning
    }


def test_whose_core_runs_and_has_never_answered_may_be_catching_up_before_run() -> None:
    world = PoolWorld.begin(FRESH, FRESH, UNKNOWN)
    pod = world.pods["pool-2"]
    pod["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z"
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": "2023-11-14T22:13:20Z"}]
    running = {"name": "stellar-core", "state": {"running": {"startedAt": "2023-11-14T22:13:30Z"}}}
    pod["status"]["containerStatuses"] = [running]
    world.now = NOW + 3600
    world.rest()
    assert world.read_condition("Stalled") == ("False", "NotStalled")
    assert world.plan().requeue_after_seconds == 10
    world.now = NOW + 3610
    world.rest()
    assert world.read_condition("Stalled") == ("True", "ReplicaStuck")
