"""What holds of a pool's HTTPRoute whatever the pool, its replicas and the scaler's word are."""

from hypothesis import given
from hypothesis import strategies as st

from controller.resources.http_route import MOST_WEIGHT
from readpool.kubernetes.kinds import HTTP_ROUTE
from readpool.replica_class import ReplicaClass
from tests.unit.drawn_worlds import CLASSES, few, list_alive, worlds
from tests.unit.pool_routes import HTTP_ROUTE_KEY, read_backends
from tests.unit.pool_world import PoolWorld


def list_reached(world: PoolWorld) -> set[str]:
    """List who is sent readers by the HTTPRoute and is alive."""
    alive = list_alive(world)
    backends = [addresses for weight, addresses in read_backends(world).values() if weight]
    return {pod for one in backends for pod, address in one.items() if alive.get(pod) == address}


@few
@given(worlds())
def test_no_reader_of_the_route_falls_between_two_writes(world: PoolWorld) -> None:
    first = world.copy()
    first.rest()
    staying = list_reached(world) & list_reached(first)
    for _ in range(4):
        missed = list_empty_backends(world)
        for write in world.list_writes(world.plan()):
            write()
            assert HTTP_ROUTE_KEY not in first.objects or list_reached(world) >= staying
            assert list_empty_backends(world) <= missed or not list_alive(world)
    assert bool(list_reached(world)) is (HTTP_ROUTE_KEY in world.objects and bool(list_alive(world)))


MOST_WRITES = 12
ROUTED = {"loadBalancing": {"enabled": True, "httpRoute": {"parentRefs": [{"name": "edge"}]}}}
TURNS = st.lists(
    st.tuples(st.lists(CLASSES, min_size=4, max_size=4), st.integers(0, MOST_WRITES)), min_size=2, max_size=4
)


@few
@given(worlds())
def test_nor_one_of_an_implementation_that_applies_slices_before_the_route(world: PoolWorld) -> None:
    world.rest()
    for _ in range(3):
        if HTTP_ROUTE_KEY not in world.objects:
            return
        sent = {name for name, (weight, there) in read_backends(world).items() if weight and list_there(world, there)}
        old = world.objects[HTTP_ROUTE_KEY]
        for write in world.list_writes(world.plan()):
            write()
            late = world.copy()
            late.objects[HTTP_ROUTE_KEY] = old
            assert all(list_there(late, read_backends(late)[name][1]) for name in sent)
        world.settle()
        world.say(*[one for one in reversed(ReplicaClass) for _ in range(2)])


def list_there(world: PoolWorld, addresses: dict[str, str]) -> set[str]:
    """List whose pods are there, also those that drain."""
    return {pod for pod, address in addresses.items() if pod in world.pods}


@few
@given(TURNS)
def test_nor_does_one_where_classes_change_before_a_plan_is_at_its_end(
    turns: list[tuple[list[ReplicaClass], int]],
) -> None:
    world = PoolWorld.begin(*turns[0][0], **ROUTED)
    for classes, written in [*turns[1:], (turns[-1][0], MOST_WRITES), (turns[-1][0], MOST_WRITES)]:
        world.say(*classes)
        whole = world.copy()
        whole.rest()
        staying = list_reached(world) & list_reached(whole)
        for write in world.list_writes(world.plan())[:written]:
            write()
            assert list_reached(world) >= staying
            assert not list_empty_backends(world)
    assert world.plan().apply == ()


def list_empty_backends(world: PoolWorld) -> set[str]:
    """List the Services that readers are sent to and nobody is behind."""
    alive = list_alive(world)
    backends = read_backends(world).items()
    return {
        name
        for name, (weight, addresses) in backends
        if weight and not any(alive.get(pod) == address for pod, address in addresses.items())
    }


@few
@given(worlds())
def test_the_route_gives_each_class_the_share_that_its_replicas_weigh(world: PoolWorld) -> None:
    world.rest()
    assert (HTTP_ROUTE_KEY in world.objects) is (
        "httpRoute" in world.spec["loadBalancing"] and HTTP_ROUTE in world.optional_kinds
    )
    backends, weights = read_backends(world), world.read_endpoints()
    for name, (weight, addresses) in backends.items():
        assert 0 <= weight <= MOST_WEIGHT
        assert weight in (0, sum(weights.get(pod, ("", 0))[1] for pod in addresses)) or not weights
        assert not weight or all(weights[pod][0] == address for pod, address in addresses.items()), name
        assert all(world.pods[pod]["status"]["podIP"] == address for pod, address in addresses.items()), name
    told = [pod for weight, addresses in backends.values() for pod in addresses if weight]
    assert sorted(told) == sorted(weights) or not backends
